"""From one placement to another: names of chiplets are free, experts that change theirs are counted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hecasim.errors import ConfigError
from hecasim.experts import Placement, Site
from hecasim.experts.moving import move

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


def test_placements_of_different_sites_have_no_way():
    with pytest.raises(ConfigError, match="different chiplets"):
        move(placed([0, 1]), placed([0, 1], Site(2, 1)))
