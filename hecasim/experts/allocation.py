"""Clusters to groups (Eq. 5 of Mozart, arXiv 2603.07006): equally many to each, so that the groups' loads are alike.

The printed constraint that each group takes one cluster is a misprint for chiplets / groups of them. Norm and solver
are not named: L1 and exact are *assumed*. The exact search never lists the 2,627,625 partitions of 16 clusters into 4
groups: their cost is a sum over groups, so the best way to split what is left does not depend on what was taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from hecasim.errors import ConfigError, nearest
from hecasim.experts.placed import Site
from hecasim.experts.routing import Counts

NORMS = ("l1", "l2", "max")
SOLVERS = ("exact", "greedy")
LARGEST_SEARCH = 2_000_000  # steps of the exact search for one layer; 16 chiplets in 4 groups need 186 thousand

Numbers = NDArray[np.int64]


def allocate(loads: Counts, site: Site, solver: str = "exact", norm: str = "l1") -> NDArray[np.int16]:
    """The group of every cluster from the clusters' loads, for one layer.

    `norm` is what is made small: the sum of the distances of the groups' loads from their mean (`l1`), of their squares
    (`l2`), or the largest load (`max`). Where an exact search would be too long (24 chiplets in 4 groups) it is greedy.
    """
    for word, key, known in ((solver, "allocation", SOLVERS), (norm, "norm", NORMS)):
        if word not in known:
            raise ConfigError(f"{key}: unknown name '{word}'; {nearest(word, known)}")
    if solver == "exact" and is_exact(site):
        return _exact(loads, site, norm)
    return _greedy(loads, site)


def is_exact(site: Site) -> bool:
    """Whether the exact search is short enough for this many chiplets and groups."""
    return _steps(site.chiplets, site.per_group) <= LARGEST_SEARCH


def imbalance(loads: Counts, group_of: NDArray[np.int16], site: Site, norm: str = "l1") -> int:
    """What `allocate` makes small, in whole assignments x groups (x groups again for l2)."""
    sums = np.bincount(group_of, weights=loads, minlength=site.groups).astype(np.int64)
    costs = _costs(sums, int(loads.sum()), site.groups, norm)
    return int(costs.max() if norm == "max" else costs.sum())


def _costs(sums: Numbers, total: int, groups: int, norm: str) -> Numbers:
    """The cost of groups with these loads; whole numbers, so that equal costs are equal."""
    if norm == "max":
        return sums
    apart: Numbers = np.abs(groups * sums - total)
    return apart if norm == "l1" else apart**2


@dataclass(frozen=True)
class _Level:
    """What may be left when a group has been taken, and every way to take the next one.

    `taken` (states, ways, per_group): the clusters of the group that has the lowest cluster left; `left` (states,
    ways): the state of the next level that then remains.
    """

    taken: NDArray[np.int8]
    left: NDArray[np.int32]


def _steps(chiplets: int, per_group: int) -> int:
    """Ways over all levels: states (sets of so many clusters, without those surely taken) x ways."""
    groups = chiplets // per_group
    return sum(
        comb(chiplets - gone, gone * (per_group - 1)) * comb(chiplets - gone * per_group - 1, per_group - 1)
        for gone in range(groups)
    )


@lru_cache(maxsize=8)
def _levels(chiplets: int, per_group: int) -> tuple[_Level, ...]:
    levels = []
    states: list[tuple[int, ...]] = [tuple(range(chiplets))]
    while states[0]:
        rest_of = np.array(list(combinations(range(1, len(states[0])), per_group - 1)), np.int8)
        places = np.column_stack([np.zeros(len(rest_of), np.int8), rest_of]) if per_group > 1 else np.zeros((1, 1), int)
        kept = np.array([[at for at in range(len(states[0])) if at not in set(ways)] for ways in places.tolist()], int)
        all_states = np.array(states)
        taken = all_states[:, places]
        remaining = all_states[:, kept] if kept.size else np.zeros((*taken.shape[:2], 0), int)
        bits = (1 << remaining.astype(np.int64)).sum(axis=2)
        distinct, left = np.unique(bits, return_inverse=True)
        levels.append(_Level(taken.astype(np.int8), left.reshape(bits.shape).astype(np.int32)))
        states = [tuple(at for at in range(chiplets) if mask >> at & 1) for mask in distinct.tolist()]
    return tuple(levels)


def _exact(loads: Counts, site: Site, norm: str) -> NDArray[np.int16]:
    """From the last group to the first: the least cost of each state, then the way that led there."""
    combine = np.maximum if norm == "max" else np.add
    total = int(loads.sum())
    best = np.zeros(1, np.int64)
    choices: list[NDArray[np.intp]] = []
    levels = _levels(site.chiplets, site.per_group)
    for level in reversed(levels):
        costs = combine(_costs(loads[level.taken].sum(axis=2), total, site.groups, norm), best[level.left])
        choices.append(np.argmin(costs, axis=1))
        best = costs.min(axis=1)
    group_of = np.empty(site.chiplets, np.int16)
    state = 0
    for group, (level, choice) in enumerate(zip(levels, reversed(choices), strict=True)):
        way = choice[state]
        group_of[level.taken[state, way]] = group
        state = int(level.left[state, way])
    return group_of


def _greedy(loads: Counts, site: Site) -> NDArray[np.int16]:
    """The heaviest cluster left goes to the lightest group that has room."""
    sums = np.zeros(site.groups, np.int64)
    room = np.full(site.groups, site.per_group)
    group_of = np.empty(site.chiplets, np.int16)
    for one in np.argsort(-loads, kind="stable"):
        group = int(np.argmin(np.where(room > 0, sums, np.iinfo(np.int64).max)))
        group_of[one] = group
        sums[group] += loads[one]
        room[group] -= 1
    return group_of


def chiplets_of(group_of: NDArray[np.int16], site: Site) -> NDArray[np.int16]:
    """The chiplet of every cluster: the groups' chiplets in order, given out in order of the clusters."""
    chiplets = np.empty(site.chiplets, np.int16)
    chiplets[np.argsort(group_of, kind="stable")] = np.arange(site.chiplets)
    return chiplets
