"""Does the plan fit the SRAM: which weights stay on the package, and how many tokens stream at once.

Rules (assumed, stated in the Result): a block whose weights, and in backward whose gradients too, fit the weight
buffer keeps them for all its micro-batches; else they come again for every token tile. The token tile is the
whole micro-batch if its activations fit, else the largest power of two that does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from hecasim.errors import InfeasiblePlan
from hecasim.mapping.buffers import Buffer, Lives, Turn, in_place, turns, weight_bytes
from hecasim.parallel.program import Program, Section

BlockPass = tuple[str, str]


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


class _Occupancy:
    """Occupancy of the activation buffer over one body in program order."""

    def __init__(self, program: Program, token_tiles: int) -> None:
        self.lives = Lives(program, token_tiles)
        units = list(turns(program, token_tiles))
        loads = [total([self.lives.take(value, turn) for value in section.loads]) for turn, section in units] + [0]
        self.first_loads = loads[0]
        self.level, self.peak, leaving = loads[0], loads[0], 0
        for (turn, section), next_loads in zip(units, loads[1:], strict=True):
            self.level += next_loads
            self._work(turn, section)
            self.level -= leaving
            leaving = total([self.lives.stored(value, turn) for value in section.stores])
        self.last_stores = leaving

    def _work(self, turn: Turn, section: Section) -> None:
        for wave in section.waves:
            given = 0
            for step in wave:
                takes, gives = self.lives.step(step, turn)
                self.level += total(takes) - (total(gives) if in_place(step) else 0)
                given += 0 if in_place(step) else total(gives)
            self.peak = max(self.peak, self.level)
            self.level -= given


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
