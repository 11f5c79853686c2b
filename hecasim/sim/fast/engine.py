"""The run of a trace on tables: Python issues bodies, folds and keeps the Log; everything between is compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hecasim.mapping.sram import Rooms
from hecasim.sim.fast import tables
from hecasim.sim.fast.chain import Causes, chain
from hecasim.sim.fast.folding import Folder
from hecasim.sim.fast.issuing import issue
from hecasim.sim.fast.jit import is_compiled
from hecasim.sim.fast.loop import run
from hecasim.sim.fast.memory import Memory
from hecasim.sim.fast.stalls import stall_of
from hecasim.sim.fast.writing import BUFFERS, Tables
from hecasim.specs import PackageSpec
from hecasim.trace.log import LaneCount, Log, TileTime, kind_label
from hecasim.trace.rows import Rows
from hecasim.trace.task import Trace

Progress = Callable[[float, str], None]


class Engine:
    """One replay."""

    def __init__(
        self, trace: Trace, package: PackageSpec, log: Log, progress: Progress | None, rooms: Rooms, *,
        contention: bool, fold: bool,
    ) -> None:  # fmt: skip
        self.trace, self.log, self.progress = trace, log, progress
        if progress and not is_compiled():
            progress(0, "the fast engine is compiled, once: half a minute")
        self.tables = Tables(trace, package, rooms, contention=contention)
        self.memory = Memory(self.tables, log, contention=contention)
        self.rows = Rows(log)
        self.offset_ps = 0
        """What folding has skipped: simulated time is the clock's plus this."""
        self.places: dict[int, Any] = {}
        """Slot -> the body in it, as the trace names it."""
        self.folder = Folder(self) if fold else None

    @property
    def state(self) -> Any:
        """The record of what is one per run."""
        return self.memory.run[0]

    @property
    def now(self) -> int:
        """The engine's clock, which stands while folding skips."""
        return int(self.memory.clock[0]["now"])

    def play(self, when_ready: Callable[[], None]) -> None:
        """From the first body to the end of the last; raises Stalled where something never ends.

        *when_ready* is called as soon as the compiled code has been read in.
        """
        self._issue()
        why = run(self.memory.package, self.memory.rehearsal)
        when_ready()
        while self._goes_on(why):
            why = run(self.memory.package, self.memory.rehearsal)
        if self.state["next_body"] < len(self.trace.bodies) or self.memory.slots["alive"].any():
            raise stall_of(self)
        self._finish()

    def _goes_on(self, why: int) -> bool:
        """Do what the loop returned for; whether something is left to happen."""
        self._take_notes()
        if self.state["short"]:
            raise MemoryError("the fast engine has no room for another segment: a defect of hecasim")
        if why == tables.ISSUE:
            self._issue()
        elif why == tables.BOUNDARY:
            self._boundary()
        elif why == tables.DRAIN:
            self.memory.grow_causes()
        return bool(why != tables.FINISHED)

    def _issue(self) -> None:
        """Issue bodies as far ahead as the look-ahead allows."""
        bodies, state, memory = self.trace.bodies, self.state, self.memory
        while state["next_body"] < len(bodies) and state["next_body"] - self.trace.look_ahead < state["led"]:
            index = int(state["next_body"])
            place = bodies[index]
            slot = memory.free_slot()
            state = self.state
            self.places[slot] = place
            issue(memory.package, slot, index, place.kind, int(place.micro_batch == 0))

    def _boundary(self) -> None:
        """The work of a body has ended everywhere and its picosecond is over."""
        if self.progress:
            body = max(0, int(self.state["led"]) - 1)
            place = self.trace.bodies[body]
            self.progress((body + 1) / len(self.trace.bodies), self.trace.kinds[place.kind].name)
        if self.folder:
            self.folder.boundary()

    def shift(self, bodies: int, by_ps: int) -> None:
        """Relabel the bodies in flight: what is under way is *bodies* further on and *by_ps* later."""
        self.offset_ps += by_ps
        memory, state = self.memory, self.state
        led = memory.led
        ahead = [at for at in range(len(led)) if led[(int(state["led"]) + at) % len(led)]]
        led[:] = 0
        state["next_body"] += bodies
        state["led"] += bodies
        for at in ahead:
            led[(int(state["led"]) + at) % len(led)] = 1
        memory.slots["index"][memory.slots["alive"] != 0] += bodies
        self.name_bodies()

    def name_bodies(self) -> None:
        """Look up what the trace calls the bodies in flight."""
        slots = self.memory.slots
        for slot in np.nonzero(slots["alive"])[0].tolist():
            place = self.places[slot] = self.trace.bodies[int(slots["index"][slot])]
            slots["first_micro"][slot] = place.micro_batch == 0

    def _take_notes(self) -> None:
        """Rows of layers and spans of the timeline, which the tables keep until Python comes."""
        state, offset = self.state, self.offset_ps
        for slot, number, first, end in self.memory.notes[: state["notes"]].tolist():
            task, place = self.tables.task_list[number], self.places[slot]
            self.rows.note(
                place.layer, task, first + offset, end + offset, self.tables.longest_ps[number],
                self.tables.flops[number], self.tables.sent_bytes(number),
            )  # fmt: skip
        state["notes"] = 0
        for slot, number, tile, start, end in self.memory.spans[: state["spans"]].tolist():
            place = self.places[slot]
            self.log.span(
                tile, self.tables.task_list[number], place.layer, place.micro_batch, start + offset, end + offset
            )
        state["spans"] = 0

    # --- the end ----------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        """Fill the Log."""
        log, memory, state = self.log, self.memory, self.state
        for tile, time in enumerate(log.tiles):
            _fill(time, memory, tile)
        log.tasks, log.end_ps = int(state["tasks"]), int(state["end_ps"])
        log.close(self.offset_ps)
        self.rows.mark()
        log.happenings = int(memory.clock[0]["happenings"])
        log.claimed, log.disturbances = int(state["claimed"]), int(state["disturbances"])
        lanes = memory.lanes
        specs = self.tables.wiring.lanes
        for spec, lane in zip(specs, lanes[: len(specs)], strict=True):
            log.lanes.append(LaneCount(
                spec.name, spec.kind, int(lane["bytes_carried"]), int(lane["busy_ps"]), int(lane["wait_ps"]),
                int(lane["segments"]),
            ))  # fmt: skip
        log.core_wait_ps = int(memory.tiles["wait_ps"].sum())
        log.sram_wait_ps = int(memory.tiles["admission_ps"].sum())
        tiles = memory.tiles
        log.sram_peak_bytes = int(np.maximum(tiles["total_peak"], tiles["total"]).max())
        peaks = np.maximum(memory.peaks, memory.levels).max(axis=0)
        log.sram_peaks = {kind: int(peak) for kind, peak in zip(BUFFERS, peaks, strict=True) if peak}
        folds = self.folder.folds if self.folder else []
        log.folded_bodies = self.folder.skipped_bodies if self.folder else 0
        causes = Causes(memory.causes, self._labels())
        log.chain = chain(causes, int(state["last_cause"]), int(state["end_ps"]), folds)

    def _labels(self) -> list[tuple[str, str]]:
        """(name, resource) of every task, as the longest chain lists them."""
        names = []
        for kind in self.trace.kinds:
            names += [(kind_label(kind, task), RESOURCES[task.kind]) for task in kind.tasks]
        return names


RESOURCES = {"compute": "compute", "collective": "nop", "dram_read": "dram", "dram_write": "dram"}


def _fill(time: TileTime, memory: Memory, tile: int) -> None:
    record: NDArray[Any] = memory.tiles[tile]
    time.active = [int(record["computing"]), int(record["exchanging"]), int(record["moving"])]
    time.phase, time.last, time.since = int(record["phase"]), int(record["last"]), int(record["since"])
    time.spent = memory.spent[tile].tolist()
    time.hidden = memory.hidden[tile].tolist()
