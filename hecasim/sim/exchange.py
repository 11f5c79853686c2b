"""A collective in flight: every group of its table plays its schedule, message by message.

A member joins when its tile reaches the task; the exchange begins when the last member has joined. A member goes from
stage to stage by itself: it has left one when everything it owed has landed and everything it expected has arrived;
messages of a stage in which it is not yet wait for it.
Modelled: routes, contention, the sum of arriving partial results (a delay before the next step).
Not modelled: two sums at once in one reduction unit, software overheads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hecasim.collectives import COLLECTIVES, Pattern, Send, Stage
from hecasim.sim.hardware import Hardware
from hecasim.sim.lane import Segment, Span, segments_of
from hecasim.units import PS_PER_S

COLLECTIVE_STREAM = 0


class Schedule:
    """The stages of one group, with each tile's part in every stage; shared by all bodies that play it."""

    def __init__(
        self, hardware: Hardware, algorithm: str, members: tuple[int, ...], size_bytes: int, options: Mapping[str, Any]
    ) -> None:
        self.hardware = hardware
        self.members = members
        self.stages: tuple[Stage, ...] = COLLECTIVES[algorithm](hardware.topology, members, size_bytes, options)
        self.parts: list[dict[int, list[tuple[int, int]]]] = []
        """Per stage: tile -> (pattern number, position) of every pattern it takes part in."""
        self.owed: list[dict[int, int]] = []
        """Per stage: tile -> messages it sends and receives."""
        for stage in self.stages:
            parts: dict[int, list[tuple[int, int]]] = {tile: [] for tile in members}
            owed = dict.fromkeys(members, 0)
            for number, pattern in enumerate(stage):
                for position, tile in enumerate(pattern.members):
                    parts[tile].append((number, position))
                    owed[tile] += pattern.expected(position) + pattern.sent(position)
            self.parts.append(parts)
            self.owed.append(owed)
        self._cuts: dict[int, tuple[Span, ...]] = {}
        self._segment_bytes = int(options["segment_bytes"])

    def cut(self, size_bytes: int) -> tuple[Span, ...]:
        """The segments of a message; equal messages share them."""
        cuts = self._cuts.get(size_bytes)
        if cuts is None:
            cuts = self._cuts[size_bytes] = segments_of(size_bytes, self._segment_bytes)
        return cuts


class Exchange:
    """One group's run of a schedule; a sink for its own segments."""

    __slots__ = ("_here", "_joined", "_parked", "_pending", "_stage", "begun", "body", "done", "schedule", "sum_rate",
                 "task")  # fmt: skip

    def __init__(
        self,
        schedule: Schedule,
        body: int,
        task: int,
        begun: Callable[[int], None],
        done: Callable[[int], None],
        sum_bytes_per_s: int | None,
    ) -> None:
        self.schedule, self.body, self.task = schedule, body, task
        self.begun = begun
        """Told of every member when the last one joins: from then on nobody waits for a latecomer."""
        self.done = done
        """Told of a member that leaves."""
        self._here: list[int] = []
        self.sum_rate = sum_bytes_per_s
        self._stage: dict[int, int] = {}
        self._pending: dict[int, int] = {}
        self._parked: dict[int, list[tuple[int, int, int, int, int]]] = {}
        self._joined: dict[tuple[int, int, int, int], int] = {}
        """Messages that have arrived of those that a member awaits together."""

    def join(self, tile: int) -> None:
        """A member's tile has reached this task."""
        self._here.append(tile)
        if len(self._here) == len(self.schedule.members):
            for member in self._here:
                self.begun(member)
            for member in self._here:
                self._enter(member, 0)

    def _enter(self, tile: int, stage: int) -> None:
        schedule = self.schedule
        if stage == len(schedule.stages):
            self._stage[tile] = stage
            self.done(tile)
            return
        self._stage[tile] = stage
        self._pending[tile] = owed = schedule.owed[stage][tile]
        if not owed:
            self._enter(tile, stage + 1)
            return
        for number, position in schedule.parts[stage][tile]:
            pattern = schedule.stages[stage][number]
            for send in pattern.opening(position):
                self._send(pattern, stage, number, position, send)
        parked = self._parked.get(tile)
        if parked:
            ready = [message for message in parked if message[0] == stage]
            parked[:] = [message for message in parked if message[0] != stage]
            for _, number, position, step, source in ready:
                self._receive(tile, stage, number, position, step, source)

    def _send(self, pattern: Pattern, stage: int, number: int, position: int, send: Send) -> None:
        """A message, cut, asks for its first lane."""
        target, size_bytes, step = send
        hardware, source_tile, target_tile = self.schedule.hardware, pattern.members[position], pattern.members[target]
        route = hardware.route(source_tile, target_tile)
        # In one step a member may send to two others: both tell the messages apart.
        source = source_tile * hardware.topology.size + target_tile
        extra = 0
        if self.sum_rate is not None and pattern.reduces(step):
            extra = -(-size_bytes * PS_PER_S // self.sum_rate)
        note = (stage, number, target, step, position)
        spans = self.schedule.cut(size_bytes)
        last, first = len(spans) - 1, number * len(spans)
        for place, span in enumerate(spans):
            ends = place == last
            segment = Segment(
                route, span, COLLECTIVE_STREAM, self, step, first + place, source, note if ends else None,
                extra if ends else 0,
            )  # fmt: skip
            route[0].request(segment)

    def landed(self, segment: Segment) -> None:
        """The last segment of a message tells its sender and its receiver."""
        note = segment.note
        if note is None:
            return
        stage, number, target, step, source = note
        members = self.schedule.stages[stage][number].members
        tile = members[target]
        if self._stage.get(tile, -1) == stage:
            self._receive(tile, stage, number, target, step, source)
        else:
            self._parked.setdefault(tile, []).append((stage, number, target, step, source))
        self._settle(members[source], stage)

    def _receive(self, tile: int, stage: int, number: int, position: int, step: int, source: int) -> None:
        pattern = self.schedule.stages[stage][number]
        if not pattern.joins or self._has_all(pattern, stage, number, position, step):
            for send in pattern.answer(position, step, source):
                self._send(pattern, stage, number, position, send)
        self._settle(tile, stage)

    def _has_all(self, pattern: Pattern, stage: int, number: int, position: int, step: int) -> bool:
        """Whether this was the last of the messages that a member awaits together."""
        name, count = pattern.awaits(position, step)
        key = (stage, number, position, name)
        got = self._joined[key] = self._joined.get(key, 0) + 1
        if got == count:
            del self._joined[key]
        return got == count

    def _settle(self, tile: int, stage: int) -> None:
        left = self._pending[tile] = self._pending[tile] - 1
        if not left:
            self._enter(tile, stage + 1)
