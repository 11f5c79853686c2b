"""Mozart's Algorithm 1 (arXiv 2603.07006): experts that work on the same tokens are put on the same chiplet.

Two misprints are corrected: a cluster is filled while it has *fewer* than experts / clusters members, and the diagonal
of the co-activation matrix (an expert with itself) is no pair. Ties go to the lower number.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hecasim.errors import ConfigError, nearest
from hecasim.experts.routing import Counts

AGGREGATES = ("mean", "sum", "max")
NEVER = np.iinfo(np.int64).max


def cluster(together: Counts, clusters: int, aggregate: str = "mean") -> NDArray[np.int16]:
    """The cluster of every expert from their co-activation (experts, experts); equal sizes.

    `aggregate` says what "co-activation with all experts already placed" is when a new cluster begins: the paper does
    not (mean *assumed*; the sum gives the same choice, the largest another).
    """
    if aggregate not in AGGREGATES:
        raise ConfigError(f"aggregate: unknown name '{aggregate}'; {nearest(aggregate, AGGREGATES)}")
    experts = len(together)
    size = experts // clusters
    together = together.copy()
    np.fill_diagonal(together, 0)
    cluster_of = np.full(experts, -1, np.int16)
    for number, members in enumerate(_beginnings(together, clusters, size, aggregate)):
        cluster_of[members] = number
    for number in range(clusters):
        _fill(together, cluster_of, number, size)
    return cluster_of


def _beginnings(together: Counts, clusters: int, size: int, aggregate: str) -> list[list[int]]:
    """The most co-activated pair, then one by one the experts least co-activated with all before them."""
    first = np.unravel_index(int(np.argmax(np.triu(together, 1) + np.triu(np.ones_like(together), 1))), together.shape)
    pair = [int(expert) for expert in first][: min(size, 2)]
    begun = [pair]
    free = np.ones(len(together), bool)
    free[pair] = False
    combine = np.maximum if aggregate == "max" else np.add
    met = combine.reduce(together[pair], axis=0)
    for _ in range(1, clusters):
        expert = int(np.argmin(np.where(free, met, NEVER)))
        begun.append([expert])
        free[expert] = False
        met = combine(met, together[expert])
    return begun


def _fill(together: Counts, cluster_of: NDArray[np.int16], number: int, size: int) -> None:
    """Add the free expert of highest mean co-activation with the members until the cluster has *size*."""
    members = np.flatnonzero(cluster_of == number)
    met = together[members].sum(axis=0)
    for _ in range(size - len(members)):
        expert = int(np.argmax(np.where(cluster_of < 0, met, -1)))
        cluster_of[expert] = number
        met = met + together[expert]
