"""The live package: core, SRAM buffer and router of every tile, a controller per DRAM channel, and routes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hecasim.mapping.ports import Port, ports_of_tiles
from hecasim.mapping.sram import UNLIMITED_ROOMS, Rooms
from hecasim.sim.clock import Clock
from hecasim.sim.core import CORE_STREAM, Core
from hecasim.sim.lane import Lane
from hecasim.sim.sram import Sram
from hecasim.sim.station import DramController, Router
from hecasim.specs import PackageSpec
from hecasim.topologies import make

Route = tuple[Lane, ...]


class Hardware:
    """Everything of a package that takes time or space."""

    def __init__(
        self,
        clock: Clock,
        package: PackageSpec,
        dram_map: str,
        finish: Callable[[Any], None],
        lane_kind: type[Lane] = Lane,
        rooms: Rooms = UNLIMITED_ROOMS,
        begin: Callable[[Any], None] = lambda _: None,
    ) -> None:
        self.clock, self.package, self.lane_kind = clock, package, lane_kind
        self.topology = make(package.topology.kind, package.topology.rows, package.topology.columns)
        tiles = range(self.topology.size)
        self.cores = [Core(clock, finish) for _ in tiles]
        self.srams = [Sram(clock, f"sram {tile}", lane_kind, rooms, begin) for tile in tiles]
        self.routers = [Router(clock, f"router {tile}", lane_kind) for tile in tiles]
        self.links = [self._link(source, target) for source, target in self.topology.links]
        self.ports = ports_of_tiles(package, dram_map)
        self.channels = self._channels()
        self._nop_in, self._nop_out, self._dram_in, self._dram_out = self._sram_ports()
        self._routes: dict[tuple[int, int], Route] = {}

    def _link(self, source: int, target: int) -> Lane:
        link = self.package.link
        rate = link.payload_bytes_per_s
        name = f"{self.place(source)}->{self.place(target)}"
        return self.routers[source].lane(name, rate, link.hop_ps)

    def place(self, tile: int) -> str:
        """Row and column of a tile."""
        return f"({tile // self.topology.columns},{tile % self.topology.columns})"

    def _channels(self) -> dict[int, Lane]:
        """Channels that some tile uses; ideal memory answers at once and has none."""
        if self.ideal_memory:
            return {}
        memory = self.package.memory
        used = sorted({port.channel for port in self.ports})
        rate = None if memory.bandwidth_bytes_per_s is None else int(memory.bandwidth_bytes_per_s)
        return {
            channel: DramController(self.clock, f"dram {channel}", self.lane_kind).lane(
                f"dram {channel}", rate, memory.latency_ps
            )
            for channel in used
        }

    @property
    def ideal_memory(self) -> bool:
        return self.package.memory.is_ideal

    def _sram_ports(self) -> tuple[dict[int, Lane], ...]:
        """Ports that can be slower than what feeds them; a wider port never limits and is left out."""
        sram, link = self.package.chiplet.sram, self.package.link
        if sram.ports == "shared":
            rate, streams = sram.operand_bytes_per_s, CORE_STREAM + 1
            shared = {tile: station.lane(f"sram {tile} port", rate, 1, streams)
                      for tile, station in enumerate(self.srams)}  # fmt: skip
            return shared, shared, shared, shared
        rate = link.payload_bytes_per_s
        degree = [0] * self.topology.size
        for _, target in self.topology.links:
            degree[target] += 1
        channel_rate = self.package.memory.bandwidth_bytes_per_s or 0
        nop_in, nop_out, dram_in, dram_out = {}, {}, {}, {}
        for tile, station in enumerate(self.srams):
            nop, dram = sram.nop_bandwidth_bytes_per_s, sram.dram_bandwidth_bytes_per_s
            if nop is not None and nop < degree[tile] * rate:
                nop_in[tile] = station.lane(f"sram {tile} nop in", int(nop), 1)
                nop_out[tile] = station.lane(f"sram {tile} nop out", int(nop), 1)
            if dram is not None and dram < degree[tile] * rate + channel_rate:
                dram_in[tile] = station.lane(f"sram {tile} dram fill", int(dram), 1)
                dram_out[tile] = station.lane(f"sram {tile} dram drain", int(dram), 1)
        return nop_in, nop_out, dram_in, dram_out

    def share_ports(self, segment_bytes: int) -> None:
        """Where a tile has one port, its core's operands pass it too, in segments."""
        if self.package.chiplet.sram.ports == "shared":
            for core, sram in zip(self.cores, self.srams, strict=True):
                core.share(sram.lanes[0], segment_bytes)

    def route(self, source: int, target: int) -> Route:
        """Lanes of a message between two tiles' SRAMs."""
        route = self._routes.get((source, target))
        if route is None:
            route = self._routes[(source, target)] = (
                *_one(self._nop_out, source), *self.wires(source, target), *_one(self._nop_in, target),
            )  # fmt: skip
        return route

    def wires(self, source: int, target: int) -> Route:
        """The links between two tiles' routers."""
        return tuple(self.links[number] for number in self.topology.route(source, target))

    def read_route(self, tile: int, port: Port) -> Route:
        """From a DRAM channel to a tile's SRAM."""
        return (self.channels[port.channel], *self.wires(port.tile, tile), *self.fill(tile))

    def write_route(self, tile: int, port: Port) -> Route:
        """From a tile's SRAM to a DRAM channel."""
        return (*_one(self._dram_out, tile), *self.wires(tile, port.tile), self.channels[port.channel])

    def fill(self, tile: int) -> Route:
        """The port through which DRAM data enters a tile's SRAM, where it can limit."""
        return _one(self._dram_in, tile)

    def sram_ports(self) -> list[Lane]:
        """SRAM ports that can limit."""
        return [lane for sram in self.srams for lane in sram.lanes]


def _one(ports: dict[int, Lane], tile: int) -> Route:
    return (ports[tile],) if tile in ports else ()
