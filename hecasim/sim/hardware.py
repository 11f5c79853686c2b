"""The live package: core, SRAM buffer and router of every tile, a controller per DRAM channel, and their lanes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hecasim.mapping.ports import Port
from hecasim.mapping.sram import UNLIMITED_ROOMS, Rooms
from hecasim.mapping.wiring import LINK, PORT, LaneSpec, Wiring
from hecasim.sim.clock import Clock
from hecasim.sim.core import CORE_STREAM, Core
from hecasim.sim.lane import Lane
from hecasim.sim.sram import Sram
from hecasim.sim.station import DramController, Router, Station
from hecasim.specs import PackageSpec
from hecasim.trace.task import STREAMS, Task

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
        self.wiring = Wiring(package, dram_map)
        self.topology, self.ports = self.wiring.topology, self.wiring.ports
        tiles = range(self.topology.size)
        self.cores = [Core(clock, finish) for _ in tiles]
        self.srams = [Sram(clock, f"sram {tile}", lane_kind, rooms, begin) for tile in tiles]
        self.routers = [Router(clock, f"router {tile}", lane_kind) for tile in tiles]
        self.lanes = [self._lane(spec) for spec in self.wiring.lanes]
        self._routes: dict[tuple[int, int], Route] = {}
        self._parties: dict[tuple[int, ...], dict[int, int]] = {}

    def _lane(self, spec: LaneSpec) -> Lane:
        station: Station
        if spec.kind == LINK:
            station = self.routers[spec.place]
        elif spec.kind == PORT:
            station = self.srams[spec.place]
        else:
            station = DramController(self.clock, spec.name, self.lane_kind)
        streams = CORE_STREAM + 1 if spec.kind == PORT and self.wiring.shared_ports else len(STREAMS)
        return station.lane(spec.name, spec.bytes_per_s, spec.latency_ps, streams)

    def share_ports(self, segment_bytes: int) -> None:
        """Where a tile has one port, its core's operands pass it too, in segments."""
        if self.wiring.shared_ports:
            for core, sram in zip(self.cores, self.srams, strict=True):
                if sram.lanes:
                    core.share(sram.lanes[0], segment_bytes)

    def route(self, source: int, target: int) -> Route:
        """Lanes of a message between two tiles' SRAMs."""
        route = self._routes.get((source, target))
        if route is None:
            route = self._routes[(source, target)] = self._of(self.wiring.route(source, target))
        return route

    def read_route(self, tile: int) -> Route:
        """From a tile's DRAM channel to its SRAM."""
        return self._of(self.wiring.read_route(tile))

    def write_route(self, tile: int) -> Route:
        """From a tile's SRAM to its DRAM channel."""
        return self._of(self.wiring.write_route(tile))

    def fill(self, tile: int) -> Route:
        """The port through which DRAM data enters a tile's SRAM, where it can limit."""
        return self._of(self.wiring.fill(tile))

    def channel(self, port: Port) -> Lane:
        """The lane of a DRAM channel."""
        return self.lanes[self.wiring.channels[port.channel]]

    def party(self, task: Task, channel: int) -> int:
        """How many of the tiles behind a channel a DRAM task moves bytes of."""
        if task.tile_bytes not in self._parties:
            self._parties[task.tile_bytes] = self.wiring.parties(task.tile_bytes)
        return self._parties[task.tile_bytes][channel]

    def _of(self, route: tuple[int, ...]) -> Route:
        return tuple(self.lanes[number] for number in route)
