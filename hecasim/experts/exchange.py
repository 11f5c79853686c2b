"""What an exchange of two experts would change, for all pairs at once, and the exchanges that lower the cost most.

Exact on the tokens of the profile, not an estimate from pairs: for every expert is known how many tokens it alone leads
to its chiplet, and how many would newly reach another one. Exchanges between different chiplets add up, so several are
made in a round.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hecasim.experts.placed import Site
from hecasim.experts.routing import Ids

Numbers = NDArray[np.int64]
Reals = NDArray[np.float64]
Places = NDArray[np.int16]
Bits = NDArray[np.uint64]

TRIED = 64  # exchanges looked at in a round, best first


@dataclass(frozen=True)
class Weights:
    """Seconds of step time per unit; a layer costs copies x copy_s + hottest x chiplet_s + busiest x group_s.

    `copy_s` for each copy of a token sent to any chiplet, `chiplet_s` for each token-expert computed on the hottest
    chiplet, `group_s` for each copy sent to the group that receives most.
    """

    copy_s: float
    chiplet_s: float
    group_s: float

    def cost(self, copies: Any, hottest: Any, busiest: Any) -> Any:
        """Seconds, elementwise for arrays."""
        return self.copy_s * copies + self.chiplet_s * hottest + self.group_s * busiest


class Search:
    """The exchanges of one layer on the tokens *chosen*, (tokens, top_k), from the placement *chiplet_of* on.

    A set of tokens is a row of bits, so that a count of tokens is a count of bits.
    """

    def __init__(self, chosen: Ids, chiplet_of: Places, site: Site, weights: Weights) -> None:
        experts = len(chiplet_of)
        self.site, self.weights = site, weights
        self.own = np.bincount(chosen.ravel(), minlength=experts)
        self._active = _bits(chosen, experts)
        words = self._active.shape[1]
        self._reached = np.zeros((site.chiplets, words), np.uint64)
        self._together = np.zeros((experts, experts), np.int64)  # tokens of a and b to whose chiplet only a leads
        self._met = np.zeros((experts, site.chiplets), np.int64)  # tokens of the expert that reach the chiplet
        self.chiplet_of = chiplet_of
        self._refresh(range(site.chiplets))

    def move_to(self, chiplet_of: Places) -> None:
        """Go on from another placement."""
        changed = np.flatnonzero(chiplet_of != self.chiplet_of)
        touched = {*self.chiplet_of[changed].tolist(), *chiplet_of[changed].tolist()}
        self.chiplet_of = chiplet_of
        self._refresh(sorted(touched))

    def _refresh(self, chiplets: Iterable[int]) -> None:
        """Count again what depends on the experts of these chiplets."""
        for chiplet in chiplets:
            members = np.flatnonzero(self.chiplet_of == chiplet)
            once = np.zeros_like(self._reached[0])
            more = once.copy()
            for expert in members:
                more |= once & self._active[expert]
                once |= self._active[expert]
            self._reached[chiplet] = once
            alone = self._active[members] & ~more
            self._together[members] = _count(alone[:, None, :] & self._active[None, :, :])
            self._met[:, chiplet] = _count(self._active & once)

    @property
    def copies(self) -> Numbers:
        """Tokens that reach each chiplet, (chiplets,)."""
        return _count(self._reached)

    @property
    def cost_s(self) -> float:
        """Seconds of the layer."""
        return self._state().cost_s

    def _state(self) -> _State:
        loads = np.bincount(self.chiplet_of, weights=self.own, minlength=self.site.chiplets).astype(np.int64)
        return _State(self.copies, loads, self.site, self.weights)

    def _changes(self) -> Numbers:
        """The change of copies on a's chiplet when a leaves for b, [a, b].

        It loses the tokens that only a led there, gains those of b that had not been there, and keeps those of b that
        only a had led there.
        """
        absent = self.own[:, None] - self._met
        changes: Numbers = absent.T[self.chiplet_of] - self._together.diagonal()[:, None] + self._together
        return changes

    def exchange(self) -> bool:
        """Make the exchanges of one round; False where none lowers the cost."""
        change, state = self._changes(), self._state()
        before = self.chiplet_of
        after = before.copy()
        used: set[int] = set()
        for a, b in _lowest(state.costs(before, self.own, change), state.cost_s):
            pair = {int(before[a]), int(before[b])}
            if not pair & used and state.take(a, b, before, self.own, change):
                used |= pair
                after[a], after[b] = before[b], before[a]
        self.move_to(after)
        return bool(used)


def _bits(chosen: Ids, experts: int) -> Bits:
    """The tokens of every expert, (experts, tokens / 64 rounded up)."""
    words = -(-len(chosen) // 64)
    active = np.zeros((experts, words * 64), np.uint8)
    active[chosen, np.arange(len(chosen))[:, None]] = 1
    return np.packbits(active, axis=1).view(np.uint64)


def _count(bits: Bits) -> Numbers:
    counts: Numbers = np.bitwise_count(bits).sum(axis=-1, dtype=np.int64)
    return counts


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


class _State:
    """Copies and loads of the chiplets while the exchanges of a round are chosen."""

    def __init__(self, copies: Numbers, loads: Numbers, site: Site, weights: Weights) -> None:
        self.copies, self.loads, self.site, self.weights = copies, loads, site, weights
        self.cost_s = self._cost(copies, loads)

    def _cost(self, copies: Numbers, loads: Numbers) -> float:
        busiest = copies.reshape(self.site.groups, -1).sum(axis=1).max()
        return float(self.weights.cost(int(copies.sum()), int(loads.max()), int(busiest)))

    def costs(self, chiplet_of: Places, own: Numbers, change: Numbers) -> Reals:
        """The cost after each exchange alone, (experts, experts); infinite for two on one chiplet."""
        here = chiplet_of[:, None]
        there = chiplet_of[None, :]
        more = own[None, :] - own[:, None]
        load = self.loads[chiplet_of]
        hottest = np.maximum(load[:, None] + more, load[None, :] - more)
        hottest = np.maximum(hottest, _largest_but_two(self.loads)[here, there])
        groups = self.copies.reshape(self.site.groups, -1).sum(axis=1)
        group_of = chiplet_of // self.site.per_group
        here_after = groups[group_of][:, None] + change
        busiest = np.maximum(here_after, here_after.T)
        same = group_of[:, None] == group_of[None, :]
        busiest = np.where(same, here_after + change.T, busiest)
        busiest = np.maximum(busiest, _largest_but_two(groups)[group_of[:, None], group_of[None, :]])
        costs = np.asarray(self.weights.cost(self.copies.sum() + change + change.T, hottest, busiest), np.float64)
        costs[here == there] = np.inf
        return costs

    def take(self, a: int, b: int, chiplet_of: Places, own: Numbers, change: Numbers) -> bool:
        """Make the exchange if it lowers the cost, those before it made."""
        here, there = chiplet_of[a], chiplet_of[b]
        copies, loads = self.copies.copy(), self.loads.copy()
        copies[here] += change[a, b]
        copies[there] += change[b, a]
        loads[here] += own[b] - own[a]
        loads[there] += own[a] - own[b]
        cost_s = self._cost(copies, loads)
        if here == there or cost_s >= self.cost_s:
            return False
        self.copies, self.loads, self.cost_s = copies, loads, cost_s
        return True


def _largest_but_two(values: Numbers) -> Numbers:
    """The largest of *values* without those at i and j, [i, j]; 0 where none is left."""
    places = len(values)
    order = np.argsort(-values, kind="stable")[:3]
    result = np.zeros((places, places), np.int64)
    for at in order[::-1]:  # the largest is written last, everywhere but in its own row and column
        keep_row, keep_column = result[at].copy(), result[:, at].copy()
        result[:] = values[at]
        result[at], result[:, at] = keep_row, keep_column
    return result
