"""Folding: when the package's relative state recurs at a body boundary, whole periods are skipped, exactly.

Proof obligation, checked at run time at every boundary (the end of a picosecond in which the work of a body ended
everywhere): the state relative to now and to the next body to issue is equal, in every pending event, lane, queue,
round-robin pointer, core, SRAM level and counter of a live body, to that at an earlier boundary; and the kinds of the
bodies still to be issued repeat with the same period. Then what follows repeats what followed, picosecond for
picosecond: the live bodies are relabelled, time gets an offset, and everything that only adds up grows by whole
periods. Any earlier boundary will do, also one on the far side of a stretch that was skipped: so token tiles fold
inside micro-batches, these inside layers, and layers too; of several the one that skips most is taken. Where nothing
recurs (unequal tiles drift apart) nothing is skipped.
"""

from __future__ import annotations

import marshal
from collections import Counter, deque
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hecasim.sim.body import BodyRun
from hecasim.sim.core import Core
from hecasim.sim.lane import Lane, Segment
from hecasim.sim.memory import Fork
from hecasim.sim.recurrence import Recurrence
from hecasim.sim.scheduler import Scheduler
from hecasim.trace.play import Repetition

REMEMBERED_BYTES = 128 * 2**20
"""Older boundaries are forgotten, so that a run that never recurs does not grow."""
REMEMBERED_ALIKE = 6
"""Boundaries of one state that are kept, the latest."""


class Boundary(NamedTuple):
    """What must be known of an earlier boundary when its state recurs."""

    clock_ps: int
    """On the engine's clock, which skips what is folded."""
    now_ps: int
    next_body: int
    sums: NDArray[np.int64]
    rows: int
    stretches: int


class Folder:
    """Looks for recurrences and skips the periods they allow."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.seen: dict[bytes, list[Boundary]] = {}
        self.remembered: deque[bytes] = deque()
        self.skipped_bodies = 0
        self.stretches: list[tuple[int, int, int]] = []
        """(from, to, times) on the engine's clock: what has been played so far, skipped stretches included."""
        self.skipped: Counter[tuple[int, int]] = Counter()
        """How often each stretch of the engine's clock stands for one more of itself."""
        self._last_ps = 0
        hardware = scheduler.hardware
        self.lanes = [*hardware.links, *hardware.sram_ports(), *hardware.channels.values()]
        self.lane_number = {lane: number for number, lane in enumerate(self.lanes)}

    def boundary(self) -> None:
        """The work of a body has ended on every tile and its picosecond is over."""
        scheduler = self.scheduler
        now, upcoming = scheduler.clock.now, scheduler.next_body
        if upcoming >= len(scheduler.trace.bodies):
            return
        for tile in scheduler.log.tiles:
            tile.pass_to(now)
        if now > self._last_ps:
            self.stretches.append((self._last_ps, now, 1))
            self._last_ps = now
        state = blake2b(marshal.dumps(self._state(now, upcoming), 2), digest_size=16).digest()
        here = self._here()
        found = self.seen.get(state, ())
        order = scheduler.trace.bodies
        under_way = upcoming - min(scheduler.live, default=upcoming)
        ways = [(before, order.repeats(before.next_body, upcoming, under_way))
                for before in found if before.next_body < upcoming]  # fmt: skip
        before, how = max(ways, key=lambda way: way[1].times * (upcoming - way[0].next_body), default=(here, None))
        self._remember(state, here)
        if how is not None and how.times:
            self._skip(before, here, how)
            self._remember(state, self._here())

    def _here(self) -> Boundary:
        scheduler = self.scheduler
        now = scheduler.clock.now
        return Boundary(
            now, now + scheduler.offset_ps, scheduler.next_body, self._sums(), scheduler.rows.mark(),
            len(self.stretches),
        )  # fmt: skip

    def _remember(self, state: bytes, here: Boundary) -> None:
        alike = self.seen.setdefault(state, [])
        alike.append(here)
        self.remembered.append(state)
        if len(alike) > REMEMBERED_ALIKE:
            del alike[0]
            self.remembered.remove(state)
        while len(self.remembered) * here.sums.nbytes > REMEMBERED_BYTES:
            oldest = self.remembered.popleft()
            del self.seen[oldest][0]
            if not self.seen[oldest]:
                del self.seen[oldest]

    def _skip(self, before: Boundary, here: Boundary, how: Repetition) -> None:
        scheduler, times = self.scheduler, how.times
        period, lasts = here.next_body - before.next_body, here.now_ps - before.now_ps
        self._add(times * (here.sums - before.sums))
        scheduler.rows.repeat(before.rows, how, lasts)
        for tile in scheduler.log.tiles:
            if tile.since <= before.clock_ps:  # nothing begins or ends on it in the period, nor will in the others
                tile.since -= times * lasts
        scheduler.shift(times * period, times * lasts)
        again: Counter[tuple[int, int]] = Counter()
        for first, last, count in self.stretches[before.stretches :]:
            again[first, last] += count * times
        self.stretches += [(*stretch, count) for stretch, count in again.items()]
        self.skipped.update(again)
        self.skipped_bodies += times * period

    def repeats(self) -> list[tuple[int, int, int]]:
        """(from, to, times): stretches of the engine's clock that stand for so many more of themselves."""
        return [(*stretch, count) for stretch, count in self.skipped.items()]

    # --- what only adds up ------------------------------------------------------------------------------------

    def _sums(self) -> NDArray[np.int64]:
        scheduler = self.scheduler
        numbers: list[int] = [scheduler.clock.happenings, scheduler.log.tasks]
        for lane in self.lanes:
            numbers += (lane.busy_ps, lane.bytes_carried, lane.wait_ps, lane.segments)
        for core in scheduler.hardware.cores:
            numbers += (core.busy_ps, core.wait_ps)
        numbers += [sram.wait_ps for sram in scheduler.hardware.srams]
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
        for sram in scheduler.hardware.srams:
            sram.wait_ps += next(numbers)
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
            tuple(self._core(core, now, base) for core in scheduler.hardware.cores),
            tuple(
                (tuple(sorted(sram.level.items())),
                 tuple(sorted((entrant.run.index - base, entrant.task, entrant.ready_ps - now)
                              for entrant in sram.waiting)))
                for sram in scheduler.hardware.srams
            ),
            tuple((tile.phase, *tile.active) for tile in scheduler.log.tiles),
            tuple(self._body(run, now, base) for _, run in sorted(scheduler.live.items())),
            (scheduler.led - base, *sorted(body - base for body in scheduler.led_ahead)),
        )  # fmt: skip

    @staticmethod
    def _core(core: Core, now: int, base: int) -> tuple[Any, ...]:
        """What runs and how far it is (behind a shared port its arithmetic may be over), and what is ready."""
        ready = tuple(
            (body - base, task, place, asked - now, *rest)
            for body, task, place, asked, *rest, _ in sorted(core.ready, key=lambda entry: entry[:3])
        )
        if not core.busy:
            return (ready,)
        job = core.job
        return (job.body - base, job.task, job.place, core.free_at - now, core.operands_left, ready)

    def _pending(self, now: int, base: int) -> Iterator[tuple[Any, ...]]:
        for time, action, argument in self.scheduler.clock.pending():
            owner: Any = getattr(action, "__self__", None)
            name = getattr(action, "__name__", "")
            if isinstance(owner, Core):  # what it computes, and for how long, stands among the cores
                continue
            if isinstance(owner, Lane):  # a head on its way to its next lane
                what: tuple[Any, ...] = (self.lane_number[owner], *self._segment(argument, now, base))
            elif isinstance(owner, Fork):
                what = (owner.tile, *self._segment(argument, now, base))
            elif isinstance(argument, Segment):
                what = self._segment(argument, now, base)
            elif isinstance(argument, Lane):  # a station's alarm
                what = (self.lane_number[argument],)
            elif isinstance(owner, Recurrence):  # ends of members
                exchange = owner.exchange
                what = (exchange.body - base, exchange.task, exchange.schedule.members[0], owner.stage, owner.number,
                        argument)  # fmt: skip
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
        if not lane.waiting:
            return (max(0, lane.free_at - now), lane.pointer)
        queued = tuple(tuple(self._segment(segment, now, base) for segment in queue) for queue in lane.queues)
        return (max(0, lane.free_at - now), lane.pointer, queued)

    def _body(self, run: BodyRun, now: int, base: int) -> tuple[Any, ...]:
        return (
            run.index - base,
            run.place.kind,
            tuple(bytes(waits) for waits in run.waits),
            tuple(bytes(done) for done in run.done),
            tuple(tuple(sorted((tile, start - now) for tile, start in started.items())) for started in run.started),
            tuple(first - now if left else 0 for first, left in zip(run.first, run.left, strict=True) if first >= 0),
            tuple((task, self._flights(flights, now)) for task, flights in sorted(run.flights.items())),
        )

    @staticmethod
    def _flights(flights: Any, now: int) -> tuple[Any, ...]:
        """Progress of a task's exchanges or transfers, each once, in the order of their groups."""
        found = flights.values() if isinstance(flights, dict) else (flights,)
        return tuple(flight.progress(now) for flight in dict.fromkeys(found))
