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

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hecasim.sim.fast.chain import Fold
from hecasim.sim.fast.fingerprint import fingerprint
from hecasim.sim.fast.lists import Numbers
from hecasim.trace.play import Repetition

if TYPE_CHECKING:
    from hecasim.sim.fast.engine import Engine

REMEMBERED_BYTES = 96 * 2**20
"""Older boundaries are forgotten, so that a run that never recurs does not grow."""
REMEMBERED_ALIKE = 6
"""Boundaries of one state that are kept, the latest."""
State = tuple[int, int]


class Boundary(NamedTuple):
    """What must be known of an earlier boundary when its state recurs."""

    clock_ps: int
    """On the engine's clock, which skips what is folded."""
    now_ps: int
    next_body: int
    sums: Numbers
    levels: Numbers
    refusals: int
    rows: int
    number: int
    """How many boundaries were before it: crests are kept by boundary."""
    causes: dict[tuple[int, int, int], int]
    """(body from the next one, task, which) -> cause, of all tasks in flight; what let the last body be issued."""

    @property
    def bytes(self) -> int:
        """Memory that it takes."""
        return self.sums.nbytes + 2 * self.levels.nbytes


class Folder:
    """Looks for recurrences and skips the periods they allow."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.seen: dict[State, list[Boundary]] = {}
        self.remembered: deque[State] = deque()
        self.remembered_bytes = 0
        self.crests: deque[Numbers] = deque()
        """Crests of SRAM levels between boundaries, from the `dropped`-th on."""
        self.dropped = 0
        self.boundaries = 0
        self.skipped_bodies = 0
        self.folds: list[Fold] = []
        self._state = np.zeros(2, np.int64)

    def boundary(self) -> None:
        """The work of a body has ended on every tile and its picosecond is over."""
        engine = self.engine
        upcoming, bodies = int(engine.state["next_body"]), engine.trace.bodies
        if upcoming >= len(bodies):
            return
        fingerprint(engine.memory.package, self._state)
        state = (int(self._state[0]), int(self._state[1]))
        self._keep_crests()
        here, found = self._here(), self.seen.get(state, ())
        under_way = upcoming - self._oldest(upcoming)
        ways = [(before, self._room(before, here, bodies.repeats(before.next_body, upcoming, under_way)))
                for before in found if before.next_body < upcoming]  # fmt: skip
        before, how = max(ways, key=lambda way: way[1].times * (upcoming - way[0].next_body), default=(here, None))
        self._remember(state, here)
        if how is not None and how.times:
            self._skip(before, here, how)
            self._remember(state, self._here())

    def _oldest(self, upcoming: int) -> int:
        slots = self.engine.memory.slots[1:]
        alive = slots["index"][slots["alive"] != 0]
        return int(alive.min()) if len(alive) else upcoming

    def _here(self) -> Boundary:
        engine, memory = self.engine, self.engine.memory
        return Boundary(
            engine.now, engine.now + engine.offset_ps, int(engine.state["next_body"]), self._sums(), self._levels(),
            int(engine.state["refusals"]), engine.rows.mark(), self.boundaries, self._causes(memory),
        )  # fmt: skip

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

    def _remember(self, state: State, here: Boundary) -> None:
        alike = self.seen.setdefault(state, [])
        alike.append(here)
        self.remembered.append(state)
        self.remembered_bytes += here.bytes
        if len(alike) > REMEMBERED_ALIKE:
            self.remembered_bytes -= alike[0].bytes
            del alike[0]
            self.remembered.remove(state)
        while self.remembered_bytes > REMEMBERED_BYTES and len(self.remembered) > 1:
            oldest = self.remembered.popleft()
            self.remembered_bytes -= self.seen[oldest][0].bytes
            del self.seen[oldest][0]
            if not self.seen[oldest]:
                del self.seen[oldest]
        first = min(known[0].number for known in self.seen.values())
        while self.dropped < first:
            self.crests.popleft()
            self.dropped += 1

    # --- space ------------------------------------------------------------------------------------------------

    def _levels(self) -> Numbers:
        """Levels of every tile: of each class of buffer, of both pools, and of all together."""
        memory = self.engine.memory
        tiles = memory.tiles
        return np.column_stack((memory.levels, tiles["weights"], tiles["activations"], tiles["total"]))

    def _keep_crests(self) -> None:
        """The highest levels since the boundary before; from here on they are looked for anew."""
        memory = self.engine.memory
        self.crests.append(memory.crests.copy())
        self.boundaries += 1
        memory.crests[...] = self._levels()

    def _crest(self, before: Boundary) -> Numbers:
        """The highest levels since an earlier boundary."""
        since = before.number - self.dropped
        highest: Numbers = np.maximum.reduce([self.crests[place] for place in range(since, len(self.crests))])
        return highest

    def _room(self, before: Boundary, here: Boundary, how: Repetition) -> Repetition:
        """No more periods than fit into SRAM, where each leaves more behind than the one before."""
        if not how.times:
            return how
        growth = here.levels - before.levels
        if not growth.any():
            return how
        if here.refusals > before.refusals:
            return how._replace(times=0)
        most, crest = how.times, self._crest(before)
        for pool, room in enumerate(self.engine.tables.rooms.tolist()):
            place = growth.shape[1] - 3 + pool
            growing = growth[:, place] > 0
            if room >= 0 and growing.any():
                fits = (room - crest[growing, place]) // growth[growing, place]
                most = min(most, max(0, int(fits.min())))
        return how._replace(times=most)

    def _grow(self, before: Boundary, here: Boundary, times: int) -> None:
        growth = here.levels - before.levels
        if not growth.any():
            return
        memory, kinds = self.engine.memory, self.engine.memory.levels.shape[1]
        crest = self._crest(before) + times * np.maximum(growth, 0)
        memory.levels[...] += times * growth[:, :kinds]
        memory.peaks[...] = np.maximum(memory.peaks, crest[:, :kinds])
        for place, name in enumerate(("weights", "activations", "total")):
            memory.tiles[name] += times * growth[:, kinds + place]
        memory.tiles["total_peak"] = np.maximum(memory.tiles["total_peak"], crest[:, -1])
        memory.crests[...] = self._levels()

    # --- what is skipped --------------------------------------------------------------------------------------

    def _skip(self, before: Boundary, here: Boundary, how: Repetition) -> None:
        engine, times = self.engine, how.times
        period, lasts = here.next_body - before.next_body, here.now_ps - before.now_ps
        self._add(times * (here.sums - before.sums))
        self._grow(before, here, times)
        engine.rows.repeat(before.rows, how, lasts)
        tiles = engine.memory.tiles
        quiet = tiles["since"] <= before.clock_ps  # nothing begins or ends there in the period, nor will in the others
        tiles["since"][quiet] -= times * lasts
        engine.shift(times * period, times * lasts)
        twins = {cause: here.causes[key] for key, cause in before.causes.items() if cause >= 0 and key in here.causes}
        self.folds.append(Fold(before.clock_ps, here.clock_ps, times, twins))
        self.skipped_bodies += times * period

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
