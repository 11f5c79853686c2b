"""What a recurrence must answer about a pattern on its lanes: all of it at once, or how it is at a moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from hecasim.sim.lane import Lane


class Outcome(NamedTuple):
    """A whole collective, in picoseconds after its last member joined; lists follow the course's `lanes`."""

    wait_ps: list[int]
    busy_ps: list[int]
    bytes_carried: list[int]
    segments: list[int]
    free_at: list[int]
    last_start: list[int]
    happenings: int
    ends: list[tuple[int, tuple[int, ...]]]
    """(when, positions) of those that have then sent and received everything."""


class Flying(NamedTuple):
    """A segment under way at a moment; times after that moment, 0 or less if before."""

    position: int
    target: int
    step: int
    place: int
    """Which segment of its message."""
    hop: int
    """The lane it is at or goes to next; beyond its route: it lands."""
    asked: int
    """When it asked for that lane, if it did."""
    arrives: int
    """When its head comes there, if it is on its way; else 0."""


@dataclass
class Snapshot:
    """A collective as it is at a moment: lists follow the course's `lanes`, or its positions."""

    wait_ps: list[int]
    busy_ps: list[int]
    bytes_carried: list[int]
    segments: list[int]
    free_at: list[int]
    """After the last segment granted so far; meaningless where there is none."""
    happenings: int
    sent: list[int]
    """Messages of each member that have landed."""
    received: list[int]
    """Messages that have come to each member that has joined."""
    parked: list[tuple[int, int, int]]
    """(position, step, source) of messages that came before their receiver joined."""
    flying: list[Flying]


class Course(Protocol):
    """A pattern on its lanes: what does not change from body to body."""

    @property
    def lanes(self) -> Sequence[Lane]:
        """All of them, each once."""

    @property
    def own(self) -> Sequence[Sequence[int]]:
        """Per position: places in `lanes` that its messages use."""

    @property
    def transfers(self) -> int:
        """Segments times lanes."""

    def outcome(self, joins: Sequence[int], late: dict[int, int]) -> Outcome | None:
        """The whole of it, from joining times and the lanes that were still busy then, both relative to now.

        None where messages overtake each other, so that a recurrence does not hold.
        """

    def snapshot(self, joins: Sequence[int | None], late: dict[int, int]) -> Snapshot:
        """How it is now; None: has not joined."""
