"""How long it takes to move experts to another placement: by the busiest DRAM or link of a tree, without events.

Weights of experts lie in the DRAM of their group (Mozart, arXiv 2603.07006, section 4.4), so an expert that changes its
chiplet inside a group moves no byte: its switch hands it to another one. One that changes its group is read there,
crosses the attention chiplet, and is written here. Everything streams, and latencies are left out: a lower bound.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hecasim.errors import ConfigError
from hecasim.specs import PackageSpec


@dataclass(frozen=True)
class MovingRates:
    """Bytes per second of the DRAM of a group, and of its link to the attention chiplet in each direction."""

    dram_bytes_per_s: float
    link_bytes_per_s: float


def moving_rates(package: PackageSpec) -> MovingRates:
    """The rates of a tree; ConfigError for a grid."""
    if package.topology.kind != "tree":
        raise ConfigError(f"--package: {package.name} is a {package.topology.kind}; expected a tree of chiplets")
    dram = package.memory.bandwidth_bytes_per_s
    link = (package.root_link or package.link).payload_bytes_per_s
    return MovingRates(float("inf") if dram is None else float(dram), float(link))


def moving_s(between_groups: NDArray[np.int64], expert_bytes: int, rates: MovingRates) -> float:
    """Seconds to move so many experts, (groups, groups), from row to column, each of *expert_bytes*."""
    out, into = (between_groups.sum(axis=axis) * expert_bytes for axis in (1, 0))
    on_links = float(max(out.max(), into.max())) / rates.link_bytes_per_s
    return max(on_links, float((out + into).max()) / rates.dram_bytes_per_s)
