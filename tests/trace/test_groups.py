"""Group tables: every tile once, members in the order of the group's digits, and names that tell."""

from math import prod

from hypothesis import assume, given
from hypothesis import strategies as st

from hecasim.parallel.layout import Layout, Segment, normal
from hecasim.parallel.reshard import Atom
from hecasim.trace.groups import copy_group, group_name, group_size, members

AXES = (("r", 4), ("c", 8))


@st.composite
def groups(draw):
    found = []
    for axis, size in AXES:
        sizes = [one for one in (1, 2, 4, 8) if one <= size]
        width = draw(st.sampled_from(sizes))
        if width > 1:
            stride = draw(st.sampled_from([one for one in sizes if one * width <= size]))
            found.append(Atom(axis, stride, width))
    assume(found)  # nobody exchanges in a group without digits
    return tuple(found)


@given(groups())
def test_groups_of_equal_size_hold_every_tile_once(group):
    table = members(group, AXES)
    assert {len(tiles) for tiles in table} == {group_size(group)}
    assert sorted(tile for tiles in table for tile in tiles) == list(range(32))


@given(groups())
def test_members_differ_only_in_the_digits_of_their_group(group):
    def outside(tile):
        digits = dict(zip("rc", divmod(tile, 8), strict=True))
        for axis, stride, size in group:
            digits[axis] -= digits[axis] // stride % size * stride
        return tuple(digits.values())

    for tiles in members(group, AXES):
        assert len({outside(tile) for tile in tiles}) == 1
        assert list(tiles) == sorted(tiles)


@given(groups(), groups())
def test_different_groups_have_different_names(one, other):
    assert (group_name(one, AXES) == group_name(other, AXES)) == (one == other)


def test_whole_axes_are_called_by_their_letter():
    assert group_name((Atom("r", 1, 4),), AXES) == "r"
    assert group_name((Atom("r", 1, 4), Atom("c", 1, 8)), AXES) == "r.c"
    assert group_name((Atom("c", 2, 4),), AXES) == "c/4x2"


@given(st.lists(st.sampled_from([0, 1, None]), min_size=3, max_size=3))
def test_copies_are_as_many_as_their_group_is_large(duties):
    layout = Layout(((Segment(4, 0),), normal([Segment(2, duty) for duty in duties])))
    group = copy_group(layout, AXES)
    assume(group)
    assert prod(atom.size for atom in group) == layout.copies == 2 ** duties.count(None)
    assert {len(tiles) for tiles in members(group, AXES)} == {layout.copies}
