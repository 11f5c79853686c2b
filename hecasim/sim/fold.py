"""Folding: when the package's relative state recurs at a body boundary, whole periods are skipped, exactly.

Proof obligation, checked at run time at every boundary (the end of a picosecond in which a body ended everywhere):
the state relative to now and to the next body to issue is equal, in every pending event, lane, queue, round-robin
pointer, core, SRAM level and counter of a live body, to that at an earlier boundary; and the kinds of the bodies
still to be issued repeat with the same period. Then what follows repeats what followed, picosecond for picosecond:
the live bodies are relabelled, time gets an offset, and everything that only adds up grows by whole periods.
Where nothing recurs (unequal tiles drift apart) nothing is skipped.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hecasim.sim.body import BodyRun
from hecasim.sim.lane import Lane, Segment
from hecasim.sim.memory import Fork
from hecasim.sim.scheduler import Scheduler

REMEMBERED_BOUNDARIES = 512
"""Older boundaries are forgotten, so that a run that never recurs does not grow."""


class Boundary(NamedTuple):
    """What must be known of an earlier boundary when its state recurs."""

    now: int
    next_body: int
    sums: NDArray[np.int64]
    rows: int


class Folder:
    """Looks for recurrences and skips the periods they allow."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.seen: dict[bytes, Boundary] = {}
        self.skipped_bodies = 0
        hardware = scheduler.hardware
        self.lanes = [*hardware.links, *hardware.sram_ports(), *hardware.channels.values()]
        self.lane_number = {lane: number for number, lane in enumerate(self.lanes)}

    def boundary(self) -> None:
        """A body has ended on every tile and its picosecond is over."""
        scheduler = self.scheduler
        now, upcoming = scheduler.clock.now, scheduler.next_body
        left = len(scheduler.trace.bodies) - upcoming
        if left <= 0:
            return
        for tile in scheduler.log.tiles:
            tile.pass_to(now)
        state = blake2b(marshal.dumps(self._state(now, upcoming), 2), digest_size=16).digest()
        here = Boundary(now, upcoming, self._sums(), len(scheduler.rows))
        before = self.seen.get(state)
        if before is not None and upcoming > before.next_body:
            times = self._repeats(before.next_body, upcoming)
            if times:
                self._skip(before, here, times)
                self.seen.clear()
                scheduler.rows.clear()
                return
        if len(self.seen) >= REMEMBERED_BOUNDARIES:
            self.seen.pop(next(iter(self.seen)))
        self.seen[state] = here

    def _repeats(self, earlier: int, upcoming: int) -> int:
        """How many periods the kinds still to be issued repeat those issued since the earlier boundary."""
        bodies, period = self.scheduler.trace.bodies, upcoming - earlier
        length = upcoming
        while length < len(bodies) and bodies[length].kind == bodies[length - period].kind:
            length += 1
        return (length - upcoming) // period

    def _skip(self, before: Boundary, here: Boundary, times: int) -> None:
        scheduler = self.scheduler
        period, lasts = here.next_body - before.next_body, here.now - before.now
        self._add(times * (here.sums - before.sums))
        rows = scheduler.rows[before.rows : here.rows]
        for turn in range(1, times + 1):
            for row in rows:
                scheduler.add_row(row.shifted(turn * period, turn * lasts))
        scheduler.shift(times * period, times * lasts)
        scheduler.log.repeats.append((before.now, here.now, times))
        self.skipped_bodies += times * period

    # --- what only adds up ------------------------------------------------------------------------------------

    def _sums(self) -> NDArray[np.int64]:
        scheduler = self.scheduler
        numbers: list[int] = [scheduler.clock.happenings, scheduler.log.tasks]
        for lane in self.lanes:
            numbers += (lane.busy_ps, lane.bytes_carried, lane.wait_ps, lane.segments)
        for core in scheduler.hardware.cores:
            numbers += (core.busy_ps, core.wait_ps)
        for tile in scheduler.log.tiles:
            for part in (*tile.spent, *tile.hidden):
                numbers += part
        return np.array(numbers, dtype=np.int64)

    def _add(self, growth: NDArray[np.int64]) -> None:
        numbers = iter(growth.tolist())
        scheduler = self.scheduler
        scheduler.clock.happenings += next(numbers)
        scheduler.log.tasks += next(numbers)
        for lane in self.lanes:
            lane.busy_ps += next(numbers)
            lane.bytes_carried += next(numbers)
            lane.wait_ps += next(numbers)
            lane.segments += next(numbers)
        for core in scheduler.hardware.cores:
            core.busy_ps += next(numbers)
            core.wait_ps += next(numbers)
        for tile in scheduler.log.tiles:
            for part in (*tile.spent, *tile.hidden):
                for place in range(len(part)):
                    part[place] += next(numbers)

    # --- the state --------------------------------------------------------------------------------------------

    def _state(self, now: int, base: int) -> tuple[Any, ...]:
        scheduler = self.scheduler
        return (
            tuple(sorted(self._pending(now, base))),
            tuple(self._lane(lane, now, base) for lane in self.lanes),
            tuple(
                (core.busy, core.free_at - now if core.busy else 0,
                 tuple(sorted((body - base, task, asked - now, duration, job.tile)
                              for body, task, asked, duration, job in core.ready)))
                for core in scheduler.hardware.cores
            ),
            tuple(tuple(sorted(sram.level.items())) for sram in scheduler.hardware.srams),
            tuple((tile.phase, *tile.active) for tile in scheduler.log.tiles),
            tuple(self._body(run, now, base) for _, run in sorted(scheduler.live.items())),
            tuple(sorted(body - base for body in scheduler.ended)),
        )  # fmt: skip

    def _pending(self, now: int, base: int) -> Iterator[tuple[Any, ...]]:
        for time, action, argument in self.scheduler.clock.pending():
            owner: Any = getattr(action, "__self__", None)
            name = getattr(action, "__name__", "")
            if isinstance(owner, Lane):  # a head on its way to its next lane
                what: tuple[Any, ...] = (self.lane_number[owner], *self._segment(argument, now, base))
            elif isinstance(owner, Fork):
                what = (owner.tile, *self._segment(argument, now, base))
            elif isinstance(argument, Segment):
                what = self._segment(argument, now, base)
            elif isinstance(argument, Lane):  # a station's alarm
                what = (self.lane_number[argument],)
            else:  # a member of a multicast
                what = (owner.body - base, owner.task, owner.members[0], argument)
            yield (time - now, type(owner).__name__, name, repr(what))

    def _segment(self, segment: Segment, now: int, base: int) -> tuple[Any, ...]:
        sink = segment.sink
        here = segment.route[segment.hop] if segment.hop < len(segment.route) else None
        where = self.lane_number[here] if isinstance(here, Lane) else here.tile if isinstance(here, Fork) else -1
        return (
            sink.body - base, sink.task, segment.step, segment.number, segment.source, segment.hop, segment.span,
            segment.stream, segment.held_ps, segment.extra_ps, segment.note, where, segment.asked - now,
        )  # fmt: skip

    def _lane(self, lane: Lane, now: int, base: int) -> tuple[Any, ...]:
        queued = tuple(tuple(self._segment(segment, now, base) for segment in queue) for queue in lane.queues)
        return (max(0, lane.free_at - now), lane.pointer, lane.alarmed, queued if lane.waiting else ())

    def _body(self, run: BodyRun, now: int, base: int) -> tuple[Any, ...]:
        return (
            run.index - base,
            run.place.kind,
            tuple(bytes(waits) for waits in run.waits),
            tuple(bytes(done) for done in run.done),
            tuple(tuple(sorted((tile, start - now) for tile, start in started.items())) for started in run.started),
            tuple(first - now if left else 0 for first, left in zip(run.first, run.left, strict=True) if first >= 0),
            tuple((task, self._flights(flights)) for task, flights in sorted(run.flights.items())),
        )

    @staticmethod
    def _flights(flights: Any) -> tuple[Any, ...]:
        """Progress of a task's exchanges or transfers, each once, in the order of their groups."""
        found = flights.values() if isinstance(flights, dict) else (flights,)
        return tuple(flight.progress() for flight in dict.fromkeys(found))
