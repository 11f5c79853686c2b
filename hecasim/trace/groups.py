"""Group tables: which tiles exchange with each other, named after the digits of the axes in which they differ."""

from __future__ import annotations

import numpy as np

from hecasim.parallel.layout import Axes, Layout, coordinates, digit, tile_count
from hecasim.parallel.reshard import Atom, Group, group_size


def group_name(group: Group, axes: Axes) -> str:
    """`r` or `c` for a whole axis, `r.c` for the grid, `c/4x2` for the digit of size 4 with stride 2 of axis c."""
    sizes = dict(axes)
    return ".".join(
        atom.axis if atom.size == sizes[atom.axis] else f"{atom.axis}/{atom.size}x{atom.stride}" for atom in group
    )


def members(group: Group, axes: Axes) -> tuple[tuple[int, ...], ...]:
    """Tiles of every group: those that agree in all other digits, ordered by the group's digits."""
    where = {axis: number for number, (axis, _) in enumerate(axes)}
    coordinate = coordinates(axes)
    outside = np.arange(tile_count(axes), dtype=np.int64)  # a tile's number, less what the group's digits add to it
    inside = np.zeros_like(outside)
    for atom in group:
        digits = digit(coordinate[where[atom.axis]], atom.stride, atom.size)
        inside = inside * atom.size + digits
        outside = outside - digits * atom.stride * _stride(axes, where[atom.axis])
    found: dict[int, list[tuple[int, int]]] = {}
    for tile, (place, rest) in enumerate(zip(inside, outside, strict=True)):
        found.setdefault(int(rest), []).append((int(place), tile))
    return tuple(tuple(tile for _, tile in sorted(group_tiles)) for group_tiles in found.values())


def _stride(axes: Axes, number: int) -> int:
    """How far apart in tile numbers two neighbours on an axis are."""
    return tile_count(axes[number + 1 :])


def copy_group(layout: Layout, axes: Axes) -> Group:
    """The digits in which tiles hold copies of the same numbers."""
    group: list[Atom] = []
    for (axis, _), segments in zip(axes, layout.axes, strict=True):
        stride = 1
        for segment in segments:
            stride *= segment.size
        for segment in segments:
            stride //= segment.size
            if segment.place is None:
                group.append(Atom(axis, stride, segment.size))
    return tuple(group)


__all__ = ["copy_group", "group_name", "group_size", "members"]
