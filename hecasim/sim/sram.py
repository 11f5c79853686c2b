"""SRAM buffer of one tile: its pools, who waits for space in them, and those of its ports that can limit traffic.

Modelled: bytes taken and given back by tasks, peaks by class of buffer, two pools of fixed size (`POOLS`); a task that
lacks space waits, and of those that wait for a pool nobody passes the first in trace order; NoP and DRAM-fill ports
slower than what feeds them, or one port that the core's operands, the NoP and DRAM share.
Not modelled: banks and their conflicts, where in a pool a buffer lies (no fragmentation), weights that do not stay on
the package (they stream through a window that is not counted).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from hecasim.mapping.buffers import Buffer
from hecasim.mapping.sram import POOLS, UNLIMITED_ROOMS, Rooms
from hecasim.sim.clock import Clock
from hecasim.sim.lane import Lane
from hecasim.sim.station import Station
from hecasim.trace.task import Task


class Entrant(NamedTuple):
    """A task that is ready on a tile but for its space; `run` is its live body, which knows its index."""

    run: Any
    task: int
    tile: int
    spec: Task
    net: tuple[int, int]
    ready_ps: int

    def place(self) -> tuple[int, int]:
        """Its place in the trace."""
        return self.run.index, self.task


class Sram(Station):
    """One tile's buffer: levels, peaks, and admission to its pools.

    Space is asked for while the first half of a picosecond lasts and given at its end, when everything of this instant
    that frees space has happened; what that lets start belongs to the same instant (see `Clock`).
    """

    def __init__(
        self,
        clock: Clock,
        name: str,
        lane_kind: type[Lane] = Lane,
        rooms: Rooms = UNLIMITED_ROOMS,
        begin: Callable[[Any], None] = lambda _: None,
    ) -> None:
        super().__init__(clock, name, lane_kind)
        self.rooms = rooms
        self.begin = begin
        """Told of every task that has been let in."""
        self.level: dict[str, int] = {}
        self.peak: dict[str, int] = {}
        self.held = [0, 0]
        """Bytes taken of each pool."""
        self.total = self.total_peak = 0
        self._changed_at = 0
        """When levels last changed: how they stand when that picosecond is over counts for the peaks."""
        self.waiting: list[Entrant] = []
        self.entering = False
        self.wait_ps = 0

    def take(self, buffers: tuple[Buffer, ...]) -> None:
        """Occupy space when a task starts."""
        self.look()
        for kind, size_bytes in buffers:
            self.level[kind] = self.level.get(kind, 0) + size_bytes
            self.held[POOLS[kind]] += size_bytes
            self.total += size_bytes

    def give(self, buffers: tuple[Buffer, ...]) -> None:
        """Free space when a task has ended; whoever waits for some is looked at again."""
        self.look()
        for kind, size_bytes in buffers:
            self.level[kind] = self.level.get(kind, 0) - size_bytes
            self.held[POOLS[kind]] -= size_bytes
            self.total -= size_bytes
        if self.waiting:
            self.clock.enter(self)

    def look(self) -> None:
        """Take the levels for the peaks, if the picosecond in which they last changed is over."""
        if self.clock.now > self._changed_at:
            self._changed_at = self.clock.now
            self.take_peaks()

    def take_peaks(self) -> None:
        """The present levels count."""
        for kind, level in self.level.items():
            if level > self.peak.get(kind, 0):
                self.peak[kind] = level
        self.total_peak = max(self.total_peak, self.total)

    def ask(self, entrant: Entrant) -> None:
        """A task is ready and needs space."""
        self.waiting.append(entrant)
        self.clock.enter(self)

    def admit(self, now: int) -> list[Entrant]:
        """Let in who fits, in trace order; behind one who does not, nobody takes of the pools that it needs."""
        waiting, self.waiting = self.waiting, []
        if len(waiting) > 1:
            waiting.sort(key=Entrant.place)
        admitted, left, shut, frees = [], [], [False, False], False
        for entrant in waiting:
            needed = [pool for pool, net in enumerate(entrant.net) if net > 0]
            if any(shut[pool] or self.lacking(pool, entrant.net[pool]) > 0 for pool in needed):
                for pool in needed:
                    shut[pool] = True
                left.append(entrant)
                continue
            if entrant.spec.in_place:
                self.give(entrant.spec.gives)
                frees = frees or min(entrant.net) < 0
            self.take(entrant.spec.takes)
            self.wait_ps += now - entrant.ready_ps
            admitted.append(entrant)
        self.waiting = left
        if left and frees:
            self.clock.enter(self)
        return admitted

    def lacking(self, pool: int, net_bytes: int) -> int:
        """Bytes short of what a task needs of a pool now; 0 or less if it fits."""
        room = self.rooms[pool]
        return 0 if room is None else self.held[pool] + net_bytes - room
