"""A live body: what every tile of it still waits for, and what it leaves for the tables."""

from __future__ import annotations

from array import array
from typing import Any, NamedTuple

from hecasim.sim.compiled import CompiledKind
from hecasim.trace.log import Cause, Log
from hecasim.trace.task import Body


class Row(NamedTuple):
    """A task that has ended everywhere, for layers.csv."""

    body: int
    task: int
    kind: int
    start_ps: int
    end_ps: int

    def shifted(self, bodies: int, by_ps: int) -> Row:
        return self._replace(body=self.body + bodies, start_ps=self.start_ps + by_ps, end_ps=self.end_ps + by_ps)


class BodyRun:
    """A live body: what every tile still waits for."""

    __slots__ = ("causes", "compiled", "done", "first", "flights", "index", "left", "outside", "place", "started",
                 "tasks_left", "waits")  # fmt: skip

    def __init__(self, index: int, place: Body, compiled: CompiledKind, tiles: int) -> None:
        self.index, self.place, self.compiled = index, place, compiled
        count = len(compiled.tasks)
        self.waits = [array("I", [wait]) * tiles for wait in compiled.waits]
        self.done = [bytearray(tiles) for _ in range(count)]
        self.left = [tiles] * count
        self.tasks_left = count
        self.started: list[dict[int, int]] = [{} for _ in range(count)]
        self.first = [-1] * count
        self.outside: list[list[tuple[BodyRun, int]]] = [[] for _ in range(count)]
        self.flights: dict[int, Any] = {}
        self.causes: list[Cause | None] = [None] * count


class Job:
    """A compute task on its way through a core."""

    __slots__ = ("log", "run", "task", "tile")

    def __init__(self, log: Log, run: BodyRun, task: int, tile: int) -> None:
        self.log, self.run, self.task, self.tile = log, run, task, tile

    def begin(self, now: int) -> None:
        """The core takes the task up."""
        run, task, tile = self.run, self.task, self.tile
        compiled = run.compiled.tasks[task]
        self.log.tiles[tile].begin(compiled.kind, compiled.phase, now)
        run.started[task][tile] = now
