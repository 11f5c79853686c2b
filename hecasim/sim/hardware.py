"""The live package: core, SRAM buffer and router of every tile, a controller per DRAM channel, and routes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hecasim.mapping.links import link_table
from hecasim.mapping.ports import Port, channel_rates, ports_of_tiles
from hecasim.mapping.sram import UNLIMITED_ROOMS, Rooms
from hecasim.sim.clock import Clock
from hecasim.sim.core import CORE_STREAM, Core
from hecasim.sim.lane import Lane
from hecasim.sim.sram import Sram
from hecasim.sim.station import DramController, Router
from hecasim.specs import PackageSpec
from hecasim.topologies import SWITCH, topology_of

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
        self.topology = topology_of(package.topology)
        tiles = range(self.topology.size)
        self.cores = [Core(clock, finish) for _ in tiles]
        self.srams = [Sram(clock, f"sram {tile}", lane_kind, rooms, begin) for tile in tiles]
        self.routers = [Router(clock, f"router {tile}", lane_kind) for tile in tiles]
        self.link_table = link_table(package, self.topology)
        self.links = [self._link(number) for number in range(len(self.link_table))]
        self.ports = ports_of_tiles(package, dram_map)
        self.channels = self._channels()
        self._nop_in, self._nop_out, self._dram_in, self._dram_out = self._sram_ports()
        self._routes: dict[tuple[int, int], Route] = {}

    def _link(self, number: int) -> Lane:
        source, target = self.topology.links[number]
        rate, hop_ps, _ = self.link_table[number]
        name = f"{self.topology.name_of(source)}->{self.topology.name_of(target)}"
        return self.routers[source].lane(name, rate, hop_ps)

    def sum_rate(self, algorithm: str) -> int | None:
        """Rate of the reduction unit that makes the sums of a collective: a switch's or a chiplet's."""
        switch = self.package.switch
        unit = switch if switch is not None and algorithm == "tree.combine" else self.package.chiplet.sram
        rate = unit.reduction_bandwidth_bytes_per_s
        return None if rate is None else int(rate)

    def _channels(self) -> dict[int, Lane]:
        """Channels that some tile uses; ideal memory answers at once and has none."""
        if self.ideal_memory:
            return {}
        memory = self.package.memory
        used = sorted({port.channel for port in self.ports})
        rates = channel_rates(self.package, used[-1] + 1)
        return {
            channel: DramController(self.clock, f"dram {channel}", self.lane_kind).lane(
                f"dram {channel}", rates[channel], memory.latency_ps
            )
            for channel in used
        }

    @property
    def ideal_memory(self) -> bool:
        return self.package.memory.is_ideal

    def _sram_ports(self) -> tuple[dict[int, Lane], ...]:
        """Ports that can be slower than what feeds them; a wider port never limits and is left out.

        A switch has none: what passes it does not enter an SRAM.
        """
        sram = self.package.chiplet.sram
        stations = {tile: station for tile, station in enumerate(self.srams) if self.topology.roles[tile] != SWITCH}
        if sram.ports == "shared":
            rate, streams = sram.operand_bytes_per_s, CORE_STREAM + 1
            shared = {tile: station.lane(f"sram {tile} port", rate, 1, streams) for tile, station in stations.items()}
            return shared, shared, shared, shared
        arriving = [0] * self.topology.size
        for (_, target), row in zip(self.topology.links, self.link_table, strict=True):
            arriving[target] += row.bytes_per_s
        channel_rate = max((lane.rate or 0 for lane in self.channels.values()), default=0)
        nop_in, nop_out, dram_in, dram_out = {}, {}, {}, {}
        for tile, station in stations.items():
            nop, dram = sram.nop_bandwidth_bytes_per_s, sram.dram_bandwidth_bytes_per_s
            if nop is not None and nop < arriving[tile]:
                nop_in[tile] = station.lane(f"sram {tile} nop in", int(nop), 1)
                nop_out[tile] = station.lane(f"sram {tile} nop out", int(nop), 1)
            if dram is not None and dram < arriving[tile] + channel_rate:
                dram_in[tile] = station.lane(f"sram {tile} dram fill", int(dram), 1)
                dram_out[tile] = station.lane(f"sram {tile} dram drain", int(dram), 1)
        return nop_in, nop_out, dram_in, dram_out

    def share_ports(self, segment_bytes: int) -> None:
        """Where a tile has one port, its core's operands pass it too, in segments."""
        if self.package.chiplet.sram.ports == "shared":
            for core, sram in zip(self.cores, self.srams, strict=True):
                if sram.lanes:
                    core.share(sram.lanes[0], segment_bytes)

    def route(self, source: int, target: int) -> Route:
        """Lanes of a message between two tiles' SRAMs."""
        route = self._routes.get((source, target))
        if route is None:
            route = self._routes[(source, target)] = (
                *_one(self._nop_out, source), *self.wires(source, target), *_one(self._nop_in, target),
            )  # fmt: skip
        return route

    def nop_ports(self, tile: int) -> tuple[Lane | None, Lane | None]:
        """The ports through which messages leave and enter a tile's SRAM, where they can limit."""
        return self._nop_out.get(tile), self._nop_in.get(tile)

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
