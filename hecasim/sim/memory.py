"""DRAM tasks in flight: reads and writes as segments on real links between a port and the tiles.

Where a task says so, the tiles behind one port, or all of them, start `together`, when the last of them is ready: its
controller runs one program for all of them. A multicast always does.
Modelled: the channel's queue, the way across the package, multicast of replicated data down a row and column tree
(forked in the routers). Not modelled: read requests on their way to the channel (a few bytes), write acknowledgements.
"""

from __future__ import annotations

from collections.abc import Callable

from hecasim.mapping.ports import Port, shares
from hecasim.mapping.wiring import EVERYBODY
from hecasim.sim.hardware import Hardware
from hecasim.sim.lane import Lane, Segment, segments_of
from hecasim.trace.task import DRAM_READ, PORT, STREAMS, Task


class Transfers:
    """One DRAM task of one body: every tile moves its own bytes."""

    def __init__(
        self,
        hardware: Hardware,
        task: Task,
        body: int,
        begun: Callable[[int], None],
        done: Callable[[int], None],
        segment_bytes: int,
    ) -> None:
        self.hardware, self.spec, self.body, self.task = hardware, task, body, task.id
        self.begun, self.done = begun, done
        self.segment_bytes = segment_bytes
        self.stream = STREAMS.index(task.stream)
        self._ready: dict[int, list[int]] = {}
        """The tiles that wait for others, by the channel of their port, or all of the package."""
        self._left: dict[int, int] = {}

    def start(self, tile: int) -> None:
        """A tile is ready to read or write its own bytes through its port."""
        if not self.spec.bytes_at(tile) or self.hardware.wiring.ideal_memory:
            self.begun(tile)
            self.done(tile)
            return
        if not self.spec.together:
            self._move(tile)
            return
        party = self.hardware.ports[tile].channel if self.spec.together == PORT else EVERYBODY
        ready = self._ready.setdefault(party, [])
        ready.append(tile)
        if len(ready) == self.hardware.party(self.spec, party):
            for one in ready:
                self._move(one)

    def _move(self, tile: int) -> None:
        self.begun(tile)
        size = self.spec.bytes_at(tile)
        reads = self.spec.kind == DRAM_READ
        route = self.hardware.read_route(tile) if reads else self.hardware.write_route(tile)
        spans = segments_of(size, self.segment_bytes)
        self._left[tile] = len(spans)
        for number, span in enumerate(spans):
            route[0].request(Segment(route, span, self.stream, self, 0, number, tile, tile))

    def landed(self, segment: Segment) -> None:
        """One segment less for the tile it belongs to."""
        tile = segment.note
        left = self._left[tile] = self._left[tile] - 1
        if not left:
            self.done(tile)


class Multicast:
    """A read of data that all members of a group hold: each port reads a part once, routers copy it to all."""

    def __init__(
        self, hardware: Hardware, task: Task, members: tuple[int, ...], body: int, begun: Callable[[int], None],
        done: Callable[[int], None], segment_bytes: int,
    ) -> None:  # fmt: skip
        self.hardware, self.spec, self.body, self.task = hardware, task, body, task.id
        self.members = members
        self.begun, self.done = begun, done
        self.segment_bytes = segment_bytes
        self.stream = STREAMS.index(task.stream)
        self._waiting = len(members)
        self._left: dict[int, int] = {}

    def start(self, tile: int) -> None:
        """The read begins when every member is ready to receive."""
        self._waiting -= 1
        if self._waiting:
            return
        for member in self.members:
            self.begun(member)
        size = self.spec.bytes_at(tile)
        if not size or self.hardware.wiring.ideal_memory:
            for member in self.members:
                self.done(member)
            return
        ports = sorted({self.hardware.ports[member] for member in self.members})
        spans = [(port, segments_of(share, self.segment_bytes)) for port, share in shares(size, ports)]
        self._left = dict.fromkeys(self.members, sum(len(cuts) for _, cuts in spans))
        for port, cuts in spans:
            channel = self.hardware.channel(port)
            route = (channel, plant(self, port))
            # Several groups may read through one port, and several ports serve one group: both tell segments apart.
            source = port.tile * self.hardware.topology.size + self.members[0]
            for number, span in enumerate(cuts):
                channel.request(Segment(route, span, self.stream, self, 0, number, source))

    def arrived(self, tile: int) -> None:
        """One segment less for a member."""
        left = self._left[tile] = self._left[tile] - 1
        if not left:
            self.done(tile)

    def landed(self, segment: Segment) -> None:
        """A copy has come through a member's SRAM port."""
        self.arrived(segment.note)


class Fork:
    """The router of one tile on a multicast tree; it stands at the end of a copy's route like a lane.

    When the head of a segment arrives it goes on at once, as in cut-through, onto every branch and into the SRAM.
    """

    __slots__ = ("branches", "fill", "is_member", "multicast", "tile")

    def __init__(self, multicast: Multicast, tile: int) -> None:
        self.multicast, self.tile = multicast, tile
        self.is_member = tile in multicast.members
        self.fill = multicast.hardware.fill(tile) if self.is_member else ()
        self.branches: list[tuple[Lane, Fork]] = []

    def request(self, segment: Segment) -> None:
        """The head of *segment* is here."""
        for lane, fork in self.branches:
            lane.request(_copy(segment, (lane, fork)))
        if self.fill:
            self.fill[0].request(_copy(segment, self.fill, self.tile))
        elif self.is_member:
            clock = self.multicast.hardware.clock
            clock.at(clock.now + segment.held_ps, self.multicast.arrived, self.tile)


def _copy(segment: Segment, route: tuple[Lane | Fork, ...], note: int | None = None) -> Segment:
    copy = Segment(
        route, segment.span, segment.stream, segment.sink, segment.step + 1, segment.number, segment.source, note
    )
    copy.held_ps = segment.held_ps
    return copy


def plant(multicast: Multicast, port: Port) -> Fork:
    """The tree from a port to all members of a multicast; its root is the port's router."""
    hardware = multicast.hardware
    links, topology = hardware.lanes, hardware.topology
    tree = topology.multicast(port.tile, multicast.members)
    forks = {port.tile: Fork(multicast, port.tile)}
    for numbers in tree.values():
        for number in numbers:
            tile = topology.links[number][1]
            forks[tile] = Fork(multicast, tile)
    for tile, numbers in tree.items():
        forks[tile].branches = [(links[number], forks[topology.links[number][1]]) for number in numbers]
    return forks[port.tile]
