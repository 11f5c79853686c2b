"""From one placement to another: names of chiplets are free, experts that change theirs are counted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hecasim.errors import ConfigError
from hecasim.experts import Placement, Site
from hecasim.experts.moving import move
from hecasim.experts.moving_cost import MovingRates, moving_rates, moving_s
from hecasim.specs import load_package

SITE = Site(4, 2)


def placed(row, site=SITE):
    return Placement("x", site, np.array([row], np.int16))


def test_other_names_of_chiplets_and_groups_move_nothing():
    old = placed([0, 0, 1, 1, 2, 2, 3, 3])
    new = placed([3, 3, 2, 2, 1, 1, 0, 0])  # groups swapped, chiplets swapped inside both
    way = move(old, new)
    assert way.experts.tolist() == [0]
    assert np.array_equal(way.new.chiplet_of, old.chiplet_of)


def test_one_exchange_moves_two():
    assert move(placed([0, 0, 1, 1, 2, 2, 3, 3]), placed([0, 2, 1, 1, 0, 2, 3, 3])).experts.tolist() == [2]


@given(st.permutations(np.arange(16) % 4), st.permutations(np.arange(16) % 4))
def test_renaming_keeps_who_lives_with_whom(before, after):
    old, new = placed(before), placed(after)
    way = move(old, new)
    together = [row[:, None] == row[None, :] for row in (new.chiplet_of[0], way.new.chiplet_of[0])]
    assert np.array_equal(*together)
    in_group = [row[:, None] == row[None, :] for row in (new.group_of[0], way.new.group_of[0])]
    assert np.array_equal(*in_group)
    assert way.experts[0] == np.count_nonzero(way.new.chiplet_of != old.chiplet_of)
    assert way.experts[0] <= 14  # of four pairs of groups the best keeps an expert per chiplet


def test_only_experts_that_change_their_group_cross_between_dram():
    inside = move(placed([0, 0, 1, 1, 2, 2, 3, 3]), placed([0, 1, 0, 1, 2, 3, 2, 3]))
    assert inside.experts.tolist() == [4]
    assert inside.between_groups.tolist() == [[0, 0], [0, 0]]
    across = move(placed([0, 0, 1, 1, 2, 2, 3, 3]), placed([0, 2, 1, 1, 0, 2, 3, 3]))
    assert across.between_groups.tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize(
    ("flows", "dram", "link", "seconds"),
    [
        # Out of group 0: 3 experts of 100 bytes over a link of 50 B/s in that direction; its DRAM reads 3 and writes 1.
        ([[0, 2, 1], [1, 0, 0], [0, 0, 0]], 1000.0, 50.0, 6.0),
        ([[0, 2, 1], [1, 0, 0], [0, 0, 0]], 40.0, 50.0, 10.0),
        # Into group 2: 4 experts.
        ([[0, 0, 2], [0, 0, 2], [0, 0, 0]], float("inf"), 50.0, 8.0),
        ([[0, 0], [0, 0]], 1.0, 1.0, 0.0),
    ],
)
def test_the_time_to_move_is_that_of_the_busiest_dram_or_link(flows, dram, link, seconds):
    assert moving_s(np.array(flows), 100, MovingRates(dram, link)) == seconds


def test_rates_of_a_tree_are_those_of_its_stacks_and_root_links():
    rates = moving_rates(load_package("mozart_qwen3_ssd"))
    assert rates == MovingRates(15.8e9, 509 * 0.125e9)
    with pytest.raises(ConfigError, match="hecaton_4x4_standard is a mesh; expected a tree"):
        moving_rates(load_package("hecaton_4x4_standard"))


def test_placements_of_different_sites_have_no_way():
    with pytest.raises(ConfigError, match="different chiplets"):
        move(placed([0, 1]), placed([0, 1], Site(2, 1)))
