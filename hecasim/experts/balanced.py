"""A placement of our own: few copies per token and no hot chiplet or group at once, by exchanging experts.

Mozart's clustering buys few copies by putting hot experts together: the hottest chiplet, on which everybody waits,
becomes hotter. Here one cost in seconds counts both. From each start the best exchanges of two experts are made until
none helps; then the chiplets are given to the groups anew, and exchanges go on if that helped.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hecasim.experts.allocation import allocate, chiplets_of
from hecasim.experts.exchange import Search
from hecasim.experts.layer_cost import Weights
from hecasim.experts.placed import Site
from hecasim.experts.routing import Routing

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
    return result
