"""A live body: what every tile of it still waits for, and what it leaves for the tables."""

from __future__ import annotations

from array import array
from typing import Any

from hecasim.sim.causes import Cause
from hecasim.sim.compiled import CompiledKind
from hecasim.trace.log import Log
from hecasim.trace.play import Body


class BodyRun:
    """A live body: what every tile still waits for."""

    __slots__ = ("causes", "compiled", "done", "earlier", "first", "flights", "index", "leading", "led", "left",
                 "lowered", "outside", "place", "started", "tasks_left", "waits")  # fmt: skip

    def __init__(self, index: int, place: Body, compiled: CompiledKind, tiles: int) -> None:
        self.index, self.place, self.compiled = index, place, compiled
        count = len(compiled.tasks)
        self.waits = [array("I", [wait]) * tiles for wait in compiled.waits]
        self.done = [bytearray(tiles) for _ in range(count)]
        self.left = [tiles] * count
        self.tasks_left = count
        self.leading = compiled.leading
        """Tasks left that later bodies must see ended before they are issued."""
        self.led: tuple[int, int, Cause | None] = (-1, -1, None)
        """When the last of these ended, which (of several in one picosecond the last in the trace), and why."""
        self.started: list[dict[int, int]] = [{} for _ in range(count)]
        self.first = [-1] * count
        self.outside: list[list[tuple[BodyRun, int]]] = [[] for _ in range(count)]
        self.flights: dict[int, Any] = {}
        self.lowered: list[tuple[int, tuple[int, int], int, Cause | None]] = [(-1, (-1, -1), -1, None)] * count
        """Of what each task waits for, the last end: its picosecond, (body, task), when that was let, and why."""
        self.causes: list[Cause | None] = [None] * count
        self.earlier: list[Cause | None] = [None] * count
        """What they were before the picosecond in which they became what they are."""

    def let(self, task: int, now: int, before: Cause | None, by: tuple[int, int]) -> None:
        """Something that a task waits for ends on some tile: of several in one picosecond the last in the trace counts.

        Nothing depends on which of them is heard of first.
        """
        heard = (now, by, before.released_ps if before else -1)
        if heard > self.lowered[task][:3]:
            self.lowered[task] = (*heard, before)
            cause = self.causes[task]
            if cause is not None and cause.released_ps == now:
                cause.before = before

    def cause(self, task: int, began: int, now: int) -> Cause | None:
        """Why a task has ended on a tile where it began at *began*: not because other tiles can start it only now."""
        cause = self.causes[task]
        return self.earlier[task] if began < now and cause is not None and cause.released_ps == now else cause


class Job:
    """A compute task on its way through a core; where its operands share a port they are its segments there."""

    __slots__ = ("log", "run", "task", "tile")
    place: tuple[int, ...] = ()
    """A task is one job only."""

    def __init__(self, log: Log, run: BodyRun, task: int, tile: int) -> None:
        self.log, self.run, self.task, self.tile = log, run, task, tile

    @property
    def body(self) -> int:
        """The body it belongs to, which folding may relabel."""
        return self.run.index

    def begin(self, now: int) -> None:
        """The core takes the task up."""
        run, task, tile = self.run, self.task, self.tile
        compiled = run.compiled.tasks[task]
        self.log.tiles[tile].begin(compiled.kind, compiled.phase, now)
        run.started[task][tile] = now
