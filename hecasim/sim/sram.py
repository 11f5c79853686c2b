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

from hecasim.errors import InfeasiblePlan
from hecasim.mapping.buffers import Buffer
from hecasim.mapping.sram import POOL_NAMES, POOLS, UNLIMITED_ROOMS, Rooms, net_bytes
from hecasim.sim.clock import Clock
from hecasim.sim.lane import Lane
from hecasim.sim.station import Station
from hecasim.trace.task import Task, Trace


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
        self.waiting: list[Entrant] = []
        self.entering = False
        self.wait_ps = 0

    def take(self, buffers: tuple[Buffer, ...]) -> None:
        """Occupy space when a task starts."""
        for kind, size_bytes in buffers:
            level = self.level[kind] = self.level.get(kind, 0) + size_bytes
            self.held[POOLS[kind]] += size_bytes
            self.total += size_bytes
            if level > self.peak.get(kind, 0):
                self.peak[kind] = level
        self.total_peak = max(self.total_peak, self.total)

    def give(self, buffers: tuple[Buffer, ...]) -> None:
        """Free space when a task has ended; whoever waits for some is looked at again."""
        for kind, size_bytes in buffers:
            self.level[kind] = self.level.get(kind, 0) - size_bytes
            self.held[POOLS[kind]] -= size_bytes
            self.total -= size_bytes
        if self.waiting:
            self.clock.enter(self)

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


def new_space(task: Task) -> tuple[int, int] | None:
    """Bytes of each pool that a task needs beyond what it gives back in place; None if none: then it never waits."""
    net = net_bytes(task.takes, task.gives if task.in_place else ())
    return net if max(net) > 0 else None


def refuse_what_never_fits(trace: Trace, rooms: Rooms) -> None:
    """Raise InfeasiblePlan for a task that needs more than a whole pool."""
    for kind in trace.kinds:
        for task in kind.tasks:
            for pool, (needed, room) in enumerate(zip(new_space(task) or (0, 0), rooms, strict=True)):
                if room is not None and needed > room:
                    raise InfeasiblePlan(
                        resource=f"SRAM pool '{POOL_NAMES[pool]}' per tile, for '{task.label}' of {kind.name}",
                        needed=f"{needed} bytes", available=f"{room} bytes",
                        levers=[f"package.chiplet.sram.{POOL_NAMES[pool]} (larger)", "plan.token_tile (smaller)",
                                "plan.micro_batch (smaller)"],
                    )  # fmt: skip


NAMED_WAITERS = 4


def who_waits(srams: list[Sram]) -> str:
    """Who waits for space, and what each lacks on the first tile where it waits; empty if nobody does."""
    found: dict[tuple[int, int], list[tuple[Sram, Entrant]]] = {}
    for sram in srams:
        for entrant in sram.waiting:
            found.setdefault(entrant.place(), []).append((sram, entrant))
    named = [_what_lacks(*found[place][0], len(found[place])) for place in sorted(found)[:NAMED_WAITERS]]
    more = len(found) - len(named)
    return "; ".join([*named, *([f"{more} more tasks wait"] if more else [])])


def _what_lacks(sram: Sram, entrant: Entrant, tiles: int) -> str:
    lacks = []
    for pool, net in enumerate(entrant.net):
        short, room = sram.lacking(pool, net), sram.rooms[pool]
        if net > 0 and short > 0 and room is not None:
            free = room - sram.held[pool]
            lacks.append(f"lacks {short} bytes of {POOL_NAMES[pool]} ({net} needed, {free} of {room} free)")
    run, others = entrant.run, f" and {tiles - 1} more" if tiles > 1 else ""
    why = " and ".join(lacks) or "waits behind an earlier task that lacks space"
    return f"'{entrant.spec.label}' of body {run.index} ({run.compiled.kind.name}) on tile {entrant.tile}{others} {why}"
