"""A snapshot: all of a live package on which the future depends, and how it is put back at another time and body.

What only adds up is left out, and so are levels' peaks, causes and what rehearsals have found: those go on from where
they are. A snapshot keeps what is in use: slots that are alive, tasks that have not ended, records once taken.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hecasim.sim.fast.agenda import BEYOND, NEVER
from hecasim.sim.fast.jit import entry
from hecasim.sim.fast.memory import AGENDA, Memory

Table = NDArray[Any]

TAKEN = ("jobs", "entrants", "outsiders", "parkings")
"""Tables of records that are taken and given back; the run tells how many of them have ever been taken."""
BY_ROW = ("waits", "done", "started", "stage", "owed", "parked", "ready")
ON_LANE = ("owner", "waiting", "free_at", "alarmed", "pointer", "started_at", "owned_until", "place")
"""Fields of a lane that are put back."""
IDLE = {"owner": -1, "waiting": 0, "free_at": 0, "alarmed": 0, "pointer": 0}
"""Those of a lane that nobody uses."""
ADDED_UP = ("busy_ps", "wait_ps", "admission_ps", "total_peak")
"""Fields of a tile that are not put back."""
LIVE = ("notes", "spans", "causes", "tasks", "claimed", "disturbances", "refusals", "end_ps", "last_cause")
"""Fields of the run that are not put back."""
TIMES = {
    "segments": ("asked_ps",), "jobs": ("asked_ps",), "entrants": ("ready_ps",),
    "lanes": ("free_at", "owned_until", "started_at"), "tiles": ("free_at", "changed_at", "opened", "last"),
    "rows": ("lowered_ps",), "flights": ("started_at",), "slots": ("led_ps",),
}  # fmt: skip
"""Fields that are picoseconds on the clock and, where they do not matter any more, lie in the past."""


class Snapshot:
    """The state of a package at the end of a picosecond."""

    def __init__(self, memory: Memory) -> None:
        clock, run = memory.clock[0], memory.run[0]
        self.clock, self.run = clock.copy(), run.copy()
        self.now = int(clock["now"])
        self.slots = np.nonzero(memory.slots["alive"])[0]
        arrays = memory.arrays
        self.tables: dict[str, Table] = {name: arrays[name][: run[name]].copy() for name in TAKEN}
        self.tables |= {name: arrays[name][: clock[name] + BEYOND].copy() for name in AGENDA}
        for name in ("tiles", "levels", "led"):
            self.tables[name] = arrays[name].copy()
        self.under_way = _segments_under_way(memory)
        self.tables["segments"] = memory.segments[self.under_way]
        self.in_use_lanes = _lanes_in_use(memory, self.now)
        self.tables["lanes"] = memory.lanes[list(ON_LANE)][self.in_use_lanes]
        self.waited_for = np.nonzero(memory.lanes["waiting"])[0]
        self.tables["queues"] = memory.queues[self.waited_for]
        self.tables["slots"], self.tables["counters"] = memory.slots[self.slots], memory.counters[self.slots]
        self.in_use = rows_in_use(memory, self.slots)
        self.open = open_rows(memory, self.in_use)
        self.tables["rows"] = memory.rows[self.in_use]
        self.tables["flights"] = memory.flights[_flights(memory, self.open)]
        self.tables |= {name: arrays[name][self.open] for name in BY_ROW}

    @property
    def bytes(self) -> int:
        """Memory that it takes."""
        return sum(table.nbytes for table in self.tables.values())

    def put_back(self, memory: Memory, now: int, bodies: int) -> None:
        """Make this the state at picosecond *now* of the clock, with every body so many further on."""
        by_ps = now - self.now
        shifted = {name: self._shifted(name, by_ps) for name in self.tables}
        for name in (*TAKEN, *AGENDA, "levels"):
            memory.arrays[name][: len(shifted[name])] = shifted[name]
        for name in memory.tiles.dtype.names or ():
            if name not in ADDED_UP:
                memory.tiles[name] = shifted["tiles"][name]
        for name, value in IDLE.items():
            memory.lanes[name] = value
        for name in ON_LANE:
            memory.lanes[name][self.in_use_lanes] = shifted["lanes"][name]
        memory.queues[...] = -1
        memory.queues[self.waited_for] = shifted["queues"]
        self._put_run(memory, shifted["segments"], now, by_ps, bodies)
        self._put_bodies(memory, shifted, bodies)

    def _shifted(self, name: str, by_ps: int) -> Table:
        table = self.tables[name]
        if name == "started":
            return np.where(table >= 0, table + by_ps, table)
        if name in TIMES:
            table = table.copy()
            for field in TIMES[name]:
                table[field] += by_ps
        if name == "rows":
            began = table["first_ps"] >= 0
            table["first_ps"][began] += by_ps
        if name in ("agenda", "instants"):
            table = table.copy()
            table["time"][(table["time"] >= 0) & (table["time"] < NEVER)] += by_ps
        return table

    def _put_run(self, memory: Memory, segments: Table, now: int, by_ps: int, bodies: int) -> None:
        clock, run = memory.clock[0], memory.run[0]
        happenings, kept = int(clock["happenings"]), {name: int(run[name]) for name in LIVE}
        memory.clock[0], memory.run[0] = self.clock, self.run
        clock["now"], clock["happenings"] = now, happenings
        for name, value in kept.items():
            run[name] = value
        for name in ("next_body", "led", "gate_body"):
            run[name] += bodies
        run["gate_ps"] += by_ps
        memory.segments[self.under_way] = segments
        run["free_segment"] = _link(memory.segments["following"], self.under_way, int(run["segments"]))
        memory.recent[:] = -1
        memory.led[...] = np.roll(self.tables["led"], bodies)

    def _put_bodies(self, memory: Memory, shifted: dict[str, Table], bodies: int) -> None:
        memory.slots["alive"] = 0
        memory.slots[self.slots] = shifted["slots"]
        memory.slots["index"][self.slots] += bodies
        memory.counters[self.slots] = shifted["counters"]
        memory.rows[self.in_use] = shifted["rows"]
        memory.flights[_flights(memory, self.open)] = shifted["flights"]
        for name in BY_ROW:
            memory.arrays[name][self.open] = shifted[name]


def rows_in_use(memory: Memory, slots: Table) -> Table:
    """The rows of all tasks of the bodies in *slots*."""
    counts = memory.kinds["count"][memory.slots["kind"][slots]].tolist()
    rows = [slot * memory.per_body + number for slot, count in zip(slots.tolist(), counts, strict=True)
            for number in range(count)]  # fmt: skip
    return np.array(rows, dtype=np.int64)


def open_rows(memory: Memory, rows: Table) -> Table:
    """Those of *rows* whose tasks have not ended everywhere."""
    return rows[memory.rows["left"][rows] > 0]


def _flights(memory: Memory, rows: Table) -> Table:
    """The flights of all groups of *rows*."""
    return (rows[:, None] * memory.groups + np.arange(memory.groups)).ravel()


def _lanes_in_use(memory: Memory, now: int) -> Table:
    """Lanes that are busy, claimed or waited for, or at which it matters who was served last."""
    lanes = memory.lanes
    used = (lanes["owner"] >= 0) | (lanes["waiting"] > 0) | (lanes["free_at"] > now) | (lanes["pointer"] != 0)
    return np.nonzero(used | (lanes["alarmed"] != 0))[0]


def _segments_under_way(memory: Memory) -> Table:
    """The records of segments that are not free."""
    under_way = np.ones(int(memory.run[0]["segments"]), dtype=np.uint8)
    mark_free(memory.package, under_way)
    return np.nonzero(under_way)[0]


@entry
def mark_free(w, under_way):
    """Write 0 for every segment in the list of free ones."""
    number = w.run[0].free_segment
    while number >= 0:
        under_way[number] = 0
        number = w.segments[number].following


def _link(following: Table, taken: Table, count: int) -> int:
    """Put all records but those *taken* into one list of free ones; its first."""
    free = np.ones(count, dtype=bool)
    free[taken] = False
    numbers = np.nonzero(free)[0]
    if not len(numbers):
        return -1
    following[numbers[:-1]] = numbers[1:]
    following[numbers[-1]] = -1
    return int(numbers[0])
