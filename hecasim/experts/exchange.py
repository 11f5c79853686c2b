"""Exchanges of two experts that lower the cost of a layer most, round by round.

All pairs are looked at together. Exchanges between different chiplets add up, and so do those between different groups
where tokens of groups count, so several are made in a round.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from hecasim.experts.layer_cost import Changes, Reals, State, Sums, Weights
from hecasim.experts.placed import Site
from hecasim.experts.reach import Numbers, Places, Reach, bits_of
from hecasim.experts.routing import Ids

TRIED = 64  # exchanges looked at in a round, best first


class Search:
    """The exchanges of one layer on the tokens *chosen*, (tokens, top_k), from the placement *chiplet_of* on."""

    def __init__(self, chosen: Ids, chiplet_of: Places, site: Site, weights: Weights) -> None:
        experts = len(chiplet_of)
        self.site, self.weights = site, weights
        self.own = np.bincount(chosen.ravel(), minlength=experts)
        active = bits_of(chosen, experts)
        self._chiplets = Reach(active, self.own, site.chiplets)
        self._groups = Reach(active, self.own, site.groups)
        self.chiplet_of = chiplet_of
        self._refresh(range(site.chiplets), range(site.groups))

    def move_to(self, chiplet_of: Places) -> None:
        """Go on from another placement."""
        before, self.chiplet_of = self.chiplet_of, chiplet_of
        touched, groups = (_touched(one, other) for one, other in (
            (before, chiplet_of), (before // self.site.per_group, chiplet_of // self.site.per_group)))  # fmt: skip
        self._refresh(touched, groups)

    def _refresh(self, chiplets: Iterable[int], groups: Iterable[int]) -> None:
        self._chiplets.refresh(self.chiplet_of, chiplets)
        if self.weights.home_s:
            self._groups.refresh(self._group_of, groups)

    @property
    def _group_of(self) -> Places:
        groups: Places = self.chiplet_of // np.int16(self.site.per_group)
        return groups

    @property
    def copies(self) -> Numbers:
        """Tokens that reach each chiplet, (chiplets,)."""
        return self._chiplets.tokens

    @property
    def cost_s(self) -> float:
        """Seconds of the layer."""
        return self._state().cost_s

    def _state(self) -> State:
        loads = np.bincount(self.chiplet_of, weights=self.own, minlength=self.site.chiplets).astype(np.int64)
        return State(Sums(self.copies, self._groups.tokens, loads), self.site, self.weights)

    def _changes(self) -> Changes:
        homing = self._groups.changes(self._group_of) if self.weights.home_s else None
        return Changes(self._chiplets.changes(self.chiplet_of), homing, self.own)

    def exchange(self) -> bool:
        """Make the exchanges of one round; False where none lowers the cost."""
        changes, state = self._changes(), self._state()
        before = self.chiplet_of
        after = before.copy()
        used: set[tuple[str, int]] = set()
        for a, b in _lowest(state.costs(before, changes), state.cost_s):
            stale = self._disturbed(int(before[a]), int(before[b]))
            if not stale & used and state.take(a, b, before, changes):
                used |= stale
                after[a], after[b] = before[b], before[a]
        self.move_to(after)
        return bool(used)

    def _disturbed(self, here: int, there: int) -> set[tuple[str, int]]:
        """Places whose counts an exchange makes stale: chiplets, and groups where tokens of groups count."""
        chiplets = {("chiplet", here), ("chiplet", there)}
        groups = {("group", chiplet // self.site.per_group) for chiplet in (here, there)}
        return chiplets | groups if self.weights.home_s and len(groups) > 1 else chiplets


def _touched(before: Places, after: Places) -> list[int]:
    changed = np.flatnonzero(before != after)
    return sorted({*before[changed].tolist(), *after[changed].tolist()})


def _lowest(costs: Reals, now: float) -> list[tuple[int, int]]:
    """The pairs whose exchange lowers the cost, best first, at most TRIED; of equal ones the lower numbers first."""
    flat = np.triu(np.where(costs < now, costs, np.inf)).ravel()
    flat[flat == 0] = np.inf
    better = np.flatnonzero(np.isfinite(flat))
    if len(better) > TRIED:
        limit = np.partition(flat[better], TRIED)[TRIED]
        better = better[flat[better] <= limit]
    best = better[np.argsort(flat[better], kind="stable")][:TRIED]
    return [divmod(int(at), len(costs)) for at in best]
