"""The Log: what happened, added up as it happens; nothing in it grows with the number of bodies but the layer rows.

Each picosecond of each tile goes to one phase and one class, in this order of claim: compute, exposed NoP
(a collective that all its members have joined is under way and the core is idle), exposed DRAM (so is a load or
store), bubble (waiting for other tiles with work still to come), idle (nothing left to do).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from hecasim.trace.task import COLLECTIVE, COMPUTE, BodyKind, Task, Trace

PHASES = ("forward", "recompute", "backward", "update")
COMPUTE_CLASS, NOP_CLASS, DRAM_CLASS, BUBBLE_CLASS, IDLE_CLASS = range(5)
CLASSES = ("compute", "exposed_nop", "exposed_dram", "bubble", "idle")
SPAN_LIMIT = 100_000
"""Spans kept for the timeline; later ones are counted but not kept (the rule is written into the file)."""
SPAN_TILES = 8


class Span(NamedTuple):
    """One task on one tile, for the timeline."""

    tile: int
    resource: str
    label: str
    phase: str
    layer: int
    micro_batch: int
    start_ps: int
    end_ps: int


@dataclass
class LayerRow:
    """The first micro-batch through one block: one row of layers.csv."""

    start_ps: int = -1
    end_ps: int = 0
    compute_ps: int = 0
    nop_ps: int = 0
    dram_ps: int = 0
    flops: int = 0
    nop_bytes: int = 0


class TileTime:
    """One tile's time, shared out as it passes."""

    __slots__ = ("active", "hidden", "last", "opened", "phase", "since", "spent")

    def __init__(self) -> None:
        self.active = [0, 0, 0]
        """Tasks under way: on the core, in collectives, in DRAM traffic."""
        self.phase = 0
        self.opened = -1
        """When the phase opened: of several that open in one picosecond it is the latest."""
        self.last = 0
        """Up to here time has been shared out."""
        self.since = 0
        """When a task last began or ended here; folding shares time out between, and moves this back as it skips."""
        self.spent = [[0] * len(CLASSES) for _ in PHASES]
        self.hidden = [[0, 0, 0] for _ in PHASES]
        """Time with any collective, DRAM traffic or compute under way, hidden or not."""

    def pass_to(self, now: int) -> None:
        """Share out the time since the last change."""
        elapsed = now - self.last
        if not elapsed:
            return
        self.last = now
        computing, exchanging, moving = self.active
        if computing:
            owner = COMPUTE_CLASS
        elif exchanging:
            owner = NOP_CLASS
        elif moving:
            owner = DRAM_CLASS
        else:
            owner = BUBBLE_CLASS
        self.spent[self.phase][owner] += elapsed
        hidden = self.hidden[self.phase]
        if computing:
            hidden[0] += elapsed
        if exchanging:
            hidden[1] += elapsed
        if moving:
            hidden[2] += elapsed

    def open(self, phase: int, now: int) -> None:
        """On-package work of *phase* begins here, though it may wait for other tiles first."""
        self.pass_to(now)
        self.since = now
        if now > self.opened or phase > self.phase:
            self.phase, self.opened = phase, now

    def begin(self, kind: int, phase: int, now: int) -> None:
        """A task of class *kind* starts."""
        if kind == DRAM_CLASS:  # prefetches do not open a phase
            self.pass_to(now)
            self.since = now
        else:
            self.open(phase, now)
        self.active[kind] += 1

    def end(self, kind: int, now: int) -> None:
        """A task of class *kind* ends."""
        self.pass_to(now)
        self.since = now
        self.active[kind] -= 1


def class_of(task: Task) -> int:
    """The class of time that a task claims."""
    return COMPUTE_CLASS if task.kind == COMPUTE else NOP_CLASS if task.kind == COLLECTIVE else DRAM_CLASS


class LaneCount(NamedTuple):
    """What one link, SRAM port or DRAM channel did."""

    name: str
    kind: str
    bytes_carried: int
    busy_ps: int
    wait_ps: int
    segments: int


@dataclass
class Log:
    """Everything a Result is computed from."""

    trace: Trace
    tiles: list[TileTime]
    step_ps: int = 0
    end_ps: int = 0
    """End of the last task on the engine's clock: the step less what folding skipped."""
    folded_bodies: int = 0
    claimed: int = 0
    """Collectives that the fast engine did not play from their start."""
    disturbances: int = 0
    """Those of them that it played from a disturbance on."""
    layers: dict[tuple[int, str, str], LayerRow] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)
    spans_dropped: int = 0
    chain: dict[tuple[str, str], int] = field(default_factory=dict)
    """Picoseconds of each task, by label and resource, on the chain that led to the end of the step."""
    happenings: int = 0
    tasks: int = 0
    keep_spans: bool = False
    shown_tiles: frozenset[int] = frozenset()
    lanes: list[LaneCount] = field(default_factory=list)
    core_wait_ps: int = 0
    sram_wait_ps: int = 0
    sram_peak_bytes: int = 0
    sram_peaks: dict[str, int] = field(default_factory=dict)
    """Largest occupancy of any tile, by class of buffer."""

    @classmethod
    def empty(cls, trace: Trace, keep_spans: bool) -> Log:
        tiles = trace.tiles
        shown = {place * tiles // min(tiles, SPAN_TILES) for place in range(min(tiles, SPAN_TILES))}
        return cls(trace, [TileTime() for _ in range(tiles)], keep_spans=keep_spans, shown_tiles=frozenset(shown))

    def span(self, tile: int, task: Task, layer: int, micro_batch: int, start_ps: int, end_ps: int) -> None:
        """Keep one span of a shown tile, within the limit."""
        if not self.keep_spans or tile not in self.shown_tiles:
            return
        if len(self.spans) >= SPAN_LIMIT:
            self.spans_dropped += 1
            return
        resource = CLASSES[class_of(task)].removeprefix("exposed_")
        self.spans.append(Span(tile, resource, task.label, task.phase, layer, micro_batch, start_ps, end_ps))

    def close(self, skipped_ps: int) -> None:
        """The step is over: what a tile did not use at its end was idle."""
        self.step_ps = self.end_ps + skipped_ps
        for tile in self.tiles:
            quiet = self.end_ps - tile.since
            if quiet:
                assert not any(tile.active), "a task is still under way at the end of the step"
                spent = tile.spent[tile.phase]
                spent[BUBBLE_CLASS] -= tile.last - tile.since
                spent[IDLE_CLASS] += quiet
                tile.last = self.end_ps


def kind_label(kind: BodyKind, task: Task) -> str:  # noqa: ARG001 - a body of backward holds a second forward
    """How a task is named where its body is not: by pass and block."""
    return f"{task.phase} {task.block}: {task.label}"
