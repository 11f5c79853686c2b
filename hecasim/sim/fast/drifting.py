"""Drifting: where nothing recurs because some of it falls behind evenly, whole periods are skipped, exactly.

Tiles or channels of unequal speed run apart by some picoseconds per period, for thousands of bodies, until they lock.
Every picosecond is the later or the earlier of others plus a constant, so as long as nothing changes places, the
picoseconds at one boundary follow from those at the one before by one linear step.

Proof obligation, checked at run time: at three boundaries, equally far apart in time, the package has one structure
(all of its state but picoseconds) and is as full; every moment (`moments`) and every cause moved by as much from the
second to the third as from the first to the second, so that the linear step moves it by that again; both stretches
between have equal records (`recording`), and no collective was claimed in them. The kinds of the bodies still to be
issued repeat. Then each further period moves everything by the same again, as long as of the picoseconds in the record
none reaches the next, each lane that was found free, or busy, still is, and nothing that lies ahead of the boundary
falls behind it: no more periods are skipped than that. Whatever adds up grows as arithmetic series do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hecasim.sim.fast.fingerprint import fingerprint
from hecasim.sim.fast.lists import Numbers
from hecasim.sim.fast.moments import ALONE, list_moments
from hecasim.sim.fast.remembering import Boundary, Place
from hecasim.trace.play import Repetition

if TYPE_CHECKING:
    from hecasim.sim.fast.engine import Engine

BARREN = 24
"""Boundaries without a recurrence before anything is taken for drifting."""
LONGEST = 8
"""Bodies of the longest period that is looked for, in twice as many and one."""
REST, MOST_REST = 32, 4096
"""Boundaries of rest after an attempt in vain; each further one doubles them."""


class Moments(NamedTuple):
    """All moments of a state, in the order of their names."""

    names: Numbers
    values: Numbers
    instants: Numbers
    order: Numbers
    """Place in the engine's order."""


class Record(NamedTuple):
    """What was recorded between two boundaries."""

    instants: Numbers
    """Picoseconds from its beginning."""
    digests: Numbers
    lanes: Numbers
    """(picosecond by number, lane), in order."""
    gaps: Numbers
    """When each of these lanes falls free, after it was asked for."""


class Stand(NamedTuple):
    """A boundary of a drift: what of it moves."""

    boundary: Boundary
    moments: Moments
    causes: dict[Place, int]
    """Place of a cause -> when it was, from the boundary."""
    first_cause: int
    """The number of the next cause."""
    claimed: int


class Drift(NamedTuple):
    """Periods that may be skipped, and how everything moves in each."""

    begin: Boundary
    between: Boundary
    how: Repetition
    lasts_ps: int
    moves: Numbers
    """Of every moment, in the engine's order."""
    cause_moves: Mapping[Place, int]
    """Of the causes of tasks in flight, where it is not 0."""
    chain_moves: Mapping[int, int]
    """Of the causes of the last period, by number, where it is not 0."""


class Drifts:
    """Looks for drifts where nothing recurs."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._rest = 0
        self._pause = REST
        self._structures: list[tuple[int, int]] = []
        """Of the boundaries since the search began."""
        self._period = 0
        self._stands: list[Stand] = []
        self._records: list[Record] = []
        self._left = 0
        """Boundaries until the next stand."""
        self._sums = np.zeros(2, np.int64)

    @property
    def at_work(self) -> bool:
        """Whether every boundary counts now."""
        return bool(self._structures)

    def stop(self) -> None:
        """Something else was found, or nothing: begin anew, some time."""
        self._structures, self._stands, self._records = [], [], []
        self.engine.state["recording"] = 0

    def look(self, here: Boundary, barren: int, under_way: int) -> Drift | None:
        """Go on looking at a boundary; a drift that was found there."""
        if self._rest:
            self._rest -= 1
            return None
        if barren < BARREN and not self.at_work:
            return None
        structure = self._structure()
        if self._stands:
            return self._go_on(here, structure, under_way)
        self._structures.append(structure)
        for period in range(1, min(LONGEST, len(self._structures) - 1) + 1):
            if self._structures[-1 - period] == structure:
                self._period = period
                self._stand(here)
                return None
        if len(self._structures) > 2 * LONGEST:
            self._give_up()
        return None

    def _go_on(self, here: Boundary, structure: tuple[int, int], under_way: int) -> Drift | None:
        self._left -= 1
        if self._left:
            return None
        if structure != self._structures[-1] or not self.engine.state["recording"]:
            self._give_up()
            return None
        self._records.append(self._recorded(self._stands[-1].boundary.clock_ps))
        self._stand(here)
        if len(self._stands) < 3:
            return None
        drift = self._found(under_way)
        if drift is None:
            self._give_up()
        else:
            self._pause = REST
        return drift

    def _give_up(self) -> None:
        self.stop()
        self._rest, self._pause = self._pause, min(2 * self._pause, MOST_REST)

    # --- what is looked at ------------------------------------------------------------------------------------

    def _structure(self) -> tuple[int, int]:
        fingerprint(self.engine.memory.package, self._sums, 0)
        return int(self._sums[0]), int(self._sums[1])

    def _stand(self, here: Boundary) -> None:
        """Keep what moves, and record what happens from here on."""
        state, causes = self.engine.state, self.engine.memory.causes
        since = {place: int(causes["released_ps"][cause]) - here.clock_ps
                 for place, cause in here.causes.items() if cause >= 0}  # fmt: skip
        self._stands.append(
            Stand(here, self._moments(), since, int(state["causes"]), int(state["claimed"] + state["disturbances"]))
        )
        state["recorded_from"], state["recording"] = state["next_body"], 1
        for name in ("gaps", "moments", "digest"):
            state[name] = 0
        self._left = self._period

    def _moments(self) -> Moments:
        memory = self.engine.memory
        run, clock = memory.run[0], memory.clock[0]
        rows = int((memory.slots["alive"] != 0).sum()) * memory.per_body
        room = int(clock["events"] + run["segments"] + run["jobs"] + run["entrants"]) + len(memory.lanes)
        room += memory.tile_count * (rows + 2) + rows
        names, values, instants = np.empty((3, room), np.int64)
        count = list_moments(memory.package, names, values, instants)
        order = np.lexsort((values[:count], names[:count]))
        return Moments(names[order], values[order], instants[order], order)

    def _recorded(self, begin_ps: int) -> Record:
        state, memory = self.engine.state, self.engine.memory
        moments = memory.moments[: state["moments"]].copy()
        gaps = memory.gaps[: state["gaps"]]
        number = np.repeat(np.arange(len(moments)), np.diff(moments[:, 2], prepend=0))
        order = np.lexsort((gaps[:, 0], number))
        lanes = np.column_stack((number, gaps[:, 0]))[order]
        return Record(moments[:, 0] - begin_ps, moments[:, 1], lanes, gaps[order, 1])

    # --- what is found ----------------------------------------------------------------------------------------

    def _found(self, under_way: int) -> Drift | None:
        """How often the last period may be skipped, if everything drifts evenly."""
        (first, second, third), (before, last) = self._stands, self._records
        begin, between, here = first.boundary, second.boundary, third.boundary
        lasts = here.now_ps - between.now_ps
        if not (_even(first, second, third) and _equal(before, last) and lasts == between.now_ps - begin.now_ps):
            return None
        if (self.engine.memory.lanes["owner"] >= 0).any() or begin.folds != here.folds:
            return None
        how = self.engine.trace.bodies.repeats(between.next_body, here.next_body, under_way)
        steps = third.moments.values - second.moments.values
        ahead = periods_ahead(third.moments.values, steps)
        how = how._replace(times=min(how.times, ahead, periods_in_order(before, last)))
        chain_moves = self._chain_moves(first, second)
        if how.times < 1 or how.layers or chain_moves is None or not _together(third.moments.instants, steps):
            return None
        moves = np.empty_like(steps)
        moves[third.moments.order] = steps
        cause_moves = {place: since - second.causes[place] for place, since in third.causes.items()
                       if since != second.causes[place]}  # fmt: skip
        return Drift(begin, between, how, lasts, moves, cause_moves, chain_moves)

    def _chain_moves(self, first: Stand, second: Stand) -> dict[int, int] | None:
        """How the causes of the last period move from one period to the next."""
        causes, end = self.engine.memory.causes, int(self.engine.state["causes"])
        stretches = ((first, second.first_cause), (second, end))
        ordered = []
        for stand, until in stretches:
            part = causes[stand.first_cause : until]
            order = np.lexsort((part["task"], part["released_ps"]))
            ordered.append((part["task"][order], part["released_ps"][order] - stand.boundary.clock_ps, order))
        (tasks, times, _), (later_tasks, later_times, order) = ordered
        if not np.array_equal(tasks, later_tasks):
            return None
        moves = later_times - times
        return {second.first_cause + int(order[place]): int(moves[place]) for place in np.nonzero(moves)[0]}


def _even(first: Stand, second: Stand, third: Stand) -> bool:
    """Whether everything moved as much from the first to the second boundary as from there to the third."""
    one, two, three = first.moments, second.moments, third.moments
    if not (np.array_equal(one.names, two.names) and np.array_equal(two.names, three.names)):
        return False
    levels = (first.boundary.levels, second.boundary.levels, third.boundary.levels)
    return bool(
        np.array_equal(two.values - one.values, three.values - two.values)
        and np.array_equal(levels[0], levels[1]) and np.array_equal(levels[1], levels[2])
        and first.causes.keys() == second.causes.keys() == third.causes.keys()
        and all(third.causes[place] - since == since - first.causes[place] for place, since in second.causes.items())
        and first.claimed == third.claimed
    )  # fmt: skip


def _equal(one: Record, other: Record) -> bool:
    """Whether the same happened, in the same order."""
    return (
        np.array_equal(one.digests, other.digests) and np.array_equal(one.lanes, other.lanes)
        and np.array_equal(one.gaps > 0, other.gaps > 0)
    )  # fmt: skip


def _together(instants: Numbers, moves: Numbers) -> bool:
    """Whether everything that is to happen in one picosecond moves together."""
    shared = instants != ALONE
    order = np.argsort(instants[shared], kind="stable")
    instants, moved = instants[shared][order], moves[shared][order]
    same = instants[1:] == instants[:-1]
    return bool((moved[1:][same] == moved[:-1][same]).all())


def periods_in_order(before: Record, last: Record) -> int:
    """How many more periods keep the order of all picoseconds, and lanes free or busy as they were found."""
    apart, later_apart = (np.diff(record.instants) for record in (before, last))
    most = _most(later_apart - 1, later_apart - apart)
    return min(most, periods_ahead(last.gaps, last.gaps - before.gaps))


def periods_ahead(values: Numbers, moves: Numbers) -> int:
    """How many more moves keep what lies ahead (above 0) ahead, and everything else not."""
    ahead = values > 0
    return min(_most(values[ahead] - 1, moves[ahead]), _most(-values[~ahead], -moves[~ahead]))


def _most(room: Numbers, moves: Numbers) -> int:
    """So many steps of *moves* leave each *room* at 0 or above."""
    shrinks = moves < 0
    return int((room[shrinks] // -moves[shrinks]).min()) if shrinks.any() else 1 << 62
