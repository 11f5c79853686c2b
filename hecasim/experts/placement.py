"""Placements of experts: a profile's routing in, the chiplet of every expert out. To add one: add its line below."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hecasim.experts.allocation import allocate, chiplets_of
from hecasim.experts.balanced import cheapest
from hecasim.experts.clustering import cluster
from hecasim.experts.layer_cost import Weights
from hecasim.experts.placed import Placement, Site
from hecasim.experts.routing import Routing
from hecasim.experts.statistics import co_activation
from hecasim.registry import Registry

MOST_TOKENS = 4096  # of a profile that `balanced` looks at; more change its result by about 1 %
RANDOM_PLACES, RANDOM_STARTS = 0, 1  # what a seed is for

Places = NDArray[np.int16]


@dataclass(frozen=True)
class Options:
    """What the placements leave open; each uses what concerns it.

    `aggregate` and `allocation` are of `clustered` (see `clustering` and `allocation`), `weights` and `starts` of
    `balanced`, `seed` of all that draw numbers.
    """

    weights: Weights
    seed: int = 0
    aggregate: str = "mean"
    allocation: str = "exact"
    norm: str = "l1"
    starts: int = 2


Placer = Callable[[Routing, Site, Options], Places]


def place(kind: str, profile: Routing, site: Site, options: Options) -> Placement:
    """The placement named *kind*, fitted on *profile*; ConfigError where experts and chiplets do not fit."""
    site.per_chiplet(profile.experts)
    return Placement(kind, site, PLACEMENTS[kind](profile, site, options))


def contiguous(profile: Routing, site: Site, _: Options) -> Places:
    """The first experts on the first chiplet, and so on: the order of the released model."""
    one = np.arange(profile.experts) // site.per_chiplet(profile.experts)
    return np.tile(one.astype(np.int16), (profile.layers, 1))


def round_robin(profile: Routing, site: Site, _: Options) -> Places:
    """Neighbouring experts on neighbouring chiplets."""
    return np.tile((np.arange(profile.experts) % site.chiplets).astype(np.int16), (profile.layers, 1))


def random(profile: Routing, site: Site, options: Options) -> Places:
    """Any order, another one in every layer."""
    return _shuffled(profile, site, [options.seed, RANDOM_PLACES])


def clustered(profile: Routing, site: Site, options: Options) -> Places:
    """Mozart: co-active experts together (Algorithm 1), then the clusters to groups of like load (Eq. 5)."""
    result = np.empty((profile.layers, profile.experts), np.int16)
    for layer, chosen in enumerate(profile.chosen):
        together = co_activation(chosen, profile.experts)
        cluster_of = cluster(together, site.chiplets, options.aggregate)
        loads = np.bincount(cluster_of, weights=together.diagonal(), minlength=site.chiplets).astype(np.int64)
        group_of = allocate(loads, site, options.allocation, options.norm)
        result[layer] = chiplets_of(group_of, site)[cluster_of]
    return result


def balanced(profile: Routing, site: Site, options: Options) -> Places:
    """Ours: few copies and no hot chiplet or group at once, by exchanges from several starts."""
    profile = profile.part(0, MOST_TOKENS)
    starts = [contiguous(profile, site, options), clustered(profile, site, options)][: options.starts]
    for extra in range(len(starts), options.starts):
        starts.append(_shuffled(profile, site, [options.seed, RANDOM_STARTS, extra]))
    return cheapest(profile, starts, site, options.weights)


def _shuffled(profile: Routing, site: Site, seed: list[int]) -> Places:
    in_order = np.arange(profile.experts, dtype=np.int16) // np.int16(site.per_chiplet(profile.experts))
    source = np.random.default_rng(seed)
    return np.stack([source.permutation(in_order) for _ in range(profile.layers)])


PLACEMENTS: Registry[Placer] = Registry(
    "placement",
    {
        "contiguous": contiguous,
        "round_robin": round_robin,
        "random": random,
        "clustered": clustered,
        "balanced": balanced,
    },
)
