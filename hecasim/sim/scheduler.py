"""The scheduler replays a Trace: it issues bodies, starts each task on each tile when what it waits for has ended.

Progress is explicit: one counter per (task, tile) of the live bodies. A body is issued once the work of all bodies
so many places before it (the trace's look-ahead) has ended on every tile, so memory does not grow with the step.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import simpy

from hecasim.mapping.sram import UNLIMITED_ROOMS, Rooms
from hecasim.sim.body import BodyRun, Job
from hecasim.sim.causes import Cause
from hecasim.sim.clock import Clock
from hecasim.sim.compiled import CompiledKind
from hecasim.sim.exchange import Exchange, Schedule
from hecasim.sim.hardware import Hardware
from hecasim.sim.lane import Lane
from hecasim.sim.memory import Multicast, Transfers
from hecasim.sim.sram import Entrant
from hecasim.sim.stalled import Stuck, Waiter, stalled
from hecasim.sim.sums import Sum, SummingExchange, Sums
from hecasim.specs import PackageSpec
from hecasim.trace.log import CLASSES, COMPUTE_CLASS, Log, kind_label
from hecasim.trace.rows import Rows
from hecasim.trace.task import COLLECTIVE, COMPUTE, Trace

Progress = Callable[[float, str], None]
FIRST = (-1, -1)
"""Before every (body, task)."""


class Scheduler:
    """Starts tasks and hears of their ends."""

    def __init__(
        self,
        clock: Clock,
        trace: Trace,
        package: PackageSpec,
        log: Log,
        progress: Progress | None,
        lane_kind: type[Lane] = Lane,
        rooms: Rooms = UNLIMITED_ROOMS,
    ) -> None:
        self.clock, self.trace, self.log, self.progress = clock, trace, log, progress
        self.hardware = Hardware(
            clock, package, str(trace.options["dram_map"]), self._computed, lane_kind, rooms, self._let_in
        )
        cache: dict[Any, list[Schedule]] = {}
        self.kinds = [CompiledKind(kind, self.hardware, trace, cache) for kind in trace.kinds]
        self.live: dict[int, BodyRun] = {}
        self.led = 0
        """The work of all bodies before this one has ended on every tile."""
        self.led_ahead: set[int] = set()
        """Later ones of which that is true too."""
        self.next_body = 0
        self.sums = Sums(package.chiplet, int(trace.options["element_bytes"]), self.hardware.cores, log)
        """Who makes the sums of a reduce-scatter, where that is not the reduction unit."""
        self.vector_sums = package.chiplet.reduction == "vector"
        self.segment_bytes = int(trace.options["segment_bytes"])
        self.hardware.share_ports(self.segment_bytes)
        self.rows = Rows(log)
        self._gate: Cause | None = None
        self._gate_by, self._gate_ps = FIRST, 0
        """The task whose end let the last body be issued."""
        self._ended_by = FIRST
        """The last task to end so far."""
        self.last_cause: Cause | None = None
        self.entering = False
        self.begin: Callable[[Any], None] = self._wake
        self._bodies_left = clock.env.event()
        clock.env.process(self.issue())

    def issue(self) -> Generator[simpy.Event, Any, None]:
        """Process: issue bodies in trace order, as far ahead as the look-ahead allows."""
        bodies = self.trace.bodies
        while self.next_body < len(bodies):
            while self.next_body < len(bodies) and self._may_issue(self.next_body):
                self._issue(self.next_body)
                self.next_body += 1
            self.clock.settle()
            if self.next_body < len(bodies):
                yield self._bodies_left
                self._bodies_left = self.clock.env.event()

    def _may_issue(self, index: int) -> bool:
        return index - self.trace.look_ahead < self.led

    def _issue(self, index: int) -> None:
        place = self.trace.bodies[index]
        compiled = self.kinds[place.kind]
        tiles = self.trace.tiles
        run = self.live[index] = BodyRun(index, place, compiled, tiles)
        for task, outside in enumerate(compiled.outside):
            for offset, before in outside:
                earlier = self.live.get(index + offset)
                if earlier is None or not earlier.left[before]:
                    continue
                earlier.outside[before].append((run, task))
                done, waits = earlier.done[before], run.waits[task]
                for tile in range(tiles):
                    if not done[tile]:
                        waits[tile] += 1
        for task, waits in enumerate(run.waits):
            if not compiled.waits[task]:
                run.let(task, self.clock.now, self._gate, self._gate_by)
                for tile in range(tiles):
                    if not waits[tile]:
                        self._start(run, task, tile)
        if not compiled.leading:
            self._body_led(index)

    # --- starting ---------------------------------------------------------------------------------------------

    def _start(self, run: BodyRun, task: int, tile: int) -> None:
        now = self.clock.now
        compiled = run.compiled.tasks[task]
        spec = compiled.spec
        known = run.causes[task]
        if known is None or now > known.released_ps:
            label = kind_label(run.compiled.kind, spec)
            run.earlier[task] = known
            resource = CLASSES[compiled.kind].removeprefix("exposed_")
            run.causes[task] = Cause(label, resource, now, run.lowered[task][3])
        sram = self.hardware.srams[tile]
        if compiled.space is not None:
            sram.ask(Entrant(run, task, tile, spec, compiled.space, now))
            return
        if spec.in_place:
            sram.give(spec.gives)
        if spec.takes:
            sram.take(spec.takes)
        self._begin(run, task, tile)

    def _let_in(self, entrant: Entrant) -> None:
        """The SRAM has the space that a task needs."""
        self._begin(entrant.run, entrant.task, entrant.tile)

    def _begin(self, run: BodyRun, task: int, tile: int) -> None:
        now = self.clock.now
        compiled = run.compiled.tasks[task]
        spec = compiled.spec
        if run.first[task] < 0:
            run.first[task] = now
        if spec.kind == COMPUTE:
            duration, operand_bytes = compiled.holds[tile]
            if duration or operand_bytes:
                job = Job(self.log, run, task, tile)
                self.hardware.cores[tile].request(run.index, task, duration, job, (), operand_bytes)
            else:
                run.started[task][tile] = now
                self._end(run, task, tile)
            return
        if spec.kind == COLLECTIVE and not compiled.schedules:  # a token tile with no tokens left
            run.started[task][tile] = now
            self._end(run, task, tile)
            return
        run.started[task][tile] = now
        if spec.kind == COLLECTIVE:
            self.log.tiles[tile].open(compiled.phase, now)
            self._flight(run, task, tile).join(tile)
        else:
            self._flight(run, task, tile).start(tile)

    def _flight(self, run: BodyRun, task: int, tile: int) -> Any:
        """The exchange or transfer of this tile's group; made when its first member arrives."""
        flights = run.flights.get(task)
        if flights is None:
            flights = run.flights[task] = self._new_flights(run, task)
        return flights[tile] if isinstance(flights, dict) else flights

    def _new_flights(self, run: BodyRun, task: int) -> Any:
        compiled = run.compiled.tasks[task]
        spec = compiled.spec

        def done(tile: int) -> None:
            self.log.tiles[tile].end(compiled.kind, self.clock.now)
            self._end(run, task, tile)

        def begun(tile: int) -> None:
            self.log.tiles[tile].begin(compiled.kind, compiled.phase, self.clock.now)

        if spec.kind == COLLECTIVE:
            flights = {}
            for schedule in compiled.schedules:
                if self.vector_sums:
                    exchange: Exchange = SummingExchange(
                        schedule, run.index, task, begun, done, self.sums, compiled.phase
                    )
                else:
                    rate = self.hardware.wiring.sum_rate(spec.algorithm)
                    exchange = Exchange(schedule, run.index, task, begun, done, rate)
                flights.update(dict.fromkeys(schedule.members, exchange))
            return flights
        if spec.group:
            reads = {}
            for members in self.trace.groups[spec.group]:
                read = Multicast(self.hardware, spec, members, run.index, begun, done, self.segment_bytes)
                reads.update(dict.fromkeys(members, read))
            return reads
        return Transfers(self.hardware, spec, run.index, begun, done, self.segment_bytes)

    # --- ending -----------------------------------------------------------------------------------------------

    def _computed(self, job: Job | Sum) -> None:
        self.log.tiles[job.tile].end(COMPUTE_CLASS, self.clock.now)
        if isinstance(job, Sum):
            job.exchange.summed(job)
        else:
            self._end(job.run, job.task, job.tile)

    def _end(self, run: BodyRun, task: int, tile: int) -> None:
        now = self.clock.now
        compiled = run.compiled
        spec = compiled.tasks[task].spec
        if spec.gives and not spec.in_place:
            self.hardware.srams[tile].give(spec.gives)
        began = run.started[task].pop(tile)
        self.log.span(tile, spec, run.place.layer, run.place.micro_batch, began, now)
        run.done[task][tile] = 1
        run.left[task] -= 1
        cause, by = run.cause(task, began, now), (run.index, task)
        for reader in compiled.tasks[task].readers:
            self._lower(run, reader, tile, cause, by)
        for later, reader in run.outside[task]:
            self._lower(later, reader, tile, cause, by)
        if not run.left[task]:
            self._task_ended(run, task, now)

    def _lower(self, run: BodyRun, task: int, tile: int, cause: Cause | None, by: tuple[int, int]) -> None:
        """One thing less to wait for."""
        run.let(task, self.clock.now, cause, by)
        left = run.waits[task][tile] = run.waits[task][tile] - 1
        if not left:
            self._start(run, task, tile)

    def _task_ended(self, run: BodyRun, task: int, now: int) -> None:
        """A task has ended on every tile."""
        run.flights.pop(task, None)
        self.log.tasks += 1
        by = (run.index, task)
        if now > self.log.end_ps or by > self._ended_by:
            self.log.end_ps, self.last_cause, self._ended_by = now, run.causes[task], by
        compiled = run.compiled.tasks[task]
        if not run.place.micro_batch:
            self.rows.note(run.place.layer, compiled.spec, run.first[task], now, compiled.longest_ps, compiled.flops,
                           compiled.sent_bytes)  # fmt: skip
        run.tasks_left -= 1
        if not run.tasks_left:
            del self.live[run.index]
        if compiled.spec.leads:
            run.leading -= 1
            if (now, task) > run.led[:2]:
                run.led = now, task, run.causes[task]
            if not run.leading:
                by = (run.index, run.led[1])
                if self._gate is None or now > self._gate_ps or by > self._gate_by:
                    self._gate, self._gate_by, self._gate_ps = run.led[2], by, now
                self._body_led(run.index)

    def _body_led(self, index: int) -> None:
        """The work of a body has ended on every tile."""
        self.led_ahead.add(index)
        while self.led in self.led_ahead:
            self.led_ahead.remove(self.led)
            self.led += 1
        if self.progress:
            place = self.trace.bodies[index]
            self.progress((index + 1) / len(self.trace.bodies), self.kinds[place.kind].kind.name)
        if self.next_body < len(self.trace.bodies):
            self.clock.enter(self)

    def admit(self, _: int) -> list[None]:
        """A gate's answer: bodies are issued when all that ends in this picosecond has ended, whatever came first."""
        return [None]

    def _wake(self, _: None) -> None:
        """Wake the process that issues bodies."""
        if not self._bodies_left.triggered:
            self._bodies_left.succeed()

    def check_finished(self) -> None:
        """Raise Stalled, naming who waits for what, if something never ran."""
        waiting = sum(run.tasks_left for run in self.live.values())
        if not waiting and self.next_body == len(self.trace.bodies):
            return
        raise stalled(self.clock.now, waiting, len(self.live), self._waiters(), self._stuck)

    def _waiters(self) -> list[Waiter]:
        """Everybody who waits for space, tile by tile."""
        return [
            Waiter(one.run.index, one.spec, one.run.compiled.kind.name, one.tile, (sram.held[0], sram.held[1]),
                   sram.rooms)
            for sram in self.hardware.srams for one in sram.waiting
        ]  # fmt: skip

    def _stuck(self) -> Stuck:
        """The first task that has not ended."""
        index, run = min(self.live.items())
        task = next(number for number, left in enumerate(run.left) if left)
        tile = next(tile for tile in range(self.trace.tiles) if not run.done[task][tile])
        spec = run.compiled.tasks[task].spec
        missing = [run.compiled.tasks[after.task].spec.label for after in spec.after
                   if not after.offset and not run.done[after.task][tile]]  # fmt: skip
        return Stuck(spec, index, run.compiled.kind.name, tile, missing)
