"""What each link of a package is: its rate, its hop, the energy of a bit, in the order that numbers the links.

On a tree the links between attention chiplets and switches may be of another kind (`root_link`), and the hop out of a
switch takes the switch's latency too.
"""

from __future__ import annotations

from typing import NamedTuple

from hecasim.specs import PackageSpec
from hecasim.topologies import ATTENTION, SWITCH, Topology


class LinkRow(NamedTuple):
    """One directed link."""

    bytes_per_s: int
    hop_ps: int
    j_per_bit: float


def link_table(package: PackageSpec, topology: Topology) -> list[LinkRow]:
    """A row per link of *topology*."""
    table = []
    for source, target in topology.links:
        roles = (topology.roles[source], topology.roles[target])
        link = package.root_link if package.root_link is not None and ATTENTION in roles else package.link
        switching = package.switch.latency_ps if package.switch is not None and roles[0] == SWITCH else 0
        table.append(LinkRow(link.payload_bytes_per_s, link.hop_ps + switching, link.energy_j_per_bit))
    return table
