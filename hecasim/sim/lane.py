"""A lane carries one segment at a time: a directed link, an SRAM port or a DRAM channel.

Modelled: serialisation (the lane is held for it), latency of the head, virtual cut-through (a segment asks for
its next lane when its head arrives), streams served round-robin by segment, first come first served inside one.
Not modelled at this fidelity: finite router buffers, virtual channels, flits, transmission errors.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

from hecasim.trace.task import STREAMS
from hecasim.units import PS_PER_S

if TYPE_CHECKING:
    from hecasim.sim.clock import Clock

Span = tuple[int, int]
"""First and one past the last byte of a segment within its message."""


class Sink(Protocol):
    """What a segment belongs to; told when the segment has landed."""

    @property
    def body(self) -> int:
        """The body it belongs to."""

    @property
    def task(self) -> int:
        """Its task in that body."""

    def landed(self, segment: Segment) -> None:
        """The whole segment has arrived at the end of its route."""


class Stop(Protocol):
    """A place on a route that a segment's head can reach: a lane, or a fork of a multicast tree."""

    def request(self, segment: Segment) -> None:
        """The head of *segment* is here."""


class Segment:
    """A part of a message on its way along a route of lanes."""

    __slots__ = ("asked", "extra_ps", "held_ps", "hop", "note", "number", "route", "sink", "source", "span", "step",
                 "stream")  # fmt: skip

    def __init__(
        self, route: tuple[Stop, ...], span: Span, stream: int, sink: Sink, step: int, number: int, source: int,
        note: Any = None, extra_ps: int = 0,
    ) -> None:  # fmt: skip
        self.route = route
        self.span = span
        self.stream = stream
        self.sink = sink
        self.step = step
        self.number = number
        self.source = source
        self.note = note
        self.extra_ps = extra_ps
        """Time at the receiver before the segment counts as landed: the sum of a reduce-scatter."""
        self.hop = 0
        self.held_ps = 0
        self.asked = 0


def order(segment: Segment) -> tuple[int, int, int, int, int, int]:
    """The static order of segments that ask for one lane in the same picosecond."""
    sink = segment.sink
    return (sink.body, sink.task, segment.step, segment.number, segment.hop, segment.source)


def segments_of(size_bytes: int, segment_bytes: int) -> tuple[Span, ...]:
    """A message cut at *segment_bytes*; an empty message is one empty segment."""
    cuts = [*range(0, size_bytes, segment_bytes), size_bytes] if size_bytes else [0, 0]
    return tuple(pairwise(cuts))


def serialisation_ps(span: Span, bytes_per_s: int | None) -> int:
    """Time on the wire of a segment; the segments of a message add up to the message's own, rounded up once."""
    if bytes_per_s is None:
        return 1
    first, end = span
    return max(1, -(-end * PS_PER_S // bytes_per_s) + (-first * PS_PER_S // bytes_per_s))


class Lane:
    """One directed lane with its queues, its busy time and its counts."""

    __slots__ = ("_hold", "alarmed", "arrivals", "asking", "busy_ps", "bytes_carried", "clock", "free_at", "latency_ps",
                 "name", "pointer", "queues", "rate", "rouse", "segments", "streams", "wait_ps",
                 "waiting")  # fmt: skip

    def __init__(
        self,
        clock: Clock,
        rouse: Callable[[Lane], None],
        name: str,
        bytes_per_s: int | None,
        latency_ps: int,
        streams: int = len(STREAMS),
    ) -> None:
        self.clock = clock
        self.rouse = rouse
        """Called when the lane falls free while segments wait."""
        self.name = name
        self.rate = bytes_per_s
        self.latency_ps = max(1, latency_ps)
        self.free_at = 0
        self.arrivals: list[Segment] = []
        self.streams = streams
        self.queues: tuple[deque[Segment], ...] = ()
        """By stream, from the first segment on that has to wait: most lanes of a large package never see one."""
        self.waiting = 0
        self.pointer = 0
        """The stream served last; it keeps its place while the lane is idle."""
        self.alarmed = False
        self.asking = False
        self.busy_ps = self.bytes_carried = self.wait_ps = self.segments = 0
        self._hold: dict[Span, int] = {}

    def request(self, segment: Segment) -> None:
        """The head of *segment* is here and asks for the lane."""
        segment.asked = self.clock.now
        self.arrivals.append(segment)
        if not self.asking:
            self.clock.ask(self)

    def grant(self, now: int) -> None:
        """Second half of the picosecond: queue what arrived, start the next segment if the lane is free."""
        arrivals = self.arrivals
        if len(arrivals) == 1 and not self.waiting and self.free_at <= now:
            self._start(arrivals.pop(), now)
            return
        if len(arrivals) > 1:
            arrivals.sort(key=order)
        for segment in arrivals:
            self.queue(segment)
        arrivals.clear()
        if self.waiting and self.free_at <= now:
            self.waiting -= 1
            self._start(self._next(), now)
        if self.waiting and not self.alarmed:
            self.alarmed = True
            self.clock.at(self.free_at, self.rouse, self)

    def queue(self, segment: Segment) -> None:
        """Let a segment wait behind those of its stream."""
        if not self.queues:
            self.queues = tuple(deque() for _ in range(self.streams))
        self.queues[segment.stream].append(segment)
        self.waiting += 1

    def _next(self) -> Segment:
        """Round-robin: the first waiting stream after the one served last."""
        streams = len(self.queues)
        for step in range(1, streams + 1):
            queue = self.queues[(self.pointer + step) % streams]
            if queue:
                return queue.popleft()
        raise AssertionError(f"{self.name} counts waiting segments but has none")

    def _start(self, segment: Segment, now: int) -> None:
        hold = self._hold.get(segment.span)
        if hold is None:
            hold = self._hold[segment.span] = serialisation_ps(segment.span, self.rate)
        segment.held_ps = max(hold, segment.held_ps)
        self.wait_ps += now - segment.asked
        self.busy_ps += hold
        self.bytes_carried += segment.span[1] - segment.span[0]
        self.segments += 1
        self.free_at = now + hold
        self.pointer = segment.stream
        segment.hop += 1
        route = segment.route
        if segment.hop < len(route):
            self.clock.at(now + self.latency_ps, route[segment.hop].request, segment)
        else:
            # The tail comes as late as over the slowest lane of the route, though this lane is held for its own part.
            self.clock.at(now + self.latency_ps + segment.held_ps + segment.extra_ps, segment.sink.landed, segment)


class FreeLane(Lane):
    """A lane without contention: every segment starts at once, at its own rate (for `--ideal contention`)."""

    __slots__ = ()

    def grant(self, now: int) -> None:
        """Start all that arrived."""
        for segment in self.arrivals:
            self._start(segment, now)
        self.arrivals.clear()
