"""The programs of every block and pass of a step, and which recomputed residuals stay in SRAM."""

from __future__ import annotations

from collections.abc import Mapping

from hecasim.mapping.sram import BlockPass, Tiling, activation_peak
from hecasim.parallel.derive import (
    Sharding,
    derive_again,
    derive_backward,
    derive_forward,
    derive_update,
    recomputes_whole,
    saved_values,
)
from hecasim.parallel.layerwise import through_dram
from hecasim.parallel.program import Program
from hecasim.parallel.recompute import can_keep, recomputing

Programs = dict[BlockPass, Program]


def derive_programs(shardings: Mapping[str, Sharding]) -> tuple[Programs, Programs]:
    """(program of every block and pass, backward programs that could keep recomputed residuals in SRAM).

    In the first, residuals that are made again go through DRAM.
    """
    programs: Programs = {}
    keeping: Programs = {}
    for name, sharding in shardings.items():
        layerwise = sharding.setting.layerwise
        forward, backward = _scheduled(derive_forward(sharding), layerwise), derive_backward(sharding)
        backward = _scheduled(backward, layerwise)
        if recomputes_whole(sharding):
            again = _scheduled(derive_again(sharding), layerwise)
            residuals = {value.name for value in saved_values(sharding)}
            if can_keep(again, residuals) and not layerwise:
                keeping[(name, "backward")] = recomputing(again, backward, residuals, kept=True)
            backward = recomputing(again, backward, residuals, kept=False)
        programs[(name, "forward")], programs[(name, "backward")] = forward, backward
        programs[(name, "update")] = derive_update(sharding)
    return programs, keeping


def _scheduled(program: Program, layerwise: bool) -> Program:
    return through_dram(program) if layerwise else program


def keep_residuals(
    training: Programs, keeping: Programs, tiling: Tiling, capacity_bytes: int | None, at_once: int
) -> tuple[Programs, Tiling]:
    """Programs and SRAM peak with residuals kept, block by block, where they fit beside the chosen token tile."""
    chosen, peak_bytes = dict(training), tiling.peak_bytes
    for key, program in keeping.items():
        with_kept = chosen | {key: program}
        peak = activation_peak(list(with_kept.values()), tiling.parts, at_once)
        if capacity_bytes is None or peak <= capacity_bytes:
            chosen, peak_bytes = with_kept, peak
    return chosen, tiling._replace(peak_bytes=peak_bytes)
