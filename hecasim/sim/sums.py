"""Sums of a reduce-scatter on the vector unit: a collective whose partial results wait for the receiver's core.

Modelled: one vector operation per element and its operand traffic, as for any vector work; a sum stands among the
ready tasks of its core at the place of its collective in the trace, then by stage, pattern, step and sender; the
sender is free when its message has landed, the receiver goes on when the sum is made.
Not modelled: sums that begin before the whole message is there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hecasim.mapping.compute import Hold, hold, sum_work
from hecasim.sim.core import Core
from hecasim.sim.exchange import Exchange, Schedule
from hecasim.sim.lane import Segment
from hecasim.specs import ChipletSpec
from hecasim.trace.log import COMPUTE_CLASS, Log


class Sums:
    """The vector units of all tiles, and how long a sum keeps one."""

    def __init__(self, chiplet: ChipletSpec, element_bytes: int, cores: Sequence[Core], log: Log) -> None:
        self.chiplet, self.element_bytes, self.cores, self.log = chiplet, element_bytes, cores, log
        self._holds: dict[int, Hold] = {}

    def hold(self, size_bytes: int) -> Hold:
        """What the sum of a message of this size takes of a core."""
        found = self._holds.get(size_bytes)
        if found is None:
            work = sum_work(size_bytes, self.element_bytes)
            found = self._holds[size_bytes] = hold(self.chiplet, work, self.element_bytes)
        return found


class Sum:
    """The sum of one message on its way through a core."""

    __slots__ = ("exchange", "place", "tile")

    def __init__(self, exchange: SummingExchange, tile: int, place: tuple[int, ...]) -> None:
        self.exchange, self.tile = exchange, tile
        self.place = place
        """(stage, pattern, step, position of the sender, position of the receiver)."""

    @property
    def body(self) -> int:
        return self.exchange.body

    @property
    def task(self) -> int:
        return self.exchange.task

    def begin(self, now: int) -> None:
        """The core takes the sum up."""
        self.exchange.sums.log.tiles[self.tile].begin(COMPUTE_CLASS, self.exchange.phase, now)


class SummingExchange(Exchange):
    """An exchange whose receivers add with their own cores."""

    __slots__ = ("_sizes", "phase", "sums")

    def __init__(
        self,
        schedule: Schedule,
        body: int,
        task: int,
        begun: Callable[[int], None],
        done: Callable[[int], None],
        sums: Sums,
        phase: int,
    ) -> None:
        super().__init__(schedule, body, task, begun, done, None)
        self.sums, self.phase = sums, phase
        self._sizes: dict[Any, int] = {}
        """Bytes of the messages that have landed and are not summed yet, by their names."""

    def landed(self, segment: Segment) -> None:
        """The last segment of a message ends where the message ends."""
        if segment.note is not None:
            self._sizes[segment.note] = segment.span[1]
        super().landed(segment)

    def _receive(self, tile: int, stage: int, number: int, position: int, step: int, source: int) -> None:
        size = self._sizes.pop((stage, number, position, step, source))
        if self.schedule.stages[stage][number].reduces(step):
            duration, operand_bytes = self.sums.hold(size)
            if duration or operand_bytes:
                job = Sum(self, tile, (stage, number, step, source, position))
                self.sums.cores[tile].request(self.body, self.task, duration, job, job.place, operand_bytes)
                return
        super()._receive(tile, stage, number, position, step, source)

    def summed(self, job: Sum) -> None:
        """A receiver's core has added what one message brought."""
        stage, number, step, source, position = job.place
        super()._receive(job.tile, stage, number, position, step, source)
