"""Compute core of one tile: systolic arrays for matrix products, a vector unit for the rest.

Modelled: array cycles by the closed form of `hecasim.mapping.compute`, folds spread over the arrays; one task at a
time, the first in trace order among those that are ready; operand bytes through the core's own SRAM port (a limit on
its rate), or through one port shared with NoP and DRAM: they stand in its queue in segments, a stream of their own,
and a task has ended when its arithmetic is done and its last operand has passed. Sums of a reduce-scatter where they
are made by the vector unit.
Not modelled: stalls inside a fold, array and vector unit working side by side, clock gating; which operand a fold
waits for (arithmetic and operands of a task run side by side, as behind a large enough double buffer).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import simpy

from hecasim.sim.clock import Clock
from hecasim.sim.lane import Segment, segments_of
from hecasim.trace.task import STREAMS

if TYPE_CHECKING:
    from hecasim.sim.lane import Lane

CORE_STREAM = len(STREAMS)
"""The core's stream at a shared port, after those that cross links."""


class Operands:
    """What a task reads and writes through a shared port; the sink of its own segments."""

    __slots__ = ("core", "job")

    def __init__(self, core: Core, job: Any) -> None:
        self.core, self.job = core, job

    @property
    def body(self) -> int:
        return int(self.job.body)

    @property
    def task(self) -> int:
        return int(self.job.task)

    def landed(self, _: Segment) -> None:
        """A part of the operands has passed the port."""
        self.core.fed()


class Core:
    """Runs one task at a time; of those that are ready the first in trace order."""

    __slots__ = ("_fed", "_starved", "_wake", "asking", "busy", "busy_ps", "clock", "finish", "free_at", "job",
                 "operands_left", "port", "ready", "segment_bytes", "wait_ps")  # fmt: skip

    def __init__(self, clock: Clock, finish: Callable[[Any], None]) -> None:
        self.clock = clock
        self.finish = finish
        self.ready: list[tuple[int, int, tuple[int, ...], int, int, int, Any]] = []
        """(body, task, place within it, when it asked, arithmetic ps, operand bytes, job)."""
        self._wake = clock.env.event()
        self._fed = clock.env.event()
        self._starved = False
        self.busy = False
        self.job: Any = None
        self.free_at = 0
        """When the arithmetic of the running task ends."""
        self.asking = False
        self.busy_ps = self.wait_ps = 0
        self.port: Lane | None = None
        """The port it shares with NoP and DRAM, if it does."""
        self.segment_bytes = 1
        self.operands_left = 0
        """Segments of operands that have not passed the shared port."""
        clock.env.process(self.compute())

    def share(self, port: Lane, segment_bytes: int) -> None:
        """Operands pass *port* from now on, cut at *segment_bytes*."""
        self.port, self.segment_bytes = port, segment_bytes

    def request(
        self, body: int, task: int, duration: int, job: Any, place: tuple[int, ...] = (), operand_bytes: int = 0
    ) -> None:
        """A task of *duration* ps is ready; *job* goes to `finish` when it has run.

        *place* orders several jobs of one task; *operand_bytes* pass the shared port meanwhile.
        """
        heapq.heappush(self.ready, (body, task, place, self.clock.now, duration, operand_bytes, job))
        self.clock.ask(self)

    def grant(self, now: int) -> None:
        """Second half of the picosecond: start the first ready task if the core is idle."""
        if self.busy or not self.ready:
            return
        _, _, _, asked, duration, operand_bytes, job = heapq.heappop(self.ready)
        self.busy = True
        self.job = job
        self.free_at = now + duration
        self.wait_ps += now - asked
        self.busy_ps += duration
        if operand_bytes:
            self._fetch(operand_bytes, job, now)
        job.begin(now)
        self._wake.succeed((duration, job))

    def _fetch(self, operand_bytes: int, job: Any, now: int) -> None:
        """Queue the operands at the shared port; a grant causes nothing in its own instant, so a picosecond later."""
        assert self.port is not None
        sink, route = Operands(self, job), (self.port,)
        spans = segments_of(operand_bytes, self.segment_bytes)
        self.operands_left = len(spans)
        for number, span in enumerate(spans):
            self.clock.at(now + 1, self.port.request, Segment(route, span, CORE_STREAM, sink, 0, number, job.tile))

    def fed(self) -> None:
        """A segment of operands has passed."""
        self.operands_left -= 1
        if self._starved and not self.operands_left:
            self._starved = False
            self._fed.succeed()

    def _over(self, job: Any) -> None:
        self.busy = False
        self.job = None
        self.finish(job)
        if self.ready:
            self.clock.ask(self)

    def compute(self) -> Generator[simpy.Event, Any, None]:
        """Process: sleep until granted a task, compute it, report it."""
        while True:
            duration, job = yield self._wake
            self._wake = self.clock.env.event()
            yield self.clock.env.timeout(duration)
            self.clock.now = int(self.clock.env.now)
            if self.operands_left:
                self._starved = True
                yield self._fed
                self._fed = self.clock.env.event()
                self.clock.now = int(self.clock.env.now)
                self.busy_ps += self.clock.now - self.free_at
            self._over(job)
            self.clock.settle()
