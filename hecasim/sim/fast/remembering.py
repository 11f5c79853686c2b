"""Boundaries that folding remembers, and the highest SRAM levels since each of them.

Older ones are forgotten, so that a run that never recurs does not grow. Those where a layer or a micro-batch begins
have room of their own: a layer may recur that has more bodies than there is room for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from typing import NamedTuple

import numpy as np

from hecasim.sim.fast.lists import Numbers

BODY, MICRO_BATCH, LAYER = range(3)
"""Rank of a boundary: what begins with the next body to issue."""
ROOM_BYTES = (72 * 2**20, 32 * 2**20, 32 * 2**20)
"""Of each rank."""
ALIKE = 8
"""Boundaries of one state that are kept, of the highest ranks and of these the latest."""
State = tuple[int, int]
Place = tuple[int, int, int]
"""Of a cause: body from the next one, task, which of its two; the gate has one too."""


class Boundary(NamedTuple):
    """What must be known of an earlier boundary when its state recurs."""

    number: int
    rank: int
    clock_ps: int
    """On the engine's clock, which skips what is folded."""
    now_ps: int
    next_body: int
    sums: Numbers
    levels: Numbers
    refusals: int
    rows: int
    folds: int
    """So many there were before."""
    causes: dict[Place, int]
    """(body from the next one, task, which) -> cause, of all tasks in flight; what let the last body be issued."""

    @property
    def bytes(self) -> int:
        """Memory that it takes: sums, levels, and the crest after it."""
        return self.sums.nbytes + 2 * self.levels.nbytes


class Remembered:
    """The boundaries by their state."""

    def __init__(self) -> None:
        self.crests = Crests()
        self._seen: dict[State, list[Boundary]] = {}
        self._ranks: tuple[deque[tuple[State, Boundary]], ...] = (deque(), deque(), deque())
        self._bytes = [0, 0, 0]

    def of(self, state: State) -> list[Boundary]:
        """Those that had this state, oldest first."""
        return self._seen.get(state, [])

    def keep(self, state: State, here: Boundary) -> None:
        """Remember a boundary; others are forgotten where there is no room."""
        self.crests.open(here.number)
        alike = self._seen.setdefault(state, [])
        alike.append(here)
        self._ranks[here.rank].append((state, here))
        self._bytes[here.rank] += here.bytes
        if len(alike) > ALIKE:
            oldest = min(alike, key=lambda boundary: boundary.rank)
            self._ranks[oldest.rank].remove((state, oldest))
            self._forget(state, oldest)
        rank = self._ranks[here.rank]
        while self._bytes[here.rank] > ROOM_BYTES[here.rank] and len(rank) > 1:
            self._forget(*rank.popleft())

    def _forget(self, state: State, boundary: Boundary) -> None:
        alike = self._seen[state]
        alike.pop(next(place for place, one in enumerate(alike) if one is boundary))
        if not alike:
            del self._seen[state]
        self._bytes[boundary.rank] -= boundary.bytes
        self.crests.forget(boundary.number)


class Crests:
    """The highest levels between one remembered boundary and the next."""

    def __init__(self) -> None:
        self._numbers: list[int] = []
        self._after: list[Numbers | None] = []

    def open(self, number: int) -> None:
        """From this boundary on, whose number is the largest so far."""
        self._numbers.append(number)
        self._after.append(None)

    def reach(self, levels: Numbers | None) -> None:
        """So high were levels since the last boundary that was opened."""
        if self._after and levels is not None:
            self._after[-1] = _higher(self._after[-1], levels.copy())  # the engine goes on writing there

    def forget(self, number: int) -> None:
        """What came after it is counted with the one before it."""
        place = bisect_left(self._numbers, number)
        crest = self._after.pop(place)
        del self._numbers[place]
        if place:
            self._after[place - 1] = _higher(self._after[place - 1], crest)

    def known(self, number: int) -> bool:
        """Whether a boundary is remembered."""
        place = bisect_left(self._numbers, number)
        return place < len(self._numbers) and self._numbers[place] == number

    def since(self, number: int) -> Numbers:
        """The highest since a remembered boundary."""
        place = bisect_left(self._numbers, number)
        highest: Numbers = np.maximum.reduce([crest for crest in self._after[place:] if crest is not None])
        return highest

    def between(self, number: int, until: int) -> Numbers | None:
        """The highest between two remembered boundaries, if they are not one instant."""
        highest: Numbers | None = None
        for crest in self._after[bisect_left(self._numbers, number) : bisect_left(self._numbers, until)]:
            highest = _higher(highest, crest)
        return highest


def _higher(one: Numbers | None, other: Numbers | None) -> Numbers | None:
    if one is None or other is None:
        return other if one is None else one
    highest: Numbers = np.maximum(one, other)
    return highest
