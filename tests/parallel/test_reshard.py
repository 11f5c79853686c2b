"""Exchanges: the difference between two layouts, by name and group, and by really moving a tensor."""

from collections import defaultdict
from itertools import pairwise, product
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hecasim.parallel.layout import PARTIAL, Layout, Segment, normal
from hecasim.parallel.reshard import ORDER, Atom, exchanges
from hecasim.trace.groups import copy_group, group_name, members

GRID = (("r", 2), ("c", 6))


def layout(rows, columns):
    return Layout((normal([Segment(*one) for one in rows]), normal([Segment(*one) for one in columns])))


def kinds(have, want, axes=GRID):
    return [(move.kind, group_name(move.group, axes)) for move in exchanges(have, want, axes)]


CUT, OTHER, SUM, COPY = 0, 1, PARTIAL, None


@pytest.mark.parametrize(
    ("have", "want", "expected"),
    [
        (CUT, CUT, []), (COPY, COPY, []), (COPY, CUT, []), (SUM, SUM, []), (COPY, SUM, []),
        (CUT, COPY, ["all_gather"]), (SUM, CUT, ["reduce_scatter"]), (SUM, COPY, ["all_reduce"]),
        (CUT, OTHER, ["all_to_all"]),
    ],
)  # fmt: skip
def test_the_difference_of_two_duties_is_one_collective(have, want, expected):
    assert kinds(layout([(2, None)], [(6, have)]), layout([(2, None)], [(6, want)])) == [
        (kind, "c") for kind in expected
    ]


def test_both_axes_of_one_kind_are_one_group():
    assert kinds(layout([(2, 0)], [(6, 0)]), layout([(2, None)], [(6, None)])) == [("all_gather", "r.c")]


def test_sums_shrink_before_anything_is_gathered():
    moves = kinds(layout([(2, SUM)], [(6, 0)]), layout([(2, 0)], [(6, None)]))
    assert moves == [("reduce_scatter", "r"), ("all_gather", "c")]


def test_different_factorisations_are_cut_at_each_others_boundaries():
    moves = exchanges(layout([], [(6, 0)]), layout([], [(2, 0), (3, None)]), (("r", 1), ("c", 6)))
    assert [(move.kind, move.group) for move in moves] == [("all_gather", (Atom("c", 1, 3),))]
    moves = exchanges(layout([], [(2, SUM), (3, 0)]), layout([], [(2, None), (3, 1)]), (("r", 1), ("c", 6)))
    assert [(move.kind, move.group) for move in moves] == [
        ("all_reduce", (Atom("c", 3, 2),)), ("all_to_all", (Atom("c", 1, 3),)),
    ]  # fmt: skip


def test_factorisations_that_do_not_divide_each_other_go_through_copies():
    axes = (("r", 1), ("c", 6))
    moves = exchanges(layout([], [(2, 0), (3, 1)]), layout([], [(3, 0), (2, 1)]), axes)
    assert [(move.kind, move.group) for move in moves] == [("all_gather", (Atom("c", 1, 6),))]
    assert moves[0].after.copies == 6


def test_a_group_table_names_every_tile_once():
    for group in ((Atom("c", 1, 6),), (Atom("c", 3, 2),), (Atom("c", 1, 3),), (Atom("r", 1, 2), Atom("c", 2, 3))):
        table = members(group, GRID)
        assert sorted(tile for tiles in table for tile in tiles) == list(range(12))
        assert {len(tiles) for tiles in table} == {prod(atom.size for atom in group)}


def test_copies_stand_on_the_tiles_of_their_group():
    held = layout([(2, None)], [(2, 0), (3, None)])
    assert copy_group(held, GRID) == (Atom("r", 1, 2), Atom("c", 1, 3))
    assert members(copy_group(held, GRID), GRID) == ((0, 1, 2, 6, 7, 8), (3, 4, 5, 9, 10, 11))


# --- moving numbers ---------------------------------------------------------------------------------------------------
# A dimension's index is a number with one digit per factor that ever cuts it (rule: tensors are read through digits);
# a shard pins the digits of its own segments. So every exchange can be played on real arrays.


def digits_of(layouts, dimension):
    """Distinct factors (axis number, stride, size), as fine as the layouts' own segments, that cut *dimension*."""
    found = {}
    for one in layouts:
        for number, segments in enumerate(one.axes):
            stride = prod(segment.size for segment in segments)
            for size, place in segments:
                stride //= size
                if place == dimension:
                    found[number, stride, size] = None
    return list(found)


def primes(number):
    found, factor = [], 2
    while number > 1:
        while number % factor == 0:
            found.append(factor)
            number //= factor
        factor += 1
    return found


class Moved:
    """A tensor of two dimensions whose shards lie on the tiles of a grid of axes that are powers of two."""

    def __init__(self, axes, seed):
        self.axes = axes
        self.bits = [(number, 2**bit) for number, (_, size) in enumerate(axes) for bit in range(len(primes(size)))]
        shape = [2] * (2 * len(self.bits))  # one digit per bit of every axis, for each of two dimensions
        self.whole = np.random.default_rng(seed).integers(-50, 50, shape)
        self.tiles = list(product(*(range(size) for _, size in axes)))

    def duty(self, layout, bit):
        """What the segment that holds a bit of an axis does."""
        number, weight = bit
        stride = prod(segment.size for segment in layout.axes[number])
        for size, place in layout.axes[number]:
            stride //= size
            if stride <= weight < stride * size:
                return place
        return None

    def window(self, layout, tile):
        """Which part of the whole tensor a tile holds."""
        pick = [slice(None)] * self.whole.ndim
        for position, (number, weight) in enumerate(self.bits):
            place = self.duty(layout, (number, weight))
            if place in (0, 1):
                pick[place * len(self.bits) + position] = slice(*(2 * [tile[number] // weight % 2] + np.array([0, 1])))
        return tuple(pick)

    def shards(self, layout, seed):
        """Shards of the tensor; where it is partial, terms that add up to it."""
        noise, found = np.random.default_rng(seed), {}
        groups = defaultdict(list)
        for tile in self.tiles:
            key = tuple(
                tile[number] // weight % 2
                for number, weight in self.bits if self.duty(layout, (number, weight)) != PARTIAL
            )  # fmt: skip
            groups[key].append(tile)
        for tiles in groups.values():
            rest = self.whole[self.window(layout, tiles[0])].copy()
            for tile in tiles[1:]:
                found[tile] = noise.integers(-9, 9, rest.shape)
                rest -= found[tile]
            found[tiles[0]] = rest
        return {tile: self.spread(layout, tile, found[tile]) for tile in self.tiles}

    def spread(self, layout, tile, part):
        """The shard in its place in the whole tensor; what the tile does not hold is not a number."""
        full = np.full(self.whole.shape, np.nan)
        full[self.window(layout, tile)] = part
        return full

    def cut(self, layout, shards):
        """Free slices: a tile keeps a part of what it has."""
        kept = {}
        for tile, full in shards.items():
            part = full[self.window(layout, tile)]
            assert not np.isnan(part).any(), "a tile would have to slice what it does not hold"
            kept[tile] = self.spread(layout, tile, part)
        return kept

    def play(self, move, shards):
        """One collective: its members see each other's shards and nothing else."""
        shards, out = self.cut(move.before, shards), {}
        for group in members(move.group, self.axes):
            tiles = [self.tiles[number] for number in group]
            held = np.stack([shards[tile] for tile in tiles])
            sums = move.kind in ("all_reduce", "reduce_scatter")
            for tile in tiles:
                if sums:
                    seen = held.sum(axis=0)
                else:
                    seen = np.where(
                        np.isnan(held).all(axis=0), np.nan, np.nanmax(np.nan_to_num(held, nan=-1e9), axis=0)
                    )
                out[tile] = seen
        return self.cut(move.after, out)


AXES = st.sampled_from([(("r", 2), ("c", 4)), (("r", 1), ("c", 8)), (("r", 4), ("c", 2)), (("r", 4), ("c", 4))])


@st.composite
def duties(draw, size, places):
    segments, left = [], size
    while left > 1:
        factor = draw(st.sampled_from([one for one in (2, 4, 8) if left % one == 0]))
        segments.append(Segment(factor, draw(st.sampled_from(places))))
        left //= factor
    return normal(segments)


@st.composite
def resharding(draw):
    axes = draw(AXES)
    have = Layout(tuple(draw(duties(size, (0, 1, None, PARTIAL))) for _, size in axes))
    want = Layout(tuple(draw(duties(size, (0, 1, None))) for _, size in axes))
    return axes, have, want, draw(st.integers(0, 99))


@settings(max_examples=150)
@given(resharding())
def test_the_derived_exchanges_bring_every_shard_to_where_it_is_wanted(case):
    axes, have, want, seed = case
    moved = Moved(axes, seed)
    shards = moved.shards(have, seed)
    for move in exchanges(have, want, axes):
        shards = moved.play(move, shards)
    shards = moved.cut(want, shards)
    for tile in moved.tiles:
        window = moved.window(want, tile)
        assert np.array_equal(shards[tile][window], moved.whole[window])


@settings(max_examples=150)
@given(resharding())
def test_exchanges_come_in_order_one_of_a_kind_and_each_begins_where_the_last_ended(case):
    axes, have, want, _ = case
    moves = exchanges(have, want, axes)
    order = [ORDER.index(move.kind) for move in moves]
    assert order == sorted(set(order))
    for before, after in pairwise(moves):
        assert before.after == after.before
    if moves:
        assert moves[-1].after == want


@given(resharding())
def test_equal_layouts_need_no_exchange(case):
    axes, have, _, _ = case
    assert exchanges(have, have, axes) == []
