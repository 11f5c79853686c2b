"""What a collective is: data that says who sends what to whom, and after which message.

A Pattern answers two questions, what a member sends when it starts and what it sends once a message has arrived; it
knows no time, no links and no routes. It relies on one promise of the network: messages from one member to another
arrive in the order in which they were sent.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Send(NamedTuple):
    """One message a member sends: to which position, how many bytes, and the step it belongs to."""

    target: int
    size_bytes: int
    step: int


class Pattern(ABC):
    """An exchange among *members* (tile numbers; a position is an index into them), as messages with dependencies.

    Step numbers lie below *steps*; source position, target position and step together name a message.
    """

    members: tuple[int, ...]
    steps: int
    joins: bool = False
    """Whether some answers wait for several messages: those are then named by `awaits`."""

    def awaits(self, position: int, step: int) -> tuple[int, int]:  # noqa: ARG002  each message is answered by itself
        """(name, count) of the messages that must all have arrived before a member answers that of *step*."""
        return step, 1

    @abstractmethod
    def opening(self, position: int) -> Sequence[Send]:
        """What a member sends as soon as it starts."""

    @abstractmethod
    def answer(self, position: int, step: int, source: int) -> Sequence[Send]:
        """What a member sends once the message of *step* from position *source* is there, and added if it reduces.

        Where several messages are awaited together, it is asked once: for the last of them.
        """

    @abstractmethod
    def expected(self, position: int) -> int:
        """How many messages a member receives."""

    @abstractmethod
    def sent(self, position: int) -> int:
        """How many messages a member sends."""

    @abstractmethod
    def reduces(self, step: int) -> bool:
        """Whether the data of this step is a partial sum that must be added to the receiver's own."""

    @abstractmethod
    def flows(self) -> dict[tuple[int, int], int]:
        """(source tile, target tile) -> bytes over the whole collective, without expanding it (derived)."""

    @abstractmethod
    def carries(self, position: int, step: int) -> int:
        """Which piece of the data the message that *position* sends in *step* holds."""


Stage = tuple[Pattern, ...]
"""Patterns that run side by side; a member goes on to the next stage when all of its patterns here are complete.

The i-th pattern of a member in every stage works on the same part of the data.
"""


class Transfer(NamedTuple):
    """One message of an expanded pattern; *after* are the places in the list of the messages it waits for."""

    source_tile: int
    target_tile: int
    size_bytes: int
    step: int
    after: tuple[int, ...]


def transfers(pattern: Pattern) -> list[Transfer]:
    """Every message of *pattern* in an order in which it can happen (as if all messages took equally long)."""
    members = pattern.members
    schedule: list[Transfer] = []
    waiting: deque[tuple[int, Send]] = deque()
    together: dict[tuple[int, int], list[int]] = {}

    def note(source: int, sends: Sequence[Send], after: tuple[int, ...]) -> None:
        for send in sends:
            schedule.append(Transfer(members[source], members[send.target], send.size_bytes, send.step, after))
            waiting.append((source, send))

    for position in range(len(members)):
        note(position, pattern.opening(position), ())
    arrived = 0
    while waiting:
        source, send = waiting.popleft()
        name, count = pattern.awaits(send.target, send.step) if pattern.joins else (arrived, 1)
        before = together.setdefault((send.target, name), [])
        before.append(arrived)
        if len(before) == count:
            note(send.target, pattern.answer(send.target, send.step, source), tuple(before))
        arrived += 1
    return schedule


def bytes_sent(stages: Iterable[Stage]) -> dict[int, int]:
    """Tile -> bytes it sends over all *stages*, from the closed forms of `flows`; silent tiles are left out."""
    total: dict[int, int] = {}
    for stage in stages:
        for pattern in stage:
            for (source, _), size_bytes in pattern.flows().items():
                total[source] = total.get(source, 0) + size_bytes
    return total
