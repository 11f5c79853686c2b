"""A placement of our own: few copies per token and no hot chiplet or group at once, by exchanging experts.

Mozart's clustering buys few copies by putting hot experts together: the hottest chiplet, on which everybody waits,
becomes hotter. Here one cost in seconds counts both. From each start the best exchanges of two experts are made until
none helps; then the chiplets are given to the groups anew, and exchanges go on if that helped. In every layer the first
chiplet of a group then gets its most loaded experts, the last its least: weights are loaded in that order, so a chiplet
has all other loads of its group between the work of one layer and the weights of the next.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hecasim.experts.allocation import allocate, chiplets_of
from hecasim.experts.exchange import Search
from hecasim.experts.layer_cost import Weights
from hecasim.experts.placed import Site
from hecasim.experts.routing import Ids, Routing

ROUNDS = 400  # of exchanges from one start; a stop for odd data, normally 10 to 40 are enough


def improve(search: Search) -> float:
    """Exchange experts until no exchange lowers the cost of the layer; give that cost in seconds."""
    cost_s = _descend(search)
    while True:
        before = search.chiplet_of
        search.move_to(_regrouped(search))
        if search.cost_s >= cost_s:
            search.move_to(before)
            return cost_s
        cost_s = _descend(search)


def _descend(search: Search) -> float:
    for _ in range(ROUNDS):
        if not search.exchange():
            break
    return search.cost_s


def _regrouped(search: Search) -> NDArray[np.int16]:
    """The same clusters in groups such that the busiest group receives as few copies as can be."""
    group_of = allocate(search.copies, search.site, "exact", "max")
    regrouped: NDArray[np.int16] = chiplets_of(group_of, search.site)[search.chiplet_of]
    return regrouped


def hottest_first(chosen: Ids, chiplet_of: NDArray[np.int16], site: Site) -> NDArray[np.int16]:
    """The same clusters in the same groups, *chiplet_of* (experts,): the chiplets of a group in order of their load."""
    own = np.bincount(chosen.ravel(), minlength=len(chiplet_of))
    loads = np.bincount(chiplet_of, weights=own, minlength=site.chiplets)
    groups = np.arange(site.chiplets) // site.per_group
    order = np.lexsort((-loads, groups))
    name = np.empty(site.chiplets, np.int16)
    name[order] = np.arange(site.chiplets)
    named: NDArray[np.int16] = name[chiplet_of]
    return named


def cheapest(profile: Routing, starts: list[NDArray[np.int16]], site: Site, weights: Weights) -> NDArray[np.int16]:
    """The best that any start, (layers, experts) each, leads to in every layer; ties go to the earlier start."""
    result = np.empty((profile.layers, profile.experts), np.int16)
    for layer, chosen in enumerate(profile.chosen):
        search = Search(chosen, starts[0][layer], site, weights)
        least_s = np.inf
        for start in starts:
            search.move_to(start[layer])
            cost_s = improve(search)
            if cost_s < least_s:
                least_s, result[layer] = cost_s, search.chiplet_of
        result[layer] = hottest_first(chosen, result[layer], site)
    return result
