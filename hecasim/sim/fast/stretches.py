"""Stretches: what was played once from one state is not played again, also where it is no period.

Proof obligation, checked at run time: a boundary's state has the fingerprint of an earlier one's, SRAM is as full, and
the bodies still to be issued are of the kinds that followed there, up to some later boundary of which a snapshot was
kept. Then the package comes from here to the state in that snapshot, picosecond for picosecond, in the time that it
took there, and everything that only adds up grows by as much.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hecasim.sim.fast.remembering import Boundary, Crests, State
from hecasim.sim.fast.snapshot import Snapshot
from hecasim.trace.play import Order, Repetition

ROOM_BYTES = 40 * 2**20
"""Of all snapshots."""


class End(NamedTuple):
    """Where a stretch may end: a boundary with its state, and all of it."""

    boundary: Boundary
    state: State
    snapshot: Snapshot


class Stretch(NamedTuple):
    """What need not be played again: from a boundary up to an end, and how much further on it happens here."""

    begin: Boundary
    end: End
    how: Repetition

    @property
    def bodies(self) -> int:
        """How many are issued in it."""
        return self.end.boundary.next_body - self.begin.next_body


class Stretches:
    """The snapshots of a run."""

    def __init__(self) -> None:
        self._ends: deque[End] = deque()
        self._bytes = 0

    def knows(self, state: State) -> bool:
        """Whether a stretch may end in this state."""
        return any(end.state == state for end in self._ends)

    def keep(self, end: End) -> None:
        """Another end; the oldest ones are forgotten where there is no room."""
        self._ends.append(end)
        self._bytes += end.snapshot.bytes
        while self._bytes > ROOM_BYTES and len(self._ends) > 1:
            self._forget()

    def _forget(self) -> None:
        oldest = self._ends.popleft()
        self._bytes -= oldest.snapshot.bytes

    def from_here(
        self, found: Sequence[Boundary], here: Boundary, bodies: Order, under_way: int, crests: Crests
    ) -> Stretch | None:
        """The longest stretch that begins as *here* at one of the boundaries *found*, and whose crests are known."""
        while self._ends and not crests.known(self._ends[0].boundary.number):
            self._forget()
        longest: Stretch | None = None
        for begin in found:
            if begin.next_body < here.next_body and np.array_equal(begin.levels, here.levels):
                stretch = self._from(begin, here, bodies, under_way, crests, longest.bodies if longest else 0)
                longest = stretch or longest
        return longest

    def _from(
        self, begin: Boundary, here: Boundary, bodies: Order, under_way: int, crests: Crests, least: int
    ) -> Stretch | None:
        """The longest one that begins at a boundary, if it is longer than *least* bodies."""
        for end in reversed(self._ends):
            length = end.boundary.next_body - begin.next_body
            if end.boundary.number <= begin.number or length <= least:
                break
            if crests.known(end.boundary.number) and here.next_body + length < len(bodies):
                how = bodies.again(begin.next_body, here.next_body, length, under_way)
                if how is not None:
                    return Stretch(begin, end, how)
        return None
