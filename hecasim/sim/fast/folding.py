"""Folding: when the package's relative state recurs at a body boundary, whole periods are skipped, exactly.

Proof obligation, checked at run time at every boundary (the end of a picosecond in which the work of a body ended
everywhere): the state relative to now and to the next body to issue has the fingerprint of an earlier boundary; and the
kinds of the bodies still to be issued repeat with the same period. Then what follows repeats what followed, picosecond
for picosecond: the bodies in flight are relabelled, time gets an offset, and everything that only adds up grows by
whole periods. Levels of SRAM may differ: where they grow, nobody may have been refused space in the period, and no more
periods are skipped than fit. Any earlier boundary will do, also one on the far side of a stretch that was skipped: so
token tiles fold inside micro-batches, these inside layers, and layers too; of several the one that skips most is taken.
Where nothing recurs nothing is skipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hecasim.sim.fast.chain import Fold
from hecasim.sim.fast.drifting import Drifts
from hecasim.sim.fast.fingerprint import fingerprint
from hecasim.sim.fast.lists import Numbers
from hecasim.sim.fast.moments import move_moments
from hecasim.sim.fast.remembering import BODY, LAYER, MICRO_BATCH, Boundary, Place, Remembered, State
from hecasim.sim.fast.snapshot import Snapshot, open_rows, rows_in_use
from hecasim.sim.fast.stretches import End, Stretch, Stretches
from hecasim.trace.play import Repetition, series

if TYPE_CHECKING:
    from hecasim.sim.fast.engine import Engine


PATIENCE, STRIDE = 64, 8
"""After so many boundaries without a recurrence one in so many is looked at."""


POOLS = ("weights", "activations", "total")
"""Levels beside those of each class of buffer: of both pools of SRAM, and of all together."""


class Folder:
    """Looks for recurrences and skips the periods they allow."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.remembered = Remembered()
        self.stretches = Stretches()
        self.drifts = Drifts(engine)
        self.boundaries = 0
        self.skipped_bodies = 0
        self.drifted_bodies = 0
        """Those of them that were skipped while they drifted."""
        self.barren = 0
        """Boundaries since the last one at which something was skipped."""
        self.folds: list[Fold] = []
        self._state = np.zeros(2, np.int64)

    def boundary(self) -> None:
        """The work of a body has ended on every tile and its picosecond is over."""
        engine, upcoming = self.engine, int(self.engine.state["next_body"])
        if upcoming >= len(engine.trace.bodies) or self._passes(upcoming):
            return
        fingerprint(engine.memory.package, self._state, 1)
        state = (int(self._state[0]), int(self._state[1]))
        self.remembered.crests.reach(engine.memory.crests)
        here = self._fold(state)
        stretch = self._stretch(state, here)
        while stretch is not None:
            state = stretch.end.state
            self._leap(stretch, here)
            here = self._fold(state)
            stretch = self._stretch(state, here)
        if here.rank != BODY:
            self._end_here(state, here)
        self._drift(here)
        engine.memory.crests[...] = self._levels()

    def _passes(self, upcoming: int) -> bool:
        """Whether this boundary is left out: where nothing has recurred for long, not every token tile is looked at."""
        self.barren += 1
        if self.drifts.at_work:
            return False
        return self.barren > PATIENCE and upcoming % STRIDE > 0 and self._rank(upcoming) == BODY

    def _fold(self, state: State) -> Boundary:
        """Remember this boundary, skip the periods that its state allows; where that leads to."""
        engine = self.engine
        upcoming, bodies = int(engine.state["next_body"]), engine.trace.bodies
        here, found, under_way = self._here(), self.remembered.of(state), self._under_way(upcoming)
        ways = [(before, self._room(before, here, bodies.repeats(before.next_body, upcoming, under_way)))
                for before in found if before.next_body < upcoming]  # fmt: skip
        before, how = max(ways, key=lambda way: way[1].times * (upcoming - way[0].next_body), default=(here, None))
        crest = self.remembered.crests.since(before.number) if how is not None and how.times else None
        self.remembered.keep(state, here)
        if how is not None and crest is not None:
            self._end_here(state, here)
            self._skip(before, here, how, crest)
            here = self._here()
            self.remembered.keep(state, here)
        return here

    def _under_way(self, upcoming: int) -> int:
        """Bodies in flight, and those between them."""
        slots = self.engine.memory.slots[1:]
        alive = slots["index"][slots["alive"] != 0]
        return upcoming - int(alive.min()) if len(alive) else 0

    # --- what was played before -------------------------------------------------------------------------------

    def _stretch(self, state: State, here: Boundary) -> Stretch | None:
        engine = self.engine
        found, under_way = self.remembered.of(state), self._under_way(here.next_body)
        crests = self.remembered.crests
        return self.stretches.from_here(found, here, engine.trace.bodies, under_way, crests, self._fits)

    def _end_here(self, state: State, here: Boundary) -> None:
        """Let stretches end at this boundary."""
        if not self.stretches.knows(state):
            self.stretches.keep(End(here, state, Snapshot(self.engine.memory)))

    def _leap(self, stretch: Stretch, here: Boundary) -> None:
        """Go to the end of a stretch at once."""
        engine, memory, begin, end = self.engine, self.engine.memory, stretch.begin, stretch.end.boundary
        lasts, crest = end.now_ps - begin.now_ps, self.remembered.crests.between(begin.number, end.number)
        rise = here.levels - begin.levels
        changed = memory.tiles["since"].copy()
        stretch.end.snapshot.put_back(memory, engine.now, here.next_body + stretch.bodies - end.next_body)
        self._add(end.sums - begin.sums)
        engine.state["refusals"] += end.refusals - begin.refusals
        since = memory.tiles["since"]
        moved = since + (end.now_ps - end.clock_ps) > begin.now_ps
        since[...] = np.where(moved, since + here.clock_ps - end.clock_ps, changed - lasts)
        self._lift(rise, None if crest is None else crest + rise)
        self.remembered.crests.reach(self._levels())
        engine.rows.repeat(begin.rows, stretch.how, here.now_ps - begin.now_ps, end.rows)
        engine.offset_ps += lasts
        engine.name_bodies()
        entries = self._new_causes(stretch.end.snapshot.open, here.clock_ps - end.clock_ps)
        self.folds.append(Fold(
            begin.clock_ps, end.clock_ps, here.clock_ps, 1, range(begin.folds, end.folds),
            _twins(begin.causes, here.causes), entries,
        ))  # fmt: skip
        self._skipped(stretch.bodies)

    # --- what drifts ------------------------------------------------------------------------------------------

    def _drift(self, here: Boundary) -> None:
        """Skip the periods that an even drift allows, if one is found here."""
        drift = self.drifts.look(here, self.barren, self._under_way(here.next_body))
        if drift is None:
            return
        engine, memory, times = self.engine, self.engine.memory, drift.how.times
        begin, between = drift.begin, drift.between
        growth, grew = here.sums - between.sums, between.sums - begin.sums
        self._add(series(growth, growth - grew, times))
        engine.rows.drift(begin.rows, between.rows, drift.how)
        alive = np.nonzero(memory.slots["alive"])[0]
        entries = self._new_causes(open_rows(memory, rows_in_use(memory, alive)), 0)
        moved = {number: drift.cause_moves[place] for place, number in self._causes(memory).items()
                 if place in drift.cause_moves}  # fmt: skip
        for number, by_ps in moved.items():
            memory.causes["released_ps"][number] += times * by_ps
        move_moments(memory.package, times * drift.moves)
        agenda = memory.agenda[: memory.clock[0]["agenda"]]
        agenda[...] = agenda[np.argsort(agenda["time"])]  # of what is to happen now, another may come first
        period = here.next_body - between.next_body
        engine.shift(times * period, times * drift.lasts_ps)
        self.folds.append(Fold(
            between.clock_ps, here.clock_ps, here.clock_ps, times, range(0), _twins(between.causes, here.causes),
            entries, drift.chain_moves,
        ))  # fmt: skip
        self.drifted_bodies += times * period
        self._skipped(times * period)

    def _new_causes(self, rows: Numbers, by_ps: int) -> dict[int, int]:
        """The causes of all tasks in flight, in *rows*, under new numbers, so much later; new -> old ones."""
        memory, state = self.engine.memory, self.engine.state
        numbers = {int(number) for name in ("cause", "earlier") for number in memory.rows[name][rows]}
        old = sorted((numbers | {int(state["gate_cause"])}) - {-1})
        first = memory.room_for_causes(len(old))
        state = self.engine.state
        memory.causes[first : first + len(old)] = memory.causes[old]
        memory.causes["released_ps"][first : first + len(old)] += by_ps
        state["causes"] = first + len(old)
        new = {number: first + place for place, number in enumerate(old)} | {-1: -1}
        for name in ("cause", "earlier"):
            memory.rows[name][rows] = [new[number] for number in memory.rows[name][rows].tolist()]
        state["gate_cause"] = new[int(state["gate_cause"])]
        return {number: before for before, number in new.items()}

    def _here(self) -> Boundary:
        engine, memory, upcoming = self.engine, self.engine.memory, int(self.engine.state["next_body"])
        self.boundaries += 1
        return Boundary(
            self.boundaries, self._rank(upcoming), engine.now, engine.now + engine.offset_ps, upcoming, self._sums(),
            self._levels(), int(engine.state["refusals"]), engine.rows.mark(), len(self.folds), self._causes(memory),
        )  # fmt: skip

    def _rank(self, upcoming: int) -> int:
        """What begins with the next body to issue."""
        bodies = self.engine.trace.bodies
        if upcoming >= len(bodies):
            return BODY
        before, after = bodies[max(0, upcoming - 1)], bodies[upcoming]
        if before.layer != after.layer:
            return LAYER
        return BODY if before.micro_batch == after.micro_batch else MICRO_BATCH

    def _causes(self, memory: Any) -> dict[tuple[int, int, int], int]:
        state, base, per_body = self.engine.state, int(self.engine.state["next_body"]), memory.per_body
        found = {(0, -1, 0): int(state["gate_cause"])}
        for slot in np.nonzero(memory.slots["alive"])[0].tolist():
            index = int(memory.slots["index"][slot]) - base
            rows = memory.rows[slot * per_body : (slot + 1) * per_body]
            count = int(memory.kinds["count"][memory.slots["kind"][slot]])
            for number in np.nonzero(rows["left"][:count])[0].tolist():
                found[index, number, 0] = int(rows["cause"][number])
                found[index, number, 1] = int(rows["earlier"][number])
        return found

    # --- space ------------------------------------------------------------------------------------------------

    def _levels(self) -> Numbers:
        """Levels of every tile: of each class of buffer, of both pools, and of all together."""
        memory = self.engine.memory
        tiles = memory.tiles
        return np.column_stack((memory.levels, *(tiles[name] for name in POOLS)))

    def _room(self, before: Boundary, here: Boundary, how: Repetition) -> Repetition:
        """No more periods than fit into SRAM, where each leaves more behind than the one before."""
        if not how.times:
            return how
        growth = here.levels - before.levels
        if not growth.any():
            return how
        if here.refusals > before.refusals:
            return how._replace(times=0)
        most, crest = how.times, self.remembered.crests.since(before.number)
        for pool, room in enumerate(self.engine.tables.rooms.tolist()):
            place = growth.shape[1] - len(POOLS) + pool
            growing = growth[:, place] > 0
            if room >= 0 and growing.any():
                fits = (room - crest[growing, place]) // growth[growing, place]
                most = min(most, max(0, int(fits.min())))
        return how._replace(times=most)

    def _grow(self, before: Boundary, here: Boundary, times: int, crest: Numbers) -> None:
        growth = here.levels - before.levels
        if not growth.any():
            return
        self._lift(times * growth, crest + times * np.maximum(growth, 0))

    def _lift(self, rise: Numbers, crest: Numbers | None) -> None:
        """SRAM is so much fuller, and was once as full as *crest*."""
        memory, kinds = self.engine.memory, self.engine.memory.levels.shape[1]
        memory.levels[...] += rise[:, :kinds]
        for place, name in enumerate(POOLS):
            memory.tiles[name] += rise[:, kinds + place]
        if crest is not None:
            memory.peaks[...] = np.maximum(memory.peaks, crest[:, :kinds])
            memory.tiles["total_peak"] = np.maximum(memory.tiles["total_peak"], crest[:, -1])
            self.remembered.crests.reach(crest)

    def _fits(self, crest: Numbers) -> bool:
        """Whether both pools have room for such levels."""
        first = crest.shape[1] - len(POOLS)
        rooms = enumerate(self.engine.tables.rooms.tolist())
        return all(room < 0 or int(crest[:, first + pool].max()) <= room for pool, room in rooms)

    # --- what is skipped --------------------------------------------------------------------------------------

    def _skip(self, before: Boundary, here: Boundary, how: Repetition, crest: Numbers) -> None:
        engine, times = self.engine, how.times
        period, lasts = here.next_body - before.next_body, here.now_ps - before.now_ps
        self._add(times * (here.sums - before.sums))
        self._grow(before, here, times, crest)
        engine.rows.repeat(before.rows, how, lasts)
        tiles = engine.memory.tiles
        # Nothing begins or ends there in the period, nor will in the others.
        quiet = tiles["since"] + engine.offset_ps <= before.now_ps
        tiles["since"][quiet] -= times * lasts
        engine.shift(times * period, times * lasts)
        within, twins = range(before.folds, here.folds), _twins(before.causes, here.causes)
        self.folds.append(Fold(before.clock_ps, here.clock_ps, here.clock_ps, times, within, twins))
        self._skipped(times * period)

    def _skipped(self, bodies: int) -> None:
        """So many bodies were skipped, in periods or in a stretch."""
        self.skipped_bodies += bodies
        self.barren = 0
        self.drifts.stop()

    def _parts(self) -> list[Any]:
        """Everything that only adds up, as arrays."""
        memory, clock, run = self.engine.memory, self.engine.memory.clock, self.engine.memory.run
        lanes, tiles = memory.lanes, memory.tiles
        return [
            clock["happenings"], run["tasks"], run["claimed"], run["disturbances"],
            *(lanes[name] for name in ("busy_ps", "bytes_carried", "wait_ps", "segments")),
            *(tiles[name] for name in ("busy_ps", "wait_ps", "admission_ps")),
            memory.spent, memory.hidden,
        ]  # fmt: skip

    def _sums(self) -> Numbers:
        return np.concatenate([part.ravel() for part in self._parts()])

    def _add(self, growth: Numbers) -> None:
        place = 0
        for part in self._parts():
            part[...] += growth[place : place + part.size].reshape(part.shape)
            place += part.size


def _twins(before: Mapping[Place, int], here: Mapping[Place, int]) -> dict[int, int]:
    """The causes of one boundary that have the places of those of another."""
    return {cause: here[place] for place, cause in before.items() if cause >= 0 and place in here}
