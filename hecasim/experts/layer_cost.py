"""What a layer costs under a placement, and what it would cost after every exchange of two experts, in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hecasim.experts.placed import Site
from hecasim.experts.reach import Numbers, Places

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Weights:
    """Seconds of step time per unit of what a layer costs: the sum of these five.

    `copy_s` for each copy of a token sent to any chiplet, `chiplet_s` for each token-expert computed on the hottest
    chiplet, `group_s` for each copy sent to the group that receives most, `home_s` for each token of the group that
    most tokens go to: so many vectors come home from it, added in its switch; `last_s` for each token-expert on the
    chiplet whose weights come last (the coldest of its group; of the groups the worst): nothing hides its work.
    """

    copy_s: float
    chiplet_s: float
    group_s: float
    home_s: float = 0.0
    last_s: float = 0.0

    def cost(self, copies: Any, hottest: Any, busiest: Any, homing: Any, last: Any) -> Any:
        """Seconds, elementwise for arrays."""
        on_links = self.copy_s * copies + self.group_s * busiest + self.home_s * homing
        return on_links + self.chiplet_s * hottest + self.last_s * last


class Sums(NamedTuple):
    """Copies and token-experts (`loads`) of each chiplet, and tokens of each group."""

    copies: Numbers
    tokens: Numbers
    loads: Numbers


class Changes(NamedTuple):
    """What a's chiplet (`copies`) and group (`tokens`, where they count) gain when a leaves for b, [a, b]."""

    copies: Numbers
    tokens: Numbers | None
    own: Numbers
    """Token-experts of each expert."""


class State:
    """Copies, tokens and loads while the exchanges of a round are chosen."""

    def __init__(self, sums: Sums, site: Site, weights: Weights) -> None:
        self.sums, self.site, self.weights = sums, site, weights
        self.cost_s = self._cost(sums)

    def _by_group(self, copies: Numbers) -> Numbers:
        sums: Numbers = copies.reshape(self.site.groups, -1).sum(axis=1)
        return sums

    def _cost(self, sums: Sums) -> float:
        busiest = self._by_group(sums.copies).max()
        last = sums.loads.reshape(self.site.groups, -1).min(axis=1).max()
        copies, hottest = int(sums.copies.sum()), int(sums.loads.max())
        return float(self.weights.cost(copies, hottest, int(busiest), int(sums.tokens.max()), int(last)))

    def costs(self, chiplet_of: Places, changes: Changes) -> Reals:
        """The cost after each exchange alone, (experts, experts); infinite for two on one chiplet."""
        own, change = changes.own, changes.copies
        more = own[None, :] - own[:, None]
        hottest = _largest_after(self.sums.loads, chiplet_of, more)
        last = _last_after(self.sums.loads, chiplet_of, more, self.site) if self.weights.last_s else 0
        group_of = chiplet_of // self.site.per_group
        busiest = _largest_after(self._by_group(self.sums.copies), group_of, change)
        homing = 0 if changes.tokens is None else _largest_after(self.sums.tokens, group_of, changes.tokens)
        copies = self.sums.copies.sum() + change + change.T
        costs = np.asarray(self.weights.cost(copies, hottest, busiest, homing, last), np.float64)
        costs[chiplet_of[:, None] == chiplet_of[None, :]] = np.inf
        return costs

    def take(self, a: int, b: int, chiplet_of: Places, changes: Changes) -> bool:
        """Make the exchange if it lowers the cost, those before it made."""
        here, there = chiplet_of[a], chiplet_of[b]
        copies, tokens, loads = (one.copy() for one in self.sums)
        copies[here] += changes.copies[a, b]
        copies[there] += changes.copies[b, a]
        if changes.tokens is not None:
            tokens[here // self.site.per_group] += changes.tokens[a, b]
            tokens[there // self.site.per_group] += changes.tokens[b, a]
        loads[here] += changes.own[b] - changes.own[a]
        loads[there] += changes.own[a] - changes.own[b]
        sums = Sums(copies, tokens, loads)
        cost_s = self._cost(sums)
        if here == there or cost_s >= self.cost_s:
            return False
        self.sums, self.cost_s = sums, cost_s
        return True


def _largest_after(sums: Numbers, place_of: Places, change: Numbers) -> Numbers:
    """The largest of *sums* after each exchange alone: *change*[a, b] at a's place, [b, a] at b's."""
    here = sums[place_of][:, None] + change
    same = place_of[:, None] == place_of[None, :]
    largest = np.where(same, here + change.T, np.maximum(here, here.T))
    others: Numbers = _largest_but_two(sums)[place_of[:, None], place_of[None, :]]
    after: Numbers = np.maximum(largest, others)
    return after


def _last_after(loads: Numbers, chiplet_of: Places, more: Numbers, site: Site) -> Numbers:
    """The largest over groups of their least load after each exchange alone; *more*[a, b] comes to a's chiplet."""
    here, there = chiplet_of[:, None], chiplet_of[None, :]
    group_of = chiplet_of // site.per_group
    after = loads[chiplet_of][:, None] + more
    least = np.minimum(after, _least_beside(loads, site)[here, there])
    same = group_of[:, None] == group_of[None, :]
    worse = np.where(same, np.minimum(least, least.T), np.maximum(least, least.T))
    of_groups = loads.reshape(site.groups, -1).min(axis=1)
    others: Numbers = _largest_but_two(of_groups)[group_of[:, None], group_of[None, :]]
    of_all: Numbers = np.maximum(worse, others)
    return of_all


def _least_beside(loads: Numbers, site: Site) -> Numbers:
    """The least load in x's group without x and y, [x, y]; no limit where nobody is left."""
    numbers = np.arange(site.chiplets)
    groups = numbers // site.per_group
    beside = (groups[:, None] == groups[None, :]) & (numbers[:, None] != numbers[None, :])
    without = beside[:, None, :] & (numbers[None, :, None] != numbers[None, None, :])
    least: Numbers = np.where(without, loads[None, None, :], np.iinfo(np.int64).max).min(axis=2)
    return least


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
