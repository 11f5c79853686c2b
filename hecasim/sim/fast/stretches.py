"""Stretches: what was played once from one state is not played again, also where it is no period.

Proof obligation, checked at run time: a boundary's state has the fingerprint of an earlier one's, SRAM is as full or
nobody was refused space there and nobody would be here, and the bodies still to be issued are of the kinds that
followed there, up to some later boundary of which a snapshot was kept. Then the package comes from here to the state in
that snapshot, picosecond for picosecond, in the time that it took there, and everything that only adds up grows by as
much.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from hecasim.sim.fast.lists import Numbers
from hecasim.sim.fast.remembering import Boundary, Crests, State
from hecasim.sim.fast.snapshot import Snapshot
from hecasim.trace.play import Order, Repetition

ROOM_BYTES = 56 * 2**20
"""Of all snapshots."""


Fits = Callable[[Numbers], bool]
"""Whether SRAM has room for such levels."""


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
        self, found: Sequence[Boundary], here: Boundary, bodies: Order, under_way: int, crests: Crests, fits: Fits
    ) -> Stretch | None:
        """The longest stretch that begins as *here* at one of the boundaries *found*, and whose crests are known."""
        while self._ends and not crests.known(self._ends[0].boundary.number):
            self._forget()
        longest: Stretch | None = None
        for begin in found:
            if begin.next_body < here.next_body:
                least = longest.bodies if longest else 0
                for stretch in self._from(begin, here, bodies, under_way, crests):
                    if stretch.bodies <= least:
                        break
                    if _has_room(stretch, here, crests, fits):
                        longest = stretch
                        break
        return longest

    def _from(
        self, begin: Boundary, here: Boundary, bodies: Order, under_way: int, crests: Crests
    ) -> Iterator[Stretch]:
        """Those that begin at a boundary, the longest first."""
        for end in reversed(self._ends):
            length = end.boundary.next_body - begin.next_body
            if end.boundary.number <= begin.number:
                break
            if crests.known(end.boundary.number) and here.next_body + length < len(bodies):
                how = bodies.again(begin.next_body, here.next_body, length, under_way)
                if how is not None:
                    yield Stretch(begin, end, how)


def _has_room(stretch: Stretch, here: Boundary, crests: Crests, fits: Fits) -> bool:
    """Whether everybody who was let into SRAM there is let in at the same picosecond here, and nobody else."""
    begin, end = stretch.begin, stretch.end.boundary
    rise = here.levels - begin.levels
    if not rise.any():
        return True
    crest = crests.between(begin.number, end.number)
    return begin.refusals == end.refusals and crest is not None and fits(crest + rise)
