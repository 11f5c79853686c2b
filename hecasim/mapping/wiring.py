"""Everything on a package that carries one segment at a time, numbered, and the way of every message over it.

A lane is a directed link, an SRAM port that can limit, or a DRAM channel in use. Both engines play on these lanes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hecasim.mapping.links import link_table
from hecasim.mapping.ports import channel_rates, ports_of_tiles
from hecasim.specs import PackageSpec
from hecasim.topologies import SWITCH, topology_of

LINK, PORT, CHANNEL = "link", "port", "dram"
Route = tuple[int, ...]
"""Numbers of lanes."""


class LaneSpec(NamedTuple):
    """One lane: what it is, at which tile (a channel: its number), its rate (None: no limit), latency of the head."""

    kind: str
    place: int
    name: str
    bytes_per_s: int | None
    latency_ps: int


class Wiring:
    """The lanes of a package: links in the topology's order, then SRAM ports tile by tile, then channels."""

    def __init__(self, package: PackageSpec, dram_map: str) -> None:
        self.package = package
        self.topology = topology_of(package.topology)
        self.ports = ports_of_tiles(package, dram_map)
        self.lanes: list[LaneSpec] = []
        self._add_links()
        self.nop_in: dict[int, int] = {}
        self.nop_out: dict[int, int] = {}
        self.dram_in: dict[int, int] = {}
        self.dram_out: dict[int, int] = {}
        self._add_ports()
        self.channels = self._add_channels()
        self._routes: dict[tuple[int, int], Route] = {}

    @property
    def ideal_memory(self) -> bool:
        """Ideal memory answers at once and has no channels."""
        return self.package.memory.is_ideal

    @property
    def shared_ports(self) -> bool:
        """Whether a tile's core, NoP and DRAM traffic pass one port."""
        return self.package.chiplet.sram.ports == "shared"

    def sum_rate(self, algorithm: str) -> int | None:
        """Rate of the reduction unit that makes the sums of a collective: a switch's or a chiplet's."""
        switch = self.package.switch
        unit = switch if switch is not None and algorithm == "tree.combine" else self.package.chiplet.sram
        rate = unit.reduction_bandwidth_bytes_per_s
        return None if rate is None else int(rate)

    def route(self, source: int, target: int) -> Route:
        """The way of a message between two tiles' SRAMs."""
        route = self._routes.get((source, target))
        if route is None:
            route = self._routes[(source, target)] = (
                *_one(self.nop_out, source), *self.topology.route(source, target), *_one(self.nop_in, target),
            )  # fmt: skip
        return route

    def read_route(self, tile: int) -> Route:
        """From a tile's DRAM channel to its SRAM."""
        port = self.ports[tile]
        return (self.channels[port.channel], *self.topology.route(port.tile, tile), *self.fill(tile))

    def write_route(self, tile: int) -> Route:
        """From a tile's SRAM to its DRAM channel."""
        port = self.ports[tile]
        return (*_one(self.dram_out, tile), *self.topology.route(tile, port.tile), self.channels[port.channel])

    def fill(self, tile: int) -> Route:
        """The port through which DRAM data enters a tile's SRAM, where it can limit."""
        return _one(self.dram_in, tile)

    def parties(self, tile_bytes: Sequence[int]) -> dict[int, int]:
        """Channel -> how many of the tiles behind it move bytes, of so many per tile (one number: all alike)."""
        found: dict[int, int] = {}
        for tile, port in enumerate(self.ports):
            if tile_bytes[tile if len(tile_bytes) > 1 else 0]:
                found[port.channel] = found.get(port.channel, 0) + 1
        return found

    def _add_links(self) -> None:
        name_of = self.topology.name_of
        table = link_table(self.package, self.topology)
        for (source, target), (rate, hop_ps, _) in zip(self.topology.links, table, strict=True):
            self.lanes.append(LaneSpec(LINK, source, f"{name_of(source)}->{name_of(target)}", rate, hop_ps))

    def _add_ports(self) -> None:
        """Ports that can be slower than what feeds them; a wider port never limits and is left out.

        A switch has none: what passes it does not enter an SRAM.
        """
        sram = self.package.chiplet.sram
        tiles = [tile for tile in range(self.topology.size) if self.topology.roles[tile] != SWITCH]
        if self.shared_ports:
            for tile in tiles:
                number = self._port(tile, f"sram {tile} port", sram.operand_bytes_per_s)
                for table in (self.nop_in, self.nop_out, self.dram_in, self.dram_out):
                    table[tile] = number
            return
        arriving = [0] * self.topology.size
        for (_, target), lane in zip(self.topology.links, self.lanes, strict=True):
            arriving[target] += lane.bytes_per_s or 0
        fastest = max((rate or 0 for rate in self._channel_rates().values()), default=0)
        nop, dram = sram.nop_bandwidth_bytes_per_s, sram.dram_bandwidth_bytes_per_s
        for tile in tiles:
            if nop is not None and nop < arriving[tile]:
                self.nop_in[tile] = self._port(tile, f"sram {tile} nop in", int(nop))
                self.nop_out[tile] = self._port(tile, f"sram {tile} nop out", int(nop))
            if dram is not None and dram < arriving[tile] + fastest:
                self.dram_in[tile] = self._port(tile, f"sram {tile} dram fill", int(dram))
                self.dram_out[tile] = self._port(tile, f"sram {tile} dram drain", int(dram))

    def _port(self, tile: int, name: str, bytes_per_s: int | None) -> int:
        self.lanes.append(LaneSpec(PORT, tile, name, bytes_per_s, 1))
        return len(self.lanes) - 1

    def _channel_rates(self) -> dict[int, int | None]:
        """Of the channels that some tile uses."""
        if self.ideal_memory:
            return {}
        used = sorted({port.channel for port in self.ports})
        rates = channel_rates(self.package, used[-1] + 1)
        return {channel: rates[channel] for channel in used}

    def _add_channels(self) -> dict[int, int]:
        """Channel -> its lane."""
        found = {}
        for channel, rate in self._channel_rates().items():
            found[channel] = len(self.lanes)
            self.lanes.append(LaneSpec(CHANNEL, channel, f"dram {channel}", rate, self.package.memory.latency_ps))
        return found


def _one(ports: dict[int, int], tile: int) -> Route:
    return (ports[tile],) if tile in ports else ()
