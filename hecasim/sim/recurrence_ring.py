"""A ring pass as a max-plus recurrence: a member's step waits for its predecessor's step before, and for its lanes.

Proof obligation, checked when the course is made: every lane carries the messages of one member only, so they pass it
in the order in which they were asked for, which is that of steps and segments; checked when it is computed: no message
lands before the one before it (a sum may delay the last one of a reduce-scatter behind the first of the gather).
With C the sum of the holds of the segments before, start - C is the running maximum of arrival - C and the time at
which the lane falls free. Where one step is the step before, so much later in every place, so are all that follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hecasim.sim.course import Flying, Outcome, Snapshot
from hecasim.units import PS_PER_S

if TYPE_CHECKING:
    from hecasim.collectives import RingPass
    from hecasim.sim.hardware import Hardware
    from hecasim.sim.lane import Lane, Span

Times = NDArray[np.int64]

NEVER = 1 << 60
"""Later than anything, yet far from the end of 64 bits."""
REMEMBERED = 1024
"""Outcomes kept per shape."""


class Shape:
    """All that is equal between rings alike: steps, segments, and what every hop of every member costs.

    Hops that a shorter route does not have take no time.
    """

    def __init__(
        self, pattern: RingPass, routes: Sequence[Sequence[Lane]], spans: Sequence[Span], extra_ps: int
    ) -> None:
        self.members, self.steps, self.reduce_steps = len(routes), pattern.steps, pattern.reduce_steps
        self.segments, self.hops = len(spans), max(len(route) for route in routes)
        self.extra_ps = extra_ps
        size = (self.hops, self.segments, self.members)
        self.hold: Times = np.zeros(size, np.int64)
        self.latency: Times = np.zeros((self.hops, self.members), np.int64)
        self.real = np.zeros((self.hops, self.members), np.bool_)
        for position, route in enumerate(routes):
            for hop, lane in enumerate(route):
                self.real[hop, position] = True
                self.latency[hop, position] = lane.latency_ps
                self.hold[hop, :, position] = [lane.serialisation_ps(span) for span in spans]
        self.before = np.cumsum(self.hold, axis=1) - self.hold
        """Of the segments before, per lane."""
        self.held = self.hold.max(axis=0)
        self.lengths = np.array([end - first for first, end in spans], np.int64)
        self.of_lane = np.nonzero(self.real.T)
        """(position, hop) of every lane, in the order of the course."""
        self.known: dict[Any, Outcome | None] = {}

    def per_lane(self, table: Times) -> list[int]:
        """The entries of a (hop, position) table that are lanes."""
        found: list[int] = table.T[self.of_lane].tolist()
        return found


class Steps:
    """One ring played step by step: `asked` (hop + 1, segment, member) and `start` (hop, segment, member) of a step."""

    def __init__(self, shape: Shape, joins: Times, free: Times) -> None:
        self.shape, self.joins = shape, joins
        self.free = free
        """(hop, member): when the lane falls free."""
        self.request = joins
        """When every member sends its message of the next step."""
        self.asked: Times = np.zeros((shape.hops + 1, shape.segments, shape.members), np.int64)
        self.start: Times = np.zeros((shape.hops, shape.segments, shape.members), np.int64)

    def advance(self, step: int) -> Times:
        """Play a step; when the message of each member has landed."""
        shape, asked, start, free = self.shape, self.asked, self.start, self.free
        asked[0] = self.request
        for hop in range(shape.hops):
            if shape.segments == 1:
                np.maximum(asked[hop, 0], free[hop], out=start[hop, 0])
            else:
                ready = asked[hop] - shape.before[hop]
                np.maximum(ready[0], free[hop], out=ready[0])
                np.maximum.accumulate(ready, axis=0, out=ready)
                np.add(ready, shape.before[hop], out=start[hop])
            np.add(start[hop], shape.latency[hop], out=asked[hop + 1])
        self.free = start[:, -1] + shape.hold[:, -1]
        landed: Times = asked[-1, -1] + shape.held[-1]
        if step < shape.reduce_steps:
            landed += shape.extra_ps
        self.request = np.maximum(shifted(landed), self.joins)
        return landed

    def leap(self, times: int, growth: int, landed: Times) -> Times:
        """So many steps more, each *growth* later than the one before; when their last messages have landed."""
        by = times * growth
        self.free, self.request = self.free + by, self.request + by
        self.start += by
        return landed + by


def _all(times: Times, value: int) -> bool:
    return bool((times == value).all())


def shifted(times: Times) -> Times:
    """What the members have, at the next ones."""
    found = np.empty_like(times)
    found[1:] = times[:-1]
    found[0] = times[-1]
    return found


class RingCourse:
    """A ring pass on its lanes."""

    def __init__(self, shape: Shape, routes: Sequence[Sequence[Lane]]) -> None:
        self.shape = shape
        self.lanes = [lane for route in routes for lane in route]
        places = iter(range(len(self.lanes)))
        self.own = [[next(places) for _ in route] for route in routes]
        self.transfers = shape.steps * shape.segments * len(self.lanes)

    @classmethod
    def of(
        cls,
        pattern: RingPass,
        hardware: Hardware,
        spans: tuple[Span, ...],
        sum_rate: int | None,
        shapes: dict[Any, Shape],
    ) -> RingCourse | None:
        """The course of *pattern*; None where a lane belongs to two members. Equal rings share their shape."""
        members = pattern.members
        routes = [hardware.route(tile, members[(place + 1) % len(members)]) for place, tile in enumerate(members)]
        lanes = [lane for route in routes for lane in route]
        if len(set(lanes)) < len(lanes):
            return None
        extra = 0
        if sum_rate is not None and pattern.reduce_steps:
            extra = -(-pattern.chunk_bytes * PS_PER_S // sum_rate)
        costs = tuple(tuple((lane.rate, lane.latency_ps) for lane in route) for route in routes)
        key = (pattern.steps, pattern.reduce_steps, extra, spans, costs)
        if key not in shapes:
            shapes[key] = Shape(pattern, routes, spans, extra)
        return cls(shapes[key], routes)

    def outcome(self, joins: Sequence[int], late: dict[int, int]) -> Outcome | None:
        """The whole of it; None where messages overtake each other."""
        known = self.shape.known
        key = (tuple(joins), tuple(sorted(late.items())))
        if key not in known:
            if len(known) >= REMEMBERED:
                known.clear()
            known[key] = self._compute(np.array(joins, np.int64), late)
        return known[key]

    def _free(self, late: dict[int, int]) -> Times:
        free: Times = np.full((self.shape.hops, self.shape.members), -NEVER, np.int64)
        positions, hops = self.shape.of_lane
        for place, until in late.items():
            free[hops[place], positions[place]] = until
        return free

    def _compute(self, joins: Times, late: dict[int, int]) -> Outcome | None:
        shape = self.shape
        steps = Steps(shape, joins, self._free(late))
        waits: Times = np.zeros((shape.hops, shape.members), np.int64)
        alarms, step, landed = 0, 0, joins
        while step < shape.steps:
            before, request, free = landed, steps.request, steps.free
            landed = steps.advance(step)
            if step == shape.reduce_steps > 0 and (landed < before).any():
                return None
            waited = steps.start - steps.asked[:-1]
            ringing = int(np.count_nonzero(waited))
            times, phase_end = 1, shape.reduce_steps if step < shape.reduce_steps else shape.steps
            since = step + 1 - (0 if step < shape.reduce_steps else shape.reduce_steps)
            if not since & (since - 1):  # looked for after 1, 2, 4, 8, ... steps, so that looking costs little
                growth = int(steps.request[0] - request[0])
                if _all(steps.request - request, growth) and _all(steps.free - free, growth) and (
                    (shifted(landed) >= joins).all()
                ):  # fmt: skip
                    times = phase_end - step
                    landed = steps.leap(times - 1, growth, landed)
            if ringing:
                alarms += times * ringing
                waits += times * waited.sum(axis=1)
            step += times
        return self._outcome(waits, alarms, steps, np.maximum(landed, shifted(landed)))

    def _outcome(self, waits: Times, alarms: int, steps: Steps, ended: Times) -> Outcome:
        shape = self.shape
        lanes, messages = len(self.lanes), shape.steps
        leaving: dict[int, list[int]] = {}
        for position, end in enumerate(ended.tolist()):
            leaving.setdefault(end, []).append(position)
        return Outcome(
            wait_ps=shape.per_lane(waits), busy_ps=shape.per_lane(messages * shape.hold.sum(axis=1)),
            bytes_carried=[messages * int(shape.lengths.sum())] * lanes, segments=[messages * shape.segments] * lanes,
            free_at=shape.per_lane(steps.free), last_start=shape.per_lane(steps.start[:, -1]),
            happenings=self.transfers + alarms,
            ends=[(end, tuple(positions)) for end, positions in sorted(leaving.items())],
        )  # fmt: skip

    def snapshot(self, joins: Sequence[int | None], late: dict[int, int]) -> Snapshot:
        """How it is now, step by step up to the first of which nothing has been asked for."""
        shape = self.shape
        joined = np.array([NEVER if join is None else join for join in joins], np.int64)
        steps, real = Steps(shape, joined, self._free(late)), shape.real[:, None]
        tables: Times = np.zeros((5, shape.hops, shape.members), np.int64)
        wait, busy, carried, segments, free = tables
        found = Snapshot([], [], [], [], [], 0, [0] * shape.members, [0] * shape.members, [], [])
        for step in range(shape.steps):
            steps.advance(step)
            asked, start = steps.asked, steps.start
            if (asked[0, 0] > 0).all():
                break
            granted = (start < 0) & real
            waited = start - asked[:-1]
            wait += (waited * granted).sum(axis=1)
            busy += (shape.hold * granted).sum(axis=1)
            carried += (shape.lengths[:, None] * granted).sum(axis=1)
            segments += granted.sum(axis=1)
            np.copyto(free, np.where(granted, start + shape.hold, free[:, None]).max(axis=1), where=granted.any(axis=1))
            lands = asked[-1] + shape.held
            if step < shape.reduce_steps:
                lands[-1] += shape.extra_ps
            found.happenings += int((granted & (waited > 0)).sum() + (lands <= 0).sum())
            found.happenings += int(((asked[1:-1] <= 0) & real[1:]).sum())
            self._sort_out(step, lands, joins, found)
            self._fly(step, lands, found, steps)
        found.wait_ps, found.busy_ps, found.bytes_carried, found.segments, found.free_at = map(shape.per_lane, tables)
        return found

    @staticmethod
    def _sort_out(step: int, lands: Times, joins: Sequence[int | None], found: Snapshot) -> None:
        """Messages that have landed: to whom they count."""
        members = len(joins)
        for source in np.nonzero(lands[-1] <= 0)[0].tolist():
            target = (source + 1) % members
            found.sent[source] += 1
            if joins[target] is None:
                found.parked.append((target, step, source))
            else:
                found.received[target] += 1

    def _fly(self, step: int, lands: Times, found: Snapshot, steps: Steps) -> None:
        """Segments that have been sent and have not landed."""
        asked, start, members = steps.asked, steps.start, self.shape.members
        for place, position in zip(*np.nonzero((asked[0] <= 0) & (lands > 0)), strict=True):
            hops = len(self.own[position])
            hop = next((hop for hop in range(hops) if start[hop, place, position] >= 0), hops)
            when = int(asked[hop, place, position])
            arrives = int(lands[place, position]) if hop == hops else max(0, when)
            if arrives:
                when = int(asked[hop - 1, place, position])
            target = (int(position) + 1) % members
            found.flying.append(Flying(int(position), target, step, int(place), hop, when, arrives))
