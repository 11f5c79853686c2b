"""Patterns as tables: what each member sends at first, and what follows which message."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from hecasim.collectives import Direct, Pattern, Send
from hecasim.sim.fast.lists import Lists

NOTHING = (-1, -1)
"""Name of the join that nothing follows."""


class Graph(NamedTuple):
    """A pattern without its members: equal ones, such as those of all rows, share it."""

    messages: int
    """Place of its first message; likewise below."""
    joins: int
    opening: int
    counters: int
    edges: tuple[tuple[int, int], ...]
    """(position of the sender, of the receiver) by number of edge."""
    size_bytes: int | None
    """Of all messages, where they are alike."""


class Graphs:
    """All graphs of a trace."""

    def __init__(self, lists: Lists) -> None:
        self.lists = lists
        self.messages: list[tuple[int, ...]] = []
        """source, target, step, size in bytes (-1: the pattern's), time of its sum, whether it adds, edge, join."""
        self.joins: list[tuple[int, ...]] = []
        self._known: dict[Any, Graph] = {}

    def of(self, pattern: Pattern) -> Graph:
        """The graph of a pattern, written if it is new."""
        key = _shape(pattern)
        graph = self._known.get(key)
        if graph is None:
            graph = self._known[key] = _Writing(self, pattern).graph()
        size = getattr(pattern, "chunk_bytes", None)
        return graph._replace(size_bytes=size) if graph.size_bytes is not None and size is not None else graph


def _shape(pattern: Pattern) -> Any:
    """What equal graphs have in common."""
    if isinstance(pattern, Direct):
        return type(pattern), len(pattern.members)
    return id(pattern), pattern  # it is kept alive, so that no other has its id


class _Writing:
    """One graph under construction."""

    def __init__(self, graphs: Graphs, pattern: Pattern) -> None:
        self.graphs, self.pattern = graphs, pattern
        self.sends: list[tuple[int, Send]] = []
        self.edges: dict[tuple[int, int], int] = {}
        self.joins: dict[tuple[int, int], int] = {}
        self.needs: list[int] = []
        self.emits: list[list[int]] = []
        self.join_of: list[int] = []

    def graph(self) -> Graph:
        pattern = self.pattern
        opening = [self._say(position, pattern.opening(position)) for position in range(len(pattern.members))]
        self._follow(opening)
        sizes = {send.size_bytes for _, send in self.sends}
        alike = len(sizes) == 1
        messages, joins = len(self.graphs.messages), len(self.graphs.joins)
        for number, (source, send) in enumerate(self.sends):
            self.graphs.messages.append(
                (source, send.target, send.step, -1 if alike else send.size_bytes, 0, int(pattern.reduces(send.step)),
                 self.edges[source, send.target], self.join_of[number])
            )  # fmt: skip
        counters = 0
        for needs, emits in zip(self.needs, self.emits, strict=True):
            self.graphs.joins.append((needs, counters, *self.graphs.lists.span(emits)))
            counters += needs > 1
        return Graph(
            messages, joins, self.graphs.lists.spans(opening), counters, tuple(self.edges),
            next(iter(sizes)) if alike else None,
        )  # fmt: skip

    def _say(self, source: int, sends: Sequence[Send]) -> list[int]:
        """Numbers of messages that a member sends together."""
        numbers = []
        for send in sends:
            numbers.append(len(self.sends))
            self.sends.append((source, send))
            self.edges.setdefault((source, send.target), len(self.edges))
        return numbers

    def _follow(self, opening: Sequence[Sequence[int]]) -> None:
        """What each message is answered with, in an order in which it can happen."""
        pattern, waiting = self.pattern, deque(number for numbers in opening for number in numbers)
        arrived: list[int] = []
        while waiting:
            number = waiting.popleft()
            source, send = self.sends[number]
            if not pattern.joins:
                self._answer_alone(number, send, pattern.answer(send.target, send.step, source))
                waiting.extend(self.emits[self.join_of[number]])
                continue
            name, needs = pattern.awaits(send.target, send.step)
            join = self.joins.setdefault((send.target, name), len(self.needs))
            if join == len(self.needs):
                self.needs.append(needs)
                self.emits.append([])
                arrived.append(0)
            self._joins(number, join)
            arrived[join] += 1
            if arrived[join] == needs:
                self.emits[join] = self._say(send.target, pattern.answer(send.target, send.step, source))
                waiting.extend(self.emits[join])

    def _answer_alone(self, number: int, send: Send, answers: Sequence[Send]) -> None:
        """A message that is awaited by itself; those that nothing follows share a join."""
        join = len(self.needs)
        if not answers:
            join = self.joins.setdefault(NOTHING, join)
        if join == len(self.needs):
            self.needs.append(1)
            self.emits.append(self._say(send.target, answers))
        self._joins(number, join)

    def _joins(self, number: int, join: int) -> None:
        self.join_of += [-1] * (number + 1 - len(self.join_of))
        self.join_of[number] = join
