"""Layouts: mixed radix, balanced ragged shares, and what an operand needs against what an operator makes."""

from math import gcd, prod

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hecasim.parallel.layout import (
    PARTIAL,
    Layout,
    Segment,
    assign,
    coordinates,
    local_dims,
    local_extents,
    making,
    normal,
    positions,
    reading,
    share,
)

INDICES = ("b", "s", "h", "e")
sides = st.integers(1, 12)
extents = st.fixed_dictionaries({index: st.integers(1, 40) for index in INDICES})
orders = st.permutations(INDICES).flatmap(lambda order: st.integers(1, 4).map(lambda n: tuple(order[:n])))


def grid(rows, columns):
    return (("r", rows), ("c", columns))


@given(sides, sides, extents, orders, orders)
def test_an_axis_is_spent_whole_on_its_indices(rows, columns, extent, first, second):
    cuts = assign((("r", first), ("c", second)), grid(rows, columns), extent)
    assert prod(segment.size for segment in cuts["r"]) == rows
    assert prod(segment.size for segment in cuts["c"]) == columns


@given(sides, sides, extents)
def test_an_axis_the_table_does_not_name_holds_copies(rows, columns, extent):
    cuts = assign((("r", ("h",)),), grid(rows, columns), extent)
    assert cuts["c"] == normal([Segment(columns, None)])
    layout = reading(("h",), cuts, grid(rows, columns))
    assert layout.copies == columns
    assert not layout.partial


def test_each_index_takes_what_divides_it_and_the_last_takes_the_rest():
    cuts = assign((("r", ("b", "s", "h")),), grid(12, 1), {"b": 4, "s": 9, "h": 5})
    assert cuts["r"] == (Segment(4, "b"), Segment(3, "s"))
    cuts = assign((("r", ("b", "h")),), grid(12, 1), {"b": 4, "h": 5})
    assert cuts["r"] == (Segment(4, "b"), Segment(3, "h"))


def test_a_second_axis_takes_only_what_the_first_left():
    cuts = assign((("c", ("b", "s")), ("r", ("b", "s"))), grid(4, 4), {"b": 4, "s": 64})
    assert cuts == {"c": (Segment(4, "b"),), "r": (Segment(4, "s"),)}


@given(sides, st.integers(1, 40), st.integers(1, 40))
def test_the_first_of_two_indices_takes_the_greatest_common_divisor(side, first, second):
    cuts = assign((("r", ("b", "s")),), grid(side, 1), {"b": first, "s": second})
    taken = prod(segment.size for segment in cuts["r"] if segment.place == "b")
    assert taken == gcd(side, first)


@given(st.integers(0, 1000), st.integers(1, 60))
def test_shares_are_balanced_and_add_up(extent, parts):
    shares = share(extent, parts, np.arange(parts))
    assert shares.sum() == extent
    assert shares.max() - shares.min() <= 1
    assert list(shares) == sorted(shares, reverse=True)


@given(sides, sides, extents, orders, orders)
def test_local_loops_cover_every_point_once_per_copy(rows, columns, extent, first, second):
    axes = grid(rows, columns)
    cuts = assign((("r", first), ("c", second)), axes, extent)
    local = local_extents(cuts, axes, extent)
    points = np.prod([local[index] for index in INDICES], axis=0)
    assert points.sum() == prod(extent.values())


@given(sides, sides, extents, orders, orders)
def test_a_tensor_is_held_once_per_copy_and_partial_sum(rows, columns, extent, first, second):
    axes, dims = grid(rows, columns), ("s", "h")
    cuts = assign((("r", first), ("c", second)), axes, extent)
    layout = reading(dims, cuts, axes)
    held = np.prod(local_dims(layout, axes, [extent[index] for index in dims]), axis=0)
    assert held.sum() == layout.copies * extent["s"] * extent["h"]


@given(sides, sides, extents, orders, orders)
def test_a_result_is_partial_where_a_summed_index_is_cut(rows, columns, extent, first, second):
    axes = grid(rows, columns)
    cuts = assign((("r", first), ("c", second)), axes, extent)
    made = making(("b", "s"), frozenset(("b", "s", "h")), cuts, axes)
    summed = any(segment.place == "h" for segments in cuts.values() for segment in segments)
    assert made.partial == summed
    copies = prod(segment.size for segments in cuts.values() for segment in segments if segment.place == "e")
    assert made.copies == copies


@given(sides, sides)
def test_tiles_are_numbered_through_the_axes_in_order(rows, columns):
    row, column = coordinates(grid(rows, columns))
    assert list(row * columns + column) == list(range(rows * columns))


def test_parts_of_a_dimension_are_counted_major_axis_and_digit_first():
    axes = grid(2, 6)
    layout = Layout((normal([Segment(2, 0)]), (Segment(2, 1), Segment(3, 0))))
    position, parts = positions(layout.axes, 0, axes)
    assert parts == 6
    assert list(position) == [0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5]


def test_neighbours_of_one_duty_are_one_segment_and_ones_vanish():
    assert normal([Segment(2, 0), Segment(3, 0), Segment(1, PARTIAL)]) == (Segment(6, 0),)
    assert normal([Segment(2, 0), Segment(1, 1), Segment(3, 0)]) == (Segment(6, 0),)
