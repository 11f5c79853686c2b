"""Collectives as recurrences: while nobody else uses its lanes, one is computed at once instead of event by event.

Proof obligation, checked at run time: from the moment a member joins, the lanes of its messages are idle and carry
nobody else's segments until the last of its own has started on them. Then every start is a function of the members'
joining times (`recurrence_ring`, `recurrence_direct`). Nobody leaves before the last member has joined, so then all
is computed: the lanes' counts and the one event per member that anyone can see, its end.
Whoever asks for such a lane earlier is a disturber. Before that request is heard, everything is made as events would
have left it: what was granted earlier is a fact, segments on their way become events, those that wait stand in their
queues; from then on the collective goes on as events. The order inside a picosecond's first half never matters, so
what the collective does in the disturber's own instant may all happen before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hecasim.collectives import Direct, Pattern, RingPass, Send
from hecasim.sim.course import Course, Flying, Outcome, Snapshot
from hecasim.sim.lane import Lane, Segment, order
from hecasim.sim.lane_map import LaneMap
from hecasim.sim.recurrence_direct import DirectCourse
from hecasim.sim.recurrence_ring import RingCourse, Shape
from hecasim.topologies import Grid

if TYPE_CHECKING:
    from hecasim.sim.clock import Clock
    from hecasim.sim.exchange import Exchange
    from hecasim.sim.hardware import Hardware

LEAST_TRANSFERS = 32
"""Segments times hops from which on a recurrence is quicker than events (measured: rings of 2 to 16)."""
NOT_JOINED = 1
"""In a state relative to now, where every joining time is 0 or less."""
FOREVER = 1 << 62


class Recurrence:
    """One pattern of one exchange under way, played by nobody: its members' joining times are all there is to know."""

    __slots__ = ("clock", "course", "exchange", "joins", "late", "missing", "number", "outcome", "pointers", "since",
                 "stage", "staying")  # fmt: skip

    def __init__(self, clock: Clock, exchange: Exchange, stage: int, number: int, course: Course) -> None:
        self.clock, self.exchange, self.stage, self.number, self.course = clock, exchange, stage, number, course
        members = len(course.own)
        self.joins: list[int | None] = [None] * members
        self.missing = self.staying = members
        self.late: dict[int, int] = {}
        """Lanes (places) that were still busy when they were claimed, and until when."""
        self.pointers: dict[int, int] = {}
        """Lanes whose round-robin pointer stood elsewhere when they were claimed."""
        self.outcome: Outcome | None = None
        self.since = 0
        """When the last member joined."""

    def claim(self, position: int) -> bool:
        """Make the lanes of a member's messages this collective's; False if someone is there."""
        now, lanes = self.clock.now, self.course.lanes
        for place in self.course.own[position]:
            lane = lanes[place]
            if lane.owner is self:
                continue
            if lane.waiting or lane.arrivals or (lane.owner is not None and lane.owned_until >= now):
                return False
            lane.owner = self
            lane.owned_until = FOREVER
            if lane.free_at > now:
                self.late[place] = lane.free_at
            if lane.pointer:
                self.pointers[place] = lane.pointer
        self.joins[position] = now
        self.missing -= 1
        return True

    def meet(self, lane: Lane) -> None:
        """Somebody asks for one of the lanes: whoever comes after the last of our segments has started may have it."""
        if self.clock.now > lane.owned_until:
            lane.owner = None
        else:
            self.disturb()

    def state(self, now: int) -> tuple[object, ...]:
        """All that its future depends on, for comparison with another moment."""
        joins = tuple(NOT_JOINED if join is None else join - now for join in self.joins)
        late = tuple(sorted((place, free - now) for place, free in self.late.items()))
        return (self.stage, self.number, joins, late, tuple(sorted(self.pointers.items())))

    def times(self, now: int) -> tuple[list[int | None], dict[int, int]]:
        """Joining times and late lanes relative to *now*."""
        joins = [None if join is None else join - now for join in self.joins]
        return joins, {place: free - now for place, free in self.late.items()}

    def book(self, outcome: Outcome) -> None:
        """All members have joined: what will happen is known, and counted now.

        Folding compares sums at two moments of equal state: both then hold the same part of what is still to come.
        """
        now = self.since = self.clock.now
        self.outcome = outcome
        for lane, wait, busy, carried, segments, free, last in zip(self.course.lanes, *outcome[:6], strict=True):
            lane.wait_ps += wait
            lane.busy_ps += busy
            lane.bytes_carried += carried
            lane.segments += segments
            lane.free_at = now + free
            lane.owned_until = now + last
            lane.pointer = 0
        self.clock.happenings += outcome.happenings
        for end, positions in outcome.ends:
            self.clock.at(now + end, self.leave, positions)

    def leave(self, positions: tuple[int, ...]) -> None:
        """These members have sent and received everything."""
        self.clock.happenings -= 1  # it stands for landings, which are counted
        exchange, stage, number = self.exchange, self.stage, self.number
        pattern = exchange.schedule.stages[stage][number]
        self.staying -= len(positions)
        if not self.staying:
            exchange.drop(stage, number)
        for position in positions:
            messages = pattern.expected(position) + pattern.sent(position)
            exchange.settle(pattern.members[position], stage, messages)

    # --- a disturbance ----------------------------------------------------------------------------------------

    def disturb(self) -> None:
        """From now on it goes on as events: put everything where they would have left it."""
        now = self.clock.now
        joins, late = self.times(now)
        found = self.course.snapshot(joins, late)
        gone = self._withdraw(now)
        self.exchange.drop(self.stage, self.number)
        for place, lane in enumerate(self.course.lanes):
            if lane.owner is self:
                self._restore(place, lane, found, now)
        self._count(found)
        self._tell(found, gone)
        self._put(found.flying, now)

    def _withdraw(self, now: int) -> set[int]:
        """Take the ends still to come off the agenda; give those that have left, or leave in this instant."""
        gone: set[int] = set()
        if self.outcome is not None:
            for end, positions in self.outcome.ends:
                if self.since + end <= now:
                    gone.update(positions)
                else:
                    self.clock.withdraw(self.since + end, self.leave, positions)
        return gone

    def _restore(self, place: int, lane: Lane, found: Snapshot, now: int) -> None:
        """A lane as it is now, if not all of our segments have started on it."""
        lane.owner = None
        if lane.owned_until < now:
            return
        granted = found.segments[place] > 0
        lane.free_at = now + found.free_at[place] if granted else self.late.get(place, 0)
        lane.pointer = 0 if granted else self.pointers.get(place, 0)

    def _count(self, found: Snapshot) -> None:
        """Only what has happened counts."""
        booked = self.outcome
        for place, lane in enumerate(self.course.lanes):
            lane.wait_ps += found.wait_ps[place] - (booked.wait_ps[place] if booked else 0)
            lane.busy_ps += found.busy_ps[place] - (booked.busy_ps[place] if booked else 0)
            lane.bytes_carried += found.bytes_carried[place] - (booked.bytes_carried[place] if booked else 0)
            lane.segments += found.segments[place] - (booked.segments[place] if booked else 0)
        self.clock.happenings += found.happenings - (booked.happenings if booked else 0)

    def _tell(self, found: Snapshot, gone: set[int]) -> None:
        """What has landed: to those that are still there."""
        exchange, members = self.exchange, self.exchange.schedule.stages[self.stage][self.number].members
        for position, tile in enumerate(members):
            landed = found.sent[position] + found.received[position]
            if landed and position not in gone:
                exchange.lower(tile, landed)
        for position, step, source in found.parked:
            exchange.park(members[position], (self.stage, self.number, position, step, source))

    def _put(self, flying: list[Flying], now: int) -> None:
        """The segments under way: queued, on the agenda, or asking in this instant."""
        queued: list[tuple[int, Segment]] = []
        asking: list[Segment] = []
        pattern = self.exchange.schedule.stages[self.stage][self.number]
        assert isinstance(pattern, RingPass | Direct)
        for one in flying:
            send = Send(one.target, pattern.chunk_bytes, one.step)
            segment = self.exchange.segments(pattern, self.stage, self.number, one.position, send)[one.place]
            segment.hop, segment.asked = one.hop, now + one.asked
            route: Any = segment.route
            segment.held_ps = max((lane.serialisation_ps(segment.span) for lane in route[: one.hop]), default=0)
            if one.arrives:
                landing = one.hop == len(route)
                self.clock.at(now + one.arrives, segment.sink.landed if landing else route[one.hop].request, segment)
            elif one.asked:
                queued.append((segment.asked, segment))
            else:
                asking.append(segment)
        queued.sort(key=lambda entry: (entry[0], order(entry[1])))
        for _, segment in queued:
            lane = segment.route[segment.hop]
            assert isinstance(lane, Lane)
            lane.queue(segment)
            if not lane.alarmed:
                lane.alarmed = True
                self.clock.at(lane.free_at, lane.rouse, lane)
        for segment in asking:
            segment.route[segment.hop].request(segment)


class Recurrences:
    """What all recurrences of a run share; the plain engine has none."""

    def __init__(self, clock: Clock, hardware: Hardware) -> None:
        self.clock, self.hardware = clock, hardware
        self._shapes: dict[Any, Shape] = {}
        self._complete: list[Recurrence] = []
        self._due = False
        self._lane_map: LaneMap | None = None

    def join(self, exchange: Exchange, stage: int, number: int, position: int) -> bool:
        """Let a member take part without events; False: its messages are played."""
        under_way = exchange.recurrences
        key = (stage, number)
        if key in under_way:
            recurrence = under_way[key]
        else:
            course = self._courses(exchange, stage)[number]
            recurrence = None if course is None else Recurrence(self.clock, exchange, stage, number, course)
            under_way[key] = recurrence
        if recurrence is None:
            return False
        if not recurrence.claim(position):
            recurrence.disturb()
            return False
        if not recurrence.missing:
            self._complete.append(recurrence)
            if not self._due:
                self._due = True
                self.clock.at(self.clock.now, self._compute, None)
        return True

    def _compute(self, _: None) -> None:
        """All members of some collectives have joined in this instant."""
        self._due = False
        self.clock.happenings -= 1
        complete, self._complete = self._complete, []
        now = self.clock.now
        for recurrence in complete:
            if recurrence.exchange.recurrences.get((recurrence.stage, recurrence.number)) is not recurrence:
                continue  # disturbed in this very instant
            joins, late = recurrence.times(now)
            outcome = recurrence.course.outcome([join or 0 for join in joins], late)
            if outcome is None:
                recurrence.disturb()
            else:
                recurrence.book(outcome)

    def _courses(self, exchange: Exchange, stage: int) -> list[Course | None]:
        """The courses of a stage; None where a pattern must be played."""
        schedule = exchange.schedule
        found: list[Course | None] | None = schedule.courses[stage]
        if found is None:
            patterns = schedule.stages[stage]
            found = [self._course(pattern, schedule.cut, exchange.sum_rate) for pattern in patterns]
            users: dict[Lane, int] = {}
            for course in found:
                for lane in course.lanes if course else ():
                    users[lane] = users.get(lane, 0) + 1
            found = [None if course is None or any(users[lane] > 1 for lane in course.lanes) else course
                     for course in found]  # fmt: skip
            schedule.courses[stage] = found
        return found

    def _course(self, pattern: Pattern, cut: Any, sum_rate: int | None) -> Course | None:
        hardware = self.hardware
        if hardware.lane_kind is not Lane or hardware.package.chiplet.sram.ports == "shared":
            return None
        course: RingCourse | DirectCourse | None = None
        # With fewer steps a member could leave before all have joined.
        if isinstance(pattern, RingPass) and pattern.steps >= len(pattern.members) - 1:
            course = RingCourse.of(pattern, hardware, cut(pattern.chunk_bytes), sum_rate, self._shapes)
        elif isinstance(pattern, Direct):
            if self._lane_map is None and isinstance(hardware.topology, Grid):
                self._lane_map = LaneMap(hardware, hardware.topology)
            if self._lane_map is not None:
                course = DirectCourse(pattern, self._lane_map, cut(pattern.chunk_bytes))
        return course if course is not None and course.transfers >= LEAST_TRANSFERS else None
