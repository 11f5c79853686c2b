"""A direct all-to-all in stretches of time: nothing waits for a message, so only the lanes order its segments.

Proof obligation: nobody else uses the lanes meanwhile (`recurrence`), every lane serves one stream in the order of
arrival, and a head comes to its next lane no sooner than its own lane lets it start, plus that lane's latency. So all
arrivals before the least of these bounds are known; they are sorted by lane, time and static order and served at once,
each lane by a running maximum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hecasim.sim.course import Flying, Outcome, Snapshot

if TYPE_CHECKING:
    from hecasim.collectives import Direct
    from hecasim.sim.lane import Span
    from hecasim.sim.lane_map import LaneMap

Times = NDArray[np.int64]
NEVER = 1 << 60
KEY_BITS = 62
"""Lane, time and static order of an arrival stand in one number, which is what is sorted."""


class DirectCourse:
    """A direct all-to-all on its lanes; its segments stand sender by sender, step by step."""

    def __init__(self, pattern: Direct, lane_map: LaneMap, spans: tuple[Span, ...]) -> None:
        members = np.array(pattern.members, np.int64)
        count, cuts = len(members), len(spans)
        self.map, self.count, self.cuts = lane_map, count, cuts
        source, step, place = (grid.ravel() for grid in np.meshgrid(
            np.arange(count), np.arange(1, count), np.arange(cuts), indexing="ij"))  # fmt: skip
        self.source, self.step, self.place = source, step, place
        self.target = (source + step) % count
        self.from_tile, self.to_tile = members[source], members[self.target]
        self.hold = lane_map.hold_of(spans)
        self.lengths = np.array([end - first for first, end in spans], np.int64)[place]
        passes, self.transfers = self._walk()
        used = np.nonzero(passes.any(axis=0))[0]
        self.used = used
        self.lanes = [lane_map.lanes[number] for number in used.tolist()]
        self.own: list[list[int]] = [np.nonzero(row)[0].tolist() for row in passes[:, used]]
        self.hop_bits = self.longest.bit_length()
        self.tile_bits = int(members.max()).bit_length()
        self.order = (step * cuts + place) << (self.hop_bits + self.tile_bits) | self.from_tile
        """Static order at a lane: step, segment, hop (added on the way), sender."""
        self.order_bits = int(self.order.max()).bit_length()
        self.time_bits = KEY_BITS - self.order_bits - len(lane_map.lanes).bit_length()

    def _walk(self) -> tuple[NDArray[np.bool_], int]:
        """(sender, lane) passed by its messages; all segments times lanes."""
        once = self.place == 0
        source, target, at = self.source[once], self.to_tile[once], self.from_tile[once]
        passes = np.zeros((self.count, len(self.map.lanes)), np.bool_)
        transfers = self.longest = 0
        while len(at):
            lane = self.map.next[at, target]
            going = lane >= 0
            source, target, lane = source[going], target[going], lane[going]
            passes[source, lane] = True
            at = self.map.head[lane]
            transfers += len(at)
            self.longest += 1
        return passes, transfers * self.cuts

    def outcome(self, joins: Sequence[int], late: dict[int, int]) -> Outcome | None:
        """The whole of it."""
        sweep = Sweep(self, joins, late, None)
        landed = sweep.landed.reshape(self.count, self.count - 1, self.cuts)[:, :, -1]
        ended = landed.max(axis=1)
        np.maximum.at(ended, self.target[self.cuts - 1 :: self.cuts], landed.ravel())
        leaving: dict[int, list[int]] = {}
        for position, end in enumerate(ended.tolist()):
            leaving.setdefault(end, []).append(position)
        wait, busy, carried, segments, free, last = (table[self.used].tolist() for table in sweep.tables)
        ends = [(end, tuple(positions)) for end, positions in sorted(leaving.items())]
        return Outcome(wait, busy, carried, segments, free, last, sweep.happenings, ends)

    def snapshot(self, joins: Sequence[int | None], late: dict[int, int]) -> Snapshot:
        """How it is now: played up to here."""
        sweep = Sweep(self, [NEVER if join is None else join for join in joins], late, 0)
        wait, busy, carried, segments, free, _ = (table[self.used].tolist() for table in sweep.tables)
        found = Snapshot(
            wait, busy, carried, segments, free, sweep.happenings, [0] * self.count, [0] * self.count, [], []
        )
        for number in np.nonzero((sweep.landed <= 0) & (self.place == self.cuts - 1))[0].tolist():
            source, target = int(self.source[number]), int(self.target[number])
            found.sent[source] += 1
            if joins[target] is None:
                found.parked.append((target, int(self.step[number]), source))
            else:
                found.received[target] += 1
        for number in np.nonzero((sweep.hop > 0) & (sweep.landed > 0))[0].tolist():
            hop, asked, arrives = int(sweep.hop[number]), int(sweep.asked[number]), int(sweep.time[number])
            if sweep.start[number] >= 0:
                hop, arrives = hop - 1, 0
            found.flying.append(Flying(
                int(self.source[number]), int(self.target[number]), int(self.step[number]), int(self.place[number]),
                hop, asked, arrives))  # fmt: skip
        return found


class Sweep:
    """The segments of an all-to-all played up to a moment (None: to their end), in times relative to it."""

    def __init__(self, course: DirectCourse, joins: Sequence[int], late: dict[int, int], until: int | None) -> None:
        self.course, self.until = course, until
        lanes, count = len(course.map.lanes), len(course.source)
        self.free: Times = np.full(lanes, -NEVER, np.int64)
        for place, free in late.items():
            self.free[course.used[place]] = free
        self.tables: tuple[Times, ...] = tuple(np.zeros(lanes, np.int64) for _ in range(6))
        """Per lane: waits, busy time, bytes, segments, when it falls free, when the last segment started."""
        self.happenings = 0
        self.time: Times = np.array(joins, np.int64)[course.source]
        """When a segment comes to its next lane, or lands."""
        self.lane: Times = course.map.next[course.from_tile, course.to_tile]
        self.hop: Times = np.zeros(count, np.int64)
        self.held: Times = np.zeros(count, np.int64)
        self.landed: Times = np.full(count, NEVER, np.int64)
        self.asked: Times = np.zeros(count, np.int64)
        self.start: Times = np.full(count, -NEVER, np.int64)
        """On the lane it was at last."""
        self._play()

    def _play(self) -> None:
        course = self.course
        latency, limit = course.map.latency, NEVER if self.until is None else self.until + 1
        widest = 1 << course.time_bits
        left = np.nonzero(self.time < limit)[0]
        while len(left):
            time, lane = self.time[left], self.lane[left]
            first = int(time.min())
            if first >= limit:
                break
            bound = int((np.maximum(time, self.free[lane]) + latency[lane]).min())
            end = min(bound, limit, first + widest)
            now = time < end
            self._serve(left[now], time[now] - first, lane[now], first)
            left = left[self.landed[left] == NEVER]

    def _serve(self, who: Times, since: Times, lane: Times, first: int) -> None:
        """Arrivals in their order on every lane, and where they go next."""
        course, lane_map = self.course, self.course.map
        key = course.order[who] + (self.hop[who] << course.tile_bits)
        sorting = np.argsort(((lane << course.time_bits | since) << course.order_bits) | key)
        who, lane, asked = who[sorting], lane[sorting], since[sorting] + first
        hold = course.hold[course.place[who], lane]
        opens = np.empty(len(who), np.bool_)
        opens[0] = True
        np.not_equal(lane[1:], lane[:-1], out=opens[1:])
        heads = np.nonzero(opens)[0]
        tails = np.append(heads[1:], len(who)) - 1
        served = lane[heads]
        before = np.cumsum(hold) - hold
        ready = asked - before
        ready[heads] = np.maximum(asked[heads], self.free[served]) - before[heads]
        apart = int(ready.max()) - int(ready.min()) + 1  # lanes one above the other: one running maximum serves all
        floor = (np.cumsum(opens) - 1) * apart
        start = np.maximum.accumulate(ready + floor) - floor + before
        self.free[served] = start[tails] + hold[tails]
        self._count(who, served, heads, tails, asked, start, hold)
        held = self.held[who] = np.maximum(self.held[who], hold)
        self.hop[who] += 1
        arrives = start + lane_map.latency[lane]
        onward = lane_map.next[lane_map.head[lane], course.to_tile[who]]
        self.lane[who] = onward
        lands = onward < 0
        arrives[lands] += held[lands]
        self.time[who] = arrives
        landed = self.landed[who[lands]] = arrives[lands]
        self.happenings += len(landed) if self.until is None else int((landed <= self.until).sum())
        if self.until is not None:
            self.asked[who], self.start[who] = asked, start

    def _count(
        self, who: Times, served: Times, heads: Times, tails: Times, asked: Times, start: Times, hold: Times
    ) -> None:
        wait, busy, carried, segments, free, last = self.tables
        waited, length = start - asked, self.course.lengths[who]
        granted = np.ones(len(who), np.int64)
        if self.until is not None:
            granted[start >= self.until] = 0
            falls_free = np.where(granted, start + hold, 0)
            free[served] = np.maximum(free[served], np.maximum.reduceat(falls_free, heads))
        else:
            free[served] = self.free[served]
        wait[served] += np.add.reduceat(waited * granted, heads)
        busy[served] += np.add.reduceat(hold * granted, heads)
        carried[served] += np.add.reduceat(length * granted, heads)
        segments[served] += np.add.reduceat(granted, heads)
        last[served] = start[tails]
        self.happenings += int(np.count_nonzero(waited * granted)) + int(np.count_nonzero(self.hop[who]))
