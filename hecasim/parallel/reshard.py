"""The difference between the layout a tensor has and the one an operator needs is the collective."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import NamedTuple

from hecasim.parallel.layout import PARTIAL, Axes, Duty, Layout, Segment, Segments, normal

ORDER = ("reduce_scatter", "all_reduce", "all_to_all", "all_gather")
"""Slices are free and come first; sums shrink before anything is gathered."""


class Atom(NamedTuple):
    """A digit of an axis: the tiles that differ only in it form a group."""

    axis: str
    stride: int
    size: int


Group = tuple[Atom, ...]


def group_size(group: Group) -> int:
    """Members of one group."""
    return prod(atom.size for atom in group)


class Exchange(NamedTuple):
    """One collective on one tensor: its kind, its group, and the layouts before and after."""

    kind: str
    group: Group
    before: Layout
    after: Layout


class _Step(NamedTuple):
    size: int
    have: Duty
    want: Duty


def exchanges(have: Layout, want: Layout, axes: Axes) -> list[Exchange]:
    """What must be exchanged, in order, so that a tensor that rests as *have* can be read as *want*."""
    steps = [_aligned(mine, theirs) for mine, theirs in zip(have.axes, want.axes, strict=True)]
    current = [[_after("slice", step) for step in axis] for axis in steps]
    moves: list[Exchange] = []
    for kind in ORDER:
        group = _merged(
            Atom(axis, stride, step.size)
            for (axis, _), axis_steps in zip(axes, steps, strict=True)
            for step, stride in zip(axis_steps, _strides(axis_steps), strict=True)
            if _kind(step) == kind
        )
        if not group:
            continue
        before = _layout(steps, current)
        current = [
            [_after(kind, step) if _kind(step) == kind else place for step, place in zip(axis, places, strict=True)]
            for axis, places in zip(steps, current, strict=True)
        ]
        moves.append(Exchange(kind, group, before, _layout(steps, current)))
    return moves


def _merged(atoms: Iterable[Atom]) -> Group:
    """Neighbouring digits of one axis are one digit, so that equal groups are equal tuples."""
    merged: list[Atom] = []
    for atom in atoms:
        last = merged[-1] if merged else None
        if last and last.axis == atom.axis and last.stride == atom.stride * atom.size:
            merged[-1] = Atom(atom.axis, atom.stride, last.size * atom.size)
        else:
            merged.append(atom)
    return tuple(merged)


def _kind(step: _Step) -> str:
    """Name of the exchange that turns one segment's duty into another."""
    if step.have == step.want or step.have is None or step.want == PARTIAL:
        return "slice"  # free: a copy keeps a part of what it has, or one member keeps the whole
    if step.have == PARTIAL:
        return "all_reduce" if step.want is None else "reduce_scatter"
    return "all_gather" if step.want is None else "all_to_all"


def _after(kind: str, step: _Step) -> Duty:
    """Duty of a segment once the exchanges of *kind* (and those before it) are done."""
    return step.want if _kind(step) == kind else step.have


def _layout(steps: list[list[_Step]], places: list[list[Duty]]) -> Layout:
    return Layout(
        tuple(
            normal([Segment(step.size, place) for step, place in zip(axis, duty, strict=True)])
            for axis, duty in zip(steps, places, strict=True)
        )
    )


def _strides(steps: list[_Step]) -> list[int]:
    strides, stride = [], 1
    for step in reversed(steps):
        strides.append(stride)
        stride *= step.size
    return strides[::-1]


def _aligned(have: Segments, want: Segments) -> list[_Step]:
    """Cut both factorisations of one axis at each other's boundaries.

    Where the boundaries do not divide each other (6 = 2 x 3 against 3 x 2) the rest of the axis is
    brought to copies first, from which any slice is free.
    """
    total_have, total_want = (prod(size for size, _ in segments) for segments in (have, want))
    total = max(total_have, total_want)
    mine = [*have] if total_have == total else [Segment(total, None)]
    theirs = [*want] if total_want == total else [Segment(total, None)]
    steps: list[_Step] = []
    while mine and theirs:
        (size_mine, place_mine), (size_theirs, place_theirs) = mine[0], theirs[0]
        if size_mine % size_theirs and size_theirs % size_mine:
            return steps + [_Step(size, place, None) for size, place in mine]
        size = min(size_mine, size_theirs)
        steps.append(_Step(size, place_mine, place_theirs))
        mine[0:1] = [Segment(size_mine // size, place_mine)] if size_mine > size else []
        theirs[0:1] = [Segment(size_theirs // size, place_theirs)] if size_theirs > size else []
    return steps


__all__ = ["ORDER", "Atom", "Exchange", "Group", "exchanges", "group_size"]
