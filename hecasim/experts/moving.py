"""What it takes to go from one placement to another: experts that change their chiplet.

Chiplets of a group are alike, and so are groups: the new placement's are renamed so that many experts stay, groups
first, then the chiplets in them. Pairs with most in common come first; the best renaming of all might keep a few more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hecasim.errors import ConfigError
from hecasim.experts.placed import Placement, Site

Places = NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class Move:
    """The *new* placement with its chiplets renamed, and the experts that must move to get there, (layers,)."""

    new: Placement
    experts: NDArray[np.int64]
    between_groups: NDArray[np.int64]
    """Experts that leave one group (row) for another (column), over all layers: none on the diagonal."""


def move(old: Placement, new: Placement) -> Move:
    """The way from *old* to *new*; ConfigError where they are not of the same site and experts."""
    if old.site != new.site or old.chiplet_of.shape != new.chiplet_of.shape:
        raise ConfigError("placements: found two of different chiplets, layers or experts; expected like ones")
    renamed = np.stack(
        [_renamed(before, after, old.site) for before, after in zip(old.chiplet_of, new.chiplet_of, strict=True)]
    )
    moved = np.count_nonzero(renamed != old.chiplet_of, axis=1).astype(np.int64)
    there = Placement(new.kind, new.site, renamed)
    flows = np.zeros((old.groups, old.groups), np.int64)
    np.add.at(flows, (old.group_of, there.group_of), 1)
    np.fill_diagonal(flows, 0)
    return Move(there, moved, flows)


def _renamed(old: Places, new: Places, site: Site) -> Places:
    """The new chiplets of one layer under the names that keep most experts where they are."""
    common = np.zeros((site.chiplets, site.chiplets), np.int64)
    np.add.at(common, (new, old), 1)
    size = site.per_group
    blocks = common.reshape(site.groups, size, site.groups, size).transpose(0, 2, 1, 3)
    stay = np.array([[_kept(block) for block in row] for row in blocks])
    name = np.empty(site.chiplets, np.int16)
    for group, named in enumerate(_pairs(stay)):
        inside = _pairs(blocks[group, named])
        name[group * size : (group + 1) * size] = np.array(inside) + named * size
    renamed: Places = name[new]
    return renamed


def _kept(common: NDArray[np.int64]) -> int:
    """Experts that stay when a group's chiplets are renamed to another's."""
    return int(common[np.arange(len(common)), _pairs(common)].sum())


def _pairs(common: NDArray[np.int64]) -> list[int]:
    """For every row its own column, the pairs with most in common first."""
    size = len(common)
    column_of = [-1] * size
    taken: set[int] = set()
    for at in np.argsort(-common, axis=None, kind="stable").tolist():
        row, column = divmod(at, size)
        if column_of[row] < 0 and column not in taken:
            column_of[row] = column
            taken.add(column)
    return column_of
