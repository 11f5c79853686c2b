"""Compute core of one tile: systolic arrays for matrix products, a vector unit for the rest.

Modelled: array cycles by the closed form of `hecasim.mapping.compute`, folds spread over the arrays, operand bytes
through the core's SRAM port; one task at a time, the first in trace order among those that are ready.
Not modelled: stalls inside a fold, array and vector unit working side by side, clock gating.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator
from typing import Any

import simpy

from hecasim.sim.clock import Clock


class Core:
    """Runs one task at a time; of those that are ready the first in trace order."""

    __slots__ = ("_wake", "asking", "busy", "busy_ps", "clock", "finish", "free_at", "ready", "wait_ps")

    def __init__(self, clock: Clock, finish: Callable[[Any], None]) -> None:
        self.clock = clock
        self.finish = finish
        self.ready: list[tuple[int, int, int, int, Any]] = []
        self._wake = clock.env.event()
        self.busy = False
        self.free_at = 0
        self.asking = False
        self.busy_ps = self.wait_ps = 0
        clock.env.process(self.compute())

    def request(self, body: int, task: int, duration: int, job: Any) -> None:
        """A task of *duration* ps is ready; *job* goes to `finish` when it has run."""
        heapq.heappush(self.ready, (body, task, self.clock.now, duration, job))
        self.clock.ask(self)

    def grant(self, now: int) -> None:
        """Second half of the picosecond: start the first ready task if the core is idle."""
        if self.busy or not self.ready:
            return
        _, _, asked, duration, job = heapq.heappop(self.ready)
        self.busy = True
        self.free_at = now + duration
        self.wait_ps += now - asked
        self.busy_ps += duration
        job.begin(now)
        self._wake.succeed((duration, job))

    def compute(self) -> Generator[simpy.Event, Any, None]:
        """Process: sleep until granted a task, compute it, report it."""
        while True:
            duration, job = yield self._wake
            self._wake = self.clock.env.event()
            yield self.clock.env.timeout(duration)
            self.clock.now = int(self.clock.env.now)
            self.busy = False
            self.finish(job)
            if self.ready:
                self.clock.ask(self)
            self.clock.settle()
