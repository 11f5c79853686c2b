"""Does the plan fit the SRAM: which weights stay on the package, and how many tokens stream at once.

Rules (assumed, stated in the Result): a block whose weights, and in backward whose gradients too, fit the weight
buffer keeps them for all its micro-batches; else they come again for every token tile. The token tile is the
whole micro-batch if its activations fit, else the largest power of two that does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby, zip_longest
from typing import NamedTuple

from hecasim.errors import InfeasiblePlan
from hecasim.mapping.buffers import Buffer, Lives, Turn, first_alike, weight_bytes
from hecasim.parallel.program import Program, Section
from hecasim.specs import SramSpec

BlockPass = tuple[str, str]

POOLS = {"weights": 0, "gradients": 0, "activations": 1, "gathered": 1}
"""Which part of the SRAM a class of buffer lies in: those that `held_bytes` adds up lie with the weights, those that
`activation_peak` adds up with the activations."""
POOL_NAMES = ("weights", "activations")

Rooms = tuple[int | None, int | None]
"""Bytes of each pool (see POOL_NAMES); None is unlimited."""
UNLIMITED_ROOMS: Rooms = (None, None)


def rooms_of(sram: SramSpec, capacity: str = "refuse", activation_peak_bytes: int = 0) -> Rooms:
    """The pools in which a plan plays: the package's own.

    With `capacity: warn` a plan whose activations need more than there is gets what it needs: the Result remarks on it.
    """
    activations = sram.activations_bytes
    if activations is not None and capacity == "warn":
        activations = max(activations, activation_peak_bytes)
    return sram.weights_bytes, activations


def net_bytes(takes: Sequence[Buffer], gives: Sequence[Buffer] = ()) -> tuple[int, int]:
    """Bytes of each pool that buffers take, less what others give back."""
    net = [0, 0]
    for kind, size_bytes in takes:
        net[POOLS[kind]] += size_bytes
    for kind, size_bytes in gives:
        net[POOLS[kind]] -= size_bytes
    return net[0], net[1]


class Tiling(NamedTuple):
    """Tokens that stream at once, in how many parts a micro-batch comes, and the activation SRAM this takes."""

    token_tile: int
    parts: int
    peak_bytes: int


def resident_blocks(programs: Mapping[BlockPass, Program], capacity_bytes: int | None) -> dict[BlockPass, bool]:
    """Whether the weights (and gradients) of each block and pass stay in the weight buffer."""
    return {key: capacity_bytes is None or held_bytes(program) <= capacity_bytes for key, program in programs.items()}


def held_bytes(program: Program) -> int:
    """Weight buffer that a block's weights and weight gradients take on the fullest tile."""
    return weight_bytes(program.weights) + weight_bytes(program.gradients)


def activation_peak(programs: Sequence[Program], parts: int, at_once: int = 1) -> int:
    """Bytes of activation SRAM at the worst moment, with double-buffered loads and stores.

    `at_once` token tiles may be at work together (overlap `chunk`: two); each is taken to need the whole.
    """
    walks = [_Occupancy(program, parts) for program in programs]
    coming = max(walk.first_loads for walk in walks)
    going = max(walk.last_stores for walk in walks)
    return at_once * max(walk.peak for walk in walks) + coming + going


class _TurnBytes(NamedTuple):
    """What one turn does to the activation buffer: loads, stores, highest and last occupancy above its beginning."""

    loads: int
    stores: int
    highest: int
    kept: int


class _Occupancy:
    """Occupancy of the activation buffer over one passage in program order; equal token tiles are worked out once."""

    def __init__(self, program: Program, token_tiles: int) -> None:
        self.lives = Lives(program, token_tiles)
        self._known: dict[Turn, _TurnBytes] = {}
        alike = first_alike(program, token_tiles)
        runs = [
            (self._bytes(Turn(number, part, len(alike) if section.tiled else 1), section), times)
            for number, section in enumerate(program.sections)
            for part, times in (_runs(alike) if section.tiled else [(0, 1)])
        ]
        self.first_loads, self.last_stores = runs[0][0].loads, runs[-1][0].stores
        level = self.peak = self.first_loads
        leaving = 0
        for (unit, times), (after, _) in zip_longest(runs, runs[1:], fillvalue=(_TurnBytes(0, 0, 0, 0), 1)):
            left = times
            while left:
                before, steady = level, leaving == unit.stores
                level += (unit if left > 1 else after).loads
                self.peak = max(self.peak, level + unit.highest)
                level += unit.kept - leaving
                leaving = unit.stores
                # Where nothing changes any more it goes on so, up to the last turn of the run.
                left = 1 if left > 1 and steady and level == before else left - 1

    def _bytes(self, turn: Turn, section: Section) -> _TurnBytes:
        if turn not in self._known:
            loads = total([self.lives.take(value, turn) for value in section.loads])
            stores = total([self.lives.stored(value, turn) for value in section.stores])
            self._known[turn] = _TurnBytes(loads, stores, *self._work(turn, section))
        return self._known[turn]

    def _work(self, turn: Turn, section: Section) -> tuple[int, int]:
        """(highest, last) occupancy of a turn's waves, relative to its beginning."""
        level = highest = 0
        for place, wave in enumerate(section.waves):
            given = 0
            for step in wave:
                takes, gives, in_place = self.lives.step(step, turn)
                level += total(takes) - (total(gives) if in_place else 0)
                given += 0 if in_place else total(gives)
            highest = max(highest, level) if place else level
            level -= given
        return highest, level


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """(number, times) of numbers that stand together."""
    return [(number, len(list(alike))) for number, alike in groupby(numbers)]


def total(buffers: Sequence[Buffer]) -> int:
    """Bytes of some buffers together."""
    return sum(buffer.size_bytes for buffer in buffers)


def choose_token_tile(
    programs: Sequence[Program],
    tokens: int,
    wanted: int | str,
    capacity_bytes: int | None,
    refuse: bool,
    at_once: int = 1,
) -> Tiling:
    """The token tile of a run, or InfeasiblePlan where not even the smallest fits."""

    def tiling(tile: int) -> Tiling:
        parts = -(-tokens // tile)
        return Tiling(tile, parts, activation_peak(programs, parts, at_once))

    best = tiling(min(wanted, tokens)) if isinstance(wanted, int) else _largest_fitting(tiling, tokens, capacity_bytes)
    if capacity_bytes is not None and best.peak_bytes > capacity_bytes and refuse:
        raise InfeasiblePlan(
            resource=f"activation SRAM per tile, with token_tile {best.token_tile}",
            needed=f"{best.peak_bytes} bytes", available=f"{capacity_bytes} bytes",
            levers=["plan.micro_batch (smaller)",
                    *(["plan.token_tile (smaller)"] if best.token_tile > SMALLEST_TILE else []),
                    "plan.sequence (shorter: a whole head's K and V stay)", "package.chiplet.sram.activations",
                    "plan.method (hecaton and optimus hold 1/N of an activation, megatron all of it)",
                    "plan.capacity=warn"],
        )  # fmt: skip
    return best


def _largest_fitting(tiling: Callable[[int], Tiling], tokens: int, capacity_bytes: int | None) -> Tiling:
    best = tiling(tokens)
    tile = 1 << max(0, (tokens - 1).bit_length() - 1)
    while capacity_bytes is not None and best.peak_bytes > capacity_bytes and tile >= SMALLEST_TILE:
        candidate = tiling(tile)
        if candidate.peak_bytes < best.peak_bytes:
            best = candidate
        tile //= 2
    return best


SMALLEST_TILE = 16
"""Below this a token tile is all latency; such a plan is refused (assumed)."""
