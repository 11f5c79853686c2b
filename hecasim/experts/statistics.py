"""What a routing looks like and what a placement makes of it: loads, skew, co-activation, copies per token."""

from __future__ import annotations

from math import comb

import numpy as np
from numpy.typing import NDArray

from hecasim.experts.placed import Placement
from hecasim.experts.routing import Counts, Ids, Routing

AT_ONCE = 1 << 16  # tokens, so that their pairs stay small

Reals = NDArray[np.float64]


def co_activation(chosen: Ids, experts: int) -> Counts:
    """Tokens that activate both experts, (experts, experts); the diagonal is the load. *chosen* is (tokens, top_k)."""
    total = np.zeros(experts * experts, np.int64)
    for first in range(0, len(chosen), AT_ONCE):
        ids = chosen[first : first + AT_ONCE].astype(np.intp)
        total += np.bincount((ids[:, :, None] * experts + ids[:, None, :]).ravel(), minlength=experts * experts)
    return total.reshape(experts, experts)


def load_share(routing: Routing) -> Reals:
    """Share of each expert in all assignments of its layer, (layers, experts): V of Mozart."""
    loads = routing.loads()
    shares: Reals = loads / loads.sum(axis=1, keepdims=True)
    return shares


def max_over_mean(loads: NDArray[np.int64]) -> Reals:
    """The largest over the mean, along the last axis; 1 is balance."""
    ratio: Reals = loads.max(axis=-1) / loads.mean(axis=-1)
    return ratio


def gini(loads: NDArray[np.int64]) -> Reals:
    """Gini coefficient along the last axis: 0 all alike, towards 1 all in one place."""
    ordered = np.sort(loads, axis=-1)
    places = ordered.shape[-1]
    weights = 2 * np.arange(1, places + 1) - places - 1
    coefficient: Reals = (ordered * weights).sum(axis=-1) / (places * ordered.sum(axis=-1))
    return coefficient


def copies_per_token(routing: Routing, placement: Placement) -> Reals:
    """C_T with one copy per chiplet, (layers,): mean number of distinct chiplets a token goes to."""
    return _mean_distinct(routing, placement.chiplet_of)


def groups_per_token(routing: Routing, placement: Placement) -> Reals:
    """Mean number of distinct groups a token goes to, (layers,): vectors the switches send back per token."""
    return _mean_distinct(routing, placement.group_of)


def _mean_distinct(routing: Routing, place_of: NDArray[np.int16]) -> Reals:
    means = np.empty(routing.layers)
    for layer, chosen in enumerate(routing.chosen):
        places = np.sort(place_of[layer][chosen], axis=1)
        means[layer] = 1 + np.count_nonzero(np.diff(places, axis=1), axis=None) / len(places)
    return means


def chiplet_loads(routing: Routing, placement: Placement) -> Counts:
    """Assignments computed on each chiplet, (layers, chiplets)."""
    return _summed(routing.loads(), placement.chiplet_of, placement.chiplets)


def group_loads(routing: Routing, placement: Placement) -> Counts:
    """Assignments computed in each group, (layers, groups)."""
    return _summed(routing.loads(), placement.group_of, placement.groups)


def _summed(loads: Counts, place_of: NDArray[np.int16], places: int) -> Counts:
    sums = np.zeros((len(loads), places), np.int64)
    np.add.at(sums, (np.arange(len(loads))[:, None], place_of), loads)
    return sums


def uniform_copies(experts: int, top_k: int, places: int) -> float:
    """C_T of uniform routing over equal places: G (1 - C(E - E/G, k) / C(E, k))."""
    return places * (1 - comb(experts - experts // places, top_k) / comb(experts, top_k))
