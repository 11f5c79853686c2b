"""Layouts: how a tensor or a loop nest is cut over the axes of a logical grid of tiles.

An axis of size n is factored in mixed radix, major digit first, into *segments*; each segment does one thing:
it cuts one dimension, it holds partial sums, or it holds copies. That is all a layout says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import gcd, prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PARTIAL = "partial"
Counts = NDArray[np.int64]
"""A number for every tile."""
Duty = int | str | None
"""What a factor of an axis is spent on: a dimension number (in a Layout), a loop index (in Cuts), PARTIAL, or None."""


class Segment(NamedTuple):
    """A factor of an axis and what it is spent on; None means that its tiles hold copies."""

    size: int
    place: Duty


Segments = tuple[Segment, ...]
Axes = tuple[tuple[str, int], ...]
"""The logical grid: axis names with sizes, major first; tile numbers count through it in this order."""
CutTable = tuple[tuple[str, tuple[str, ...]], ...]
"""(axis, loop indices in the order in which they take factors of it)."""
Cuts = Mapping[str, Segments]
"""axis -> segments whose places are loop indices."""


class Layout(NamedTuple):
    """What each axis does to one tensor: a tuple of segments per axis, in the order of the grid's axes."""

    axes: tuple[Segments, ...]

    @property
    def partial(self) -> bool:
        return any(self.partial_axes)

    @property
    def partial_axes(self) -> tuple[bool, ...]:
        """Whether each axis holds partial sums in some factor."""
        return tuple(any(segment.place == PARTIAL for segment in segments) for segments in self.axes)

    @property
    def copies(self) -> int:
        """How many tiles hold the same numbers."""
        count = 1
        for segments in self.axes:
            for segment in segments:
                if segment.place is None:
                    count *= segment.size
        return count


def tile_count(axes: Axes) -> int:
    """Tiles of the grid."""
    return prod(size for _, size in axes)


def normal(segments: Sequence[Segment]) -> Segments:
    """Drop factors of one and join neighbours that do the same thing."""
    joined: list[Segment] = []
    for size, place in segments:
        if size == 1:
            continue
        if joined and joined[-1].place == place:
            joined[-1] = Segment(joined[-1].size * size, place)
        else:
            joined.append(Segment(size, place))
    return tuple(joined)


def assign(table: CutTable, axes: Axes, extents: Mapping[str, int]) -> dict[str, Segments]:
    """Factor each axis over its loop indices: each takes gcd(size left, extent left), the last takes the rest.

    An axis that the table does not name cuts nothing: its tiles work on copies.
    """
    sizes, left = dict(axes), dict(extents)
    cuts: dict[str, Segments] = {axis: normal([Segment(size, None)]) for axis, size in axes}
    for axis, indices in table:
        rest, segments = sizes[axis], []
        for index in indices[:-1]:
            factor = gcd(rest, left[index])
            left[index] //= factor
            rest //= factor
            segments.append(Segment(factor, index))
        left[indices[-1]] = max(1, left[indices[-1]] // rest)
        segments.append(Segment(rest, indices[-1]))
        cuts[axis] = normal(segments)
    return cuts


def reading(indices: Sequence[str], cuts: Cuts, axes: Axes) -> Layout:
    """The layout an operand needs: cut where its own loop indices are cut, a copy elsewhere."""
    return placing(indices, cuts, axes, lambda axis, index: None)  # noqa: ARG005 - copies, whatever axis and index


def making(indices: Sequence[str], nest: frozenset[str], cuts: Cuts, axes: Axes) -> Layout:
    """The layout in which an operator leaves a result: partial over factors that cut an index it sums over."""
    return placing(indices, cuts, axes, lambda _, index: PARTIAL if index in nest else None)


def placing(indices: Sequence[str], cuts: Cuts, axes: Axes, elsewhere: Callable[[int, str], str | None]) -> Layout:
    """The layout of a tensor read or made through *indices* by a nest with these *cuts*.

    Factors that cut one of *indices* cut that dimension. What any other factor is spent on, *elsewhere* says of the
    number of its axis and the index it cuts: PARTIAL, or None for copies.
    """
    where: dict[str, Duty] = {index: dimension for dimension, index in enumerate(indices)}

    def duty(number: int, index: str) -> Duty:
        return where[index] if index in where else elsewhere(number, index)

    return Layout(
        tuple(
            normal([Segment(size, duty(number, str(index))) for size, index in cuts[axis]])
            for number, (axis, _) in enumerate(axes)
        )
    )


@lru_cache(maxsize=256)
def coordinates(axes: Axes) -> tuple[Counts, ...]:
    """Coordinate of every tile on every axis, each an array over tile numbers."""
    sizes = [size for _, size in axes]
    return tuple(np.indices(sizes, dtype=np.int64).reshape(len(sizes), -1))


def digit(coordinate: Counts, stride: int, size: int) -> Counts:
    """The mixed-radix digit of a coordinate that counts up to *size* in steps of *stride*."""
    return (coordinate // stride) % size


def positions(segments_of_axes: Sequence[Segments], place: int | str, axes: Axes) -> tuple[Counts, int]:
    """(position of every tile among the parts of one dimension, number of parts); axes count major first."""
    position, parts = np.zeros(tile_count(axes), dtype=np.int64), 1
    for segments, coordinate in zip(segments_of_axes, coordinates(axes), strict=True):
        stride = 1
        for size, _ in segments:
            stride *= size
        for size, where in segments:
            stride //= size
            if where == place:
                position = position * size + digit(coordinate, stride, size)
                parts *= size
    return position, parts


def share(extent: int | Counts, parts: int, position: int | Counts) -> Counts:
    """Size of one part of a balanced split: the first `extent % parts` parts are one larger."""
    return np.asarray(extent // parts + (position < extent % parts), dtype=np.int64)


def local_extents(cuts: Cuts, axes: Axes, extents: Mapping[str, int]) -> dict[str, Counts]:
    """How far each loop index runs on every tile."""
    segments = [cuts[axis] for axis, _ in axes]
    return {
        index: share(extent, parts, position)
        for index, extent in extents.items()
        for position, parts in [positions(segments, index, axes)]
    }


def local_dims(layout: Layout, axes: Axes, extents: Sequence[int]) -> list[Counts]:
    """Extent of each dimension of a tensor on every tile."""
    return [
        share(extent, parts, position)
        for dimension, extent in enumerate(extents)
        for position, parts in [positions(layout.axes, dimension, axes)]
    ]
