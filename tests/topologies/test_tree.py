"""The tree of chiplets: who is who, who is wired to whom, and the ways between them."""

import pytest

from hecasim.errors import ConfigError
from hecasim.topologies import ATTENTION, EXPERT, SWITCH, make

MOZART = make("tree", 1, 4, 4)


def ends(topology, numbers):
    return [topology.links[number] for number in numbers]


def test_the_tree_of_mozart_has_one_root_four_switches_and_sixteen_expert_chiplets():
    """Arxiv 2603.07006, section 4.4: 40 directed links, 8 at the root and 8 in each group."""
    assert MOZART.roles == (ATTENTION,) + 4 * (SWITCH,) + 16 * (EXPERT,)
    assert (MOZART.size, len(MOZART.links), MOZART.rows, MOZART.columns) == (21, 2 * (4 + 16), 1, 21)
    assert (list(MOZART.roots), list(MOZART.switches)) == ([0], [1, 2, 3, 4])
    assert list(MOZART.chiplets_of(2)) == [13, 14, 15, 16]
    assert [MOZART.switch_of(tile) for tile in range(1, 21)] == [1, 2, 3, 4, *(4 * [1] + 4 * [2] + 4 * [3] + 4 * [4])]
    with pytest.raises(ValueError, match="of no group"):
        MOZART.switch_of(0)


def test_tiles_are_called_by_role_and_place():
    two = make("tree", 2, 3, 2)
    names = [two.name_of(tile) for tile in (0, 1, 2, 4, 5, 6, 10)]
    assert names == ["attention 0", "attention 1", "switch 0", "switch 2", "expert 0.0", "expert 0.1", "expert 2.1"]
    assert repr(two) == "Tree(2, 3, 2)"


def test_a_message_goes_up_no_further_than_it_must():
    two = make("tree", 2, 3, 2)  # attention 0 1, switches 2 3 4, chiplets 5 6 | 7 8 | 9 10
    assert ends(two, two.route(1, 9)) == [(1, 4), (4, 9)]
    assert ends(two, two.route(9, 0)) == [(9, 4), (4, 0)]
    assert ends(two, two.route(5, 6)) == [(5, 2), (2, 6)]
    assert two.route(5, 5) == ()


def test_attention_chiplets_meet_at_a_switch_and_groups_at_an_attention_chiplet_both_spread_by_number():
    two = make("tree", 2, 3, 2)
    assert ends(two, two.route(0, 1)) == [(0, 3), (3, 1)]  # switch (0 + 1) % 3
    assert ends(two, two.route(5, 7)) == [(5, 2), (2, 1), (1, 3), (3, 7)]  # groups 0 and 1: attention (0 + 1) % 2
    assert ends(two, two.route(5, 10)) == [(5, 2), (2, 0), (0, 4), (4, 10)]
    four = make("tree", 4, 2, 1)
    assert ends(four, four.route(1, 2)) == [(1, 5), (5, 2)]  # switch (1 + 2) % 2


def test_a_multicast_forks_in_the_switches():
    tree = MOZART.multicast(0, [5, 6, 9])
    assert {tile: ends(MOZART, numbers) for tile, numbers in tree.items()} == {
        0: [(0, 1), (0, 2)], 1: [(1, 5), (1, 6)], 2: [(2, 9)],
    }  # fmt: skip


def test_orders_are_natural():
    assert MOZART.ring_order([9, 5, 7]) == MOZART.line_order([7, 5, 9]) == (5, 7, 9)


@pytest.mark.parametrize("shape", [(0, 4, 4), (1, 0, 4), (1, 4, 0)])
def test_a_tree_without_roots_groups_or_chiplets_is_refused(shape):
    with pytest.raises(ConfigError, match="each is at least 1"):
        make("tree", *shape)
