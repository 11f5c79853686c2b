"""The analytic rung: the longest chain of tasks, each as quick as it could be alone.

Nobody waits for a link, a core or a channel here, so this is a true lower bound of every other rung, as are the
bounds per resource; the step is the largest of them all. A task waits for what it names among the last bodies and for
the work of the bodies a look-ahead before; where the relative ends of these recur, whole periods are skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from hecasim.analytic.census import Census, Counter, take_census
from hecasim.analytic.reach import Reach, reach_of
from hecasim.parallel.layout import Counts
from hecasim.parallel.program import RECOMPUTE
from hecasim.specs import PackageSpec
from hecasim.trace.log import BUBBLE_CLASS, COMPUTE_CLASS, DRAM_CLASS, NOP_CLASS, PHASES, Log, class_of
from hecasim.trace.play import Body
from hecasim.trace.rows import Rows
from hecasim.trace.task import COLLECTIVE, Task, Trace


def estimate(trace: Trace, package: PackageSpec) -> tuple[Log, Census]:
    """A Log without events: the step is the longest chain or the busiest resource, whichever is longer."""
    counter = Counter(trace, package)
    census = take_census(trace, package, counter)
    log = Log.empty(trace, keep_spans=False)
    chain = Chain(trace, log, counter)
    chain.walk()
    step = max(max(chain.ends.values(), default=0), *census.bounds_ps.values())
    _share_out(log, chain.ends, _busy(trace, chain), step)
    log.tasks = trace.task_count
    return log, census


def _busy(trace: Trace, chain: Chain) -> dict[str, Counts]:
    """Per phase the time of each class on every tile: an array of class x tile."""
    busy = {phase: np.zeros((3, trace.tiles), dtype=np.int64) for phase in PHASES}
    for (_, times), links in zip(trace.counted_kinds(), chain.links, strict=True):
        for link in links:
            if link.own is not None:
                busy[link.task.phase][class_of(link.task)] += link.own * times
    return busy


class Gathering:
    """Groups whose members start together."""

    def __init__(self, groups: Sequence[Sequence[int]]) -> None:
        sizes = [len(members) for members in groups]
        self.order = np.array([tile for members in groups for tile in members], dtype=np.int64)
        self.first = np.cumsum([0, *sizes[:-1]])
        self.sizes = np.array(sizes, dtype=np.int64)

    def latest(self, start: Counts | int) -> Counts:
        """When the last member of each tile's group is ready."""
        starts = np.broadcast_to(np.asarray(start, dtype=np.int64), self.order.shape)[self.order]
        found = np.empty_like(starts)
        found[self.order] = np.repeat(np.maximum.reduceat(starts, self.first), self.sizes)
        return found


class Link(NamedTuple):
    """One task of the chain: its least time on every tile, and who waits for whom in it."""

    task: Task
    own: Counts | None
    group: Gathering | None
    reach: Reach | None

    @classmethod
    def of(cls, task: Task, counter: Counter) -> Link:
        own = counter.count(task).own_ps
        exchange = task.kind == COLLECTIVE and task.size_bytes
        group = Gathering(counter.trace.groups[task.group]) if exchange else None
        return cls(task, own, group, reach_of(task, counter))


REMEMBERED_BODIES = 8
"""Bodies back that a task may name; what it names further back has ended long before, or is not asked for."""


class Past(NamedTuple):
    """An earlier place whose ends may recur: the body about to be played, the time, and the rows noted until then."""

    body: int
    time: int
    rows: int


class Chain:
    """Walks the bodies in order; `ends` holds when each phase ends."""

    def __init__(self, trace: Trace, log: Log, counter: Counter) -> None:
        self.trace = trace
        self.look_ahead = trace.look_ahead
        self.links = [[Link.of(task, counter) for task in kind.tasks] for kind in trace.kinds]
        self.ends: dict[str, int] = {}
        self.recent: list[Counts] = []
        """Ends of the last bodies, latest last: an array of task x tile."""
        self.led: list[int] = []
        """When the work of each of these, and of all before it, has ended everywhere."""
        self.rows = Rows(log)
        self.seen: dict[bytes, list[Past]] = {}

    def walk(self) -> None:
        """All bodies, or as many of them as differ."""
        bodies, body = self.trace.bodies, 0
        while body < len(bodies):
            self._play(bodies[body])
            body += 1
            body += self._skip(body)
        self.rows.mark()

    def _play(self, body: Body) -> None:
        kind = self.trace.kinds[body.kind]
        gate = self.led[-self.look_ahead] if len(self.led) >= self.look_ahead else 0
        led = self.led[-1] if self.led else 0
        finish = np.empty((len(kind.tasks), self.trace.tiles), dtype=np.int64)
        for number, link in enumerate(self.links[body.kind]):
            start: Counts | int = gate
            for offset, before in link.task.after:
                if offset == 0:
                    start = np.maximum(start, finish[before])
                elif -offset <= len(self.recent):
                    start = np.maximum(start, self.recent[offset][before])
            if link.group is not None:
                start = link.group.latest(start)
            finish[number] = start
            if link.own is not None:
                finish[number] += link.own
            if link.reach is not None:
                link.reach.hold_back(start, finish[number])
            if link.task.leads:
                led = max(led, int(finish[number].max()))
            if not body.micro_batch:
                self._note(body, link, finish[number])
        self.ends[kind.phase] = max(self.ends.get(kind.phase, 0), int(finish.max(initial=0)))
        self.recent = [*self.recent[1 - REMEMBERED_BODIES :], finish]
        self.led = [*self.led[1 - self.look_ahead :], led]

    def _note(self, body: Body, link: Link, end: Counts) -> None:
        spent = 0 if link.own is None else int(link.own.max())
        last = int(end.max())
        start = last - spent if link.own is None or link.group is not None else int((end - link.own).min())
        compute = spent if class_of(link.task) == COMPUTE_CLASS else 0
        self.rows.note(body.layer, link.task, max(0, start), last, compute)

    # --- repetition -------------------------------------------------------------------------------------------

    def _skip(self, body: int) -> int:
        """How many bodies from *body* on only repeat, shifted in time: they are skipped."""
        now = self.led[-1]
        lags = [np.array([led - now for led in self.led], dtype=np.int64), *(finish - now for finish in self.recent)]
        shapes = repr([len(finish) for finish in self.recent]).encode()
        state = blake2b(b"".join(lag.tobytes() for lag in lags) + shapes, digest_size=16).digest()
        here, found = Past(body, now, self.rows.mark()), self.seen.setdefault(state, [])
        ways = [(before, self.trace.bodies.repeats(before.body, body)) for before in found]
        found[:] = [*found[-3:], here]
        before, how = max(ways, key=lambda way: way[1].times * (body - way[0].body), default=(here, None))
        if how is None or not how.times:
            return 0
        times, period, lasts = how.times, body - before.body, now - before.time
        self.rows.repeat(before.rows, how, lasts)
        by = times * lasts
        phase = self.trace.kinds[self.trace.bodies[body + times * period - 1].kind].phase
        self.ends[phase] = max(self.ends.get(phase, 0), int(self.recent[-1].max(initial=0)) + by)
        self.recent = [finish + by for finish in self.recent]
        self.led = [led + by for led in self.led]
        found.append(Past(body + times * period, now + by, self.rows.mark()))
        return times * period


def _share_out(log: Log, ends: dict[str, int], busy: dict[str, Counts], step: int) -> None:
    """Give each phase its time, in the order of claim; what no class claims is bubble."""
    before = 0
    ends = _with_recompute(ends, busy)
    present = [phase for phase in PHASES if phase in ends]
    for place, phase in enumerate(present):
        end = step if place == len(present) - 1 else max(before, min(ends[phase], step))
        for tile, time in enumerate(log.tiles):
            left = end - before
            number = PHASES.index(phase)
            for claim in (COMPUTE_CLASS, NOP_CLASS, DRAM_CLASS):
                own = int(busy[phase][claim, tile])
                time.hidden[number][claim] += own
                taken = min(left, own)
                time.spent[number][claim] += taken
                left -= taken
            time.spent[number][BUBBLE_CLASS] += left
            time.last = end
        before = end
    log.step_ps = step


def _with_recompute(ends: dict[str, int], busy: dict[str, Counts]) -> dict[str, int]:
    """Recomputation runs in between the bodies' backward work: it gets its part of their time, as busy as they are."""
    again, backward = (int(busy[phase].sum()) for phase in (RECOMPUTE, "backward"))
    if not again or "backward" not in ends:
        return ends
    begin = ends.get("forward", 0)
    return ends | {RECOMPUTE: begin + (ends["backward"] - begin) * again // (again + backward)}
