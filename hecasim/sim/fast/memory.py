"""The tables that change, as arrays, and the two worlds that share them.

Most are reserved far beyond what is used: what is never touched takes no memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hecasim.sim.fast import tables
from hecasim.sim.fast.agenda import BEYOND
from hecasim.sim.fast.lists import Numbers
from hecasim.sim.fast.tables import OWN
from hecasim.sim.fast.world import World
from hecasim.sim.fast.writing import BUFFERS, Tables
from hecasim.trace.log import Log

SPARE_SLOTS = 6
"""Bodies whose loads and stores outlive their work, at first; more are made when they are needed."""
NOTES, SPANS, CAUSES = 1 << 14, 1 << 16, 1 << 16
GAPS, MOMENTS = (1 << 20, 2), (1 << 17, 3)
"""Of a record: (lane that was asked for, when it falls free), and (picosecond, digest, such lanes so far)."""
CRESTS = 3
"""Levels whose crests are kept beside those of each class of buffer: of both pools, and of all together."""


class Memory:
    """All arrays of a run."""

    def __init__(self, fixed: Tables, log: Log, *, contention: bool) -> None:
        self.fixed = fixed
        trace = fixed.trace
        self.arrays: dict[str, NDArray[Any]] = fixed.arrays()
        self.tile_count = trace.tiles
        self.per_body = max((len(kind.tasks) for kind in trace.kinds), default=1)
        self.groups = fixed.most_groups
        self.slot_count = trace.look_ahead + SPARE_SLOTS
        self.keep_spans = log.keep_spans
        self.arrays["shown"] = np.array([tile in log.shown_tiles for tile in range(trace.tiles)], dtype=np.int64)
        self._make_rows(self.slot_count)
        self._make_tiles()
        self._make_lanes(contention=contention)
        self._make_run(len(log.shown_tiles))
        self._tie()

    def __getattr__(self, name: str) -> NDArray[Any]:
        try:
            return self.__dict__["arrays"][name]  # type: ignore[no-any-return]
        except KeyError:
            raise AttributeError(name) from None

    # --- what is made -----------------------------------------------------------------------------------------

    def _row_shapes(self, slots: int) -> dict[str, tuple[Any, tuple[int, ...]]]:
        """Tables whose size depends on how many bodies may be in flight (and one slot for the stage)."""
        rows, tiles = (slots + 1) * self.per_body, self.tile_count
        whole, small = np.int64, np.int32
        segments = (slots + 1) * (self.fixed.segments_at_once + self.fixed.schedules.edges)
        segments += 4096 + self.fixed.operand_segments
        events = segments + rows * tiles + len(self.fixed.wiring.lanes) + rows * self.groups
        return {
            "slots": (tables.SLOT, (slots + 1,)), "rows": (tables.ROW, (rows,)),
            "flights": (tables.FLIGHT, (rows * self.groups,)),
            "waits": (small, (rows, tiles)), "done": (np.uint8, (rows, tiles)), "started": (whole, (rows, tiles)),
            "stage": (small, (rows, tiles)), "owed": (small, (rows, tiles)), "parked": (whole, (rows, tiles)),
            "ready": (small, (rows, self.fixed.channels + 1)),
            "counters": (small, (slots + 1, max(1, self.fixed.schedules.counters))),
            "segments": (tables.SEGMENT, (segments,)), "parkings": (tables.PARKED, (segments,)),
            "jobs": (tables.JOB, (rows * tiles + segments,)), "entrants": (tables.ENTRANT, (rows * tiles,)),
            "outsiders": (tables.OUTSIDE, (rows * rows,)), "starts": (tables.START, (rows * tiles,)),
            "disturbed": (whole, (rows * self.groups,)),
            "agenda": (tables.HEAPED, (events + int(BEYOND),)), "instants": (tables.INSTANT, (events,)),
            "events": (tables.EVENT, (events,)),
        }  # fmt: skip

    def _make_rows(self, slots: int) -> None:
        for name, (kind, shape) in self._row_shapes(slots).items():
            self.arrays[name] = aligned(shape, kind)
        for name in ("slots", "rows", "flights", "waits", "done", "started", "stage", "owed", "ready", "counters"):
            self.arrays[name][...] = np.zeros((), dtype=self.arrays[name].dtype)
        self.arrays["parked"][...] = -1
        self.of_stage = {name: aligned(self.arrays[name].shape, self.arrays[name].dtype) for name in AGENDA}

    def _make_tiles(self) -> None:
        tiles, kinds = self.tile_count, len(BUFFERS)
        records = np.zeros(tiles, dtype=tables.TILE)
        for name in ("job", "ready", "waiting", "opened"):
            records[name] = -1
        records["port"] = self.fixed.shared_port
        self.arrays |= {
            "tiles": records, "levels": np.zeros((tiles, kinds), np.int64), "peaks": np.zeros((tiles, kinds), np.int64),
            "crests": np.zeros((tiles, kinds + CRESTS), np.int64),
            "spent": np.zeros((tiles, tables.PHASES, tables.CLASSES), np.int64),
            "hidden": np.zeros((tiles, tables.PHASES, tables.ACTIVITIES), np.int64),
            "entering": np.zeros(2 * tiles, np.int64), "cores_asked": np.zeros(tiles + 1, np.int64),
        }  # fmt: skip

    def _make_lanes(self, *, contention: bool) -> None:
        specs, rate_of = self.fixed.wiring.lanes, self.fixed.sizes.rate_of
        lanes = aligned((max(1, len(specs)),), tables.LANE)
        lanes[...] = np.zeros((), tables.LANE)
        for number, spec in enumerate(specs):
            lanes[number]["rate"], lanes[number]["latency_ps"] = rate_of[spec.bytes_per_s], max(1, spec.latency_ps)
        lanes["arrivals"] = lanes["owner"] = -1
        clock = np.zeros(1, dtype=tables.CLOCK)
        clock["free"] = int(not contention)
        clock["free_instant"] = clock["free_event"] = -1
        outcomes = np.zeros(max(1, len(self.fixed.schedules.outcomes)), dtype=tables.OUTCOME)
        for number, (members, _, first) in enumerate(self.fixed.schedules.outcomes):
            outcome = outcomes[number]
            outcome["ends"], outcome["order"], outcome["lanes"] = first, first + members, first + 2 * members
        self.arrays |= {
            "lanes": lanes, "queues": np.full((len(lanes), tables.STREAMS, 2), -1, np.int64), "clock": clock,
            "recent": np.full(1 << tables.RECENT_BITS, -1, np.int64),
            "lanes_asked": np.zeros(len(lanes) + 1, np.int64), "outcomes": outcomes,
            "results": np.zeros(max(1, self.fixed.schedules.results), np.int64),
        }  # fmt: skip

    def _make_run(self, shown_tiles: int) -> None:
        run = np.zeros(1, dtype=tables.RUN)
        for name in ("segment", "job", "entrant", "outsider", "parking"):
            run[f"free_{name}"] = -1
        run["last_cause"] = run["gate_cause"] = -1
        run["gate_body"] = run["gate_number"] = run["ended_body"] = run["ended_number"] = -1
        run["bodies"] = len(self.fixed.trace.bodies)
        run["tiles"], run["per_body"], run["groups"] = self.tile_count, self.per_body, self.groups
        run["keep_spans"], run["shown_tiles"] = int(self.keep_spans), shown_tiles if self.keep_spans else 0
        rows = len(self.arrays["rows"])
        spans = max(SPANS, 2 * rows * shown_tiles) if self.keep_spans else 1
        self.arrays |= {
            "run": run, "causes": np.empty(max(CAUSES, 4 * rows), tables.CAUSE),
            "notes": np.empty(max(NOTES, 4 * rows), tables.NOTE), "spans": np.empty(spans, tables.SPAN),
            "gaps": np.empty(GAPS, np.int64), "moments": np.empty(MOMENTS, np.int64),
            "led": np.zeros(_power_of_two(2 * self.fixed.trace.look_ahead + 2), np.int64),
        }  # fmt: skip

    def _tie(self) -> None:
        """Make the worlds of these arrays: the package and the stage."""
        self.package = World(self.arrays)
        stage = {name: _copy(self.arrays[name]) for name in OWN if name not in AGENDA} | self.of_stage
        for name in (*AGENDA, "lanes_asked", "cores_asked", "now", "happenings"):
            stage["clock"][name] = 0
        stage["clock"]["free_instant"] = stage["clock"]["free_event"] = stage["recent"][:] = -1
        stage["lanes"]["owner"] = -1
        self.rehearsal = World(self.arrays | stage)

    # --- what grows -------------------------------------------------------------------------------------------

    def free_slot(self) -> int:
        """A slot for another body; more are made when none is free."""
        free = np.nonzero(self.arrays["slots"]["alive"][1:] == 0)[0]
        if len(free):
            return int(free[0]) + 1
        before, self.slot_count = self.slot_count, 2 * self.slot_count
        old = {name: self.arrays[name] for name in self._row_shapes(before)}
        self._make_rows(self.slot_count)
        for name, array in old.items():
            if name in AGENDA:
                used = int(self.arrays["clock"][0][name]) + int(BEYOND)
                self.arrays[name][:used] = array[:used]
            elif name in KEPT_UP_TO:
                used = int(self.arrays["run"][0][name])
                self.arrays[name][:used] = array[:used]
            else:
                self.arrays[name][: len(array)] = array
        self._make_room("notes", 4 * len(self.arrays["rows"]))
        self._make_room("causes", int(self.arrays["run"][0]["causes"]) + 4 * len(self.arrays["rows"]))
        if self.keep_spans:
            self._make_room("spans", 2 * len(self.arrays["rows"]) * int(self.arrays["run"][0]["shown_tiles"]))
        self._tie()
        return before + 1

    def grow_causes(self) -> None:
        """Room for more of the longest chain."""
        self.room_for_causes(0)

    def room_for_causes(self, count: int) -> int:
        """Room for so many causes, and as many as a picosecond may bring: the number of the first."""
        used, rows = int(self.arrays["run"][0]["causes"]), len(self.arrays["rows"])
        if used + count + 2 * rows > len(self.arrays["causes"]):
            self._make_room("causes", 2 * len(self.arrays["causes"]) + count)
            self._tie()
        return used

    def _make_room(self, name: str, length: int) -> None:
        old = self.arrays[name]
        if length > len(old):
            self.arrays[name] = np.empty(length, old.dtype)
            self.arrays[name][: len(old)] = old


AGENDA = ("agenda", "instants", "events")
"""Tables of which the clock tells how many records have been used."""
KEPT_UP_TO = ("segments", "parkings", "jobs", "entrants", "outsiders", "starts", "disturbed")
"""Tables of which only so many records have been used as the run tells by their names."""


def aligned(shape: tuple[int, ...], kind: Any) -> NDArray[Any]:
    """An array as `numpy.empty` makes it, which begins at a line."""
    size = int(np.prod(shape)) * np.dtype(kind).itemsize
    room = np.empty(size + tables.LINE_BYTES, np.uint8)
    begins = -room.ctypes.data % tables.LINE_BYTES
    array: NDArray[Any] = room[begins : begins + size].view(kind).reshape(shape)
    return array


def _copy(array: NDArray[Any]) -> NDArray[Any]:
    found = aligned(array.shape, array.dtype)
    found[...] = array
    return found


def _power_of_two(least: int) -> int:
    return 1 << max(6, (least - 1).bit_length())


__all__ = ["Memory", "Numbers"]
