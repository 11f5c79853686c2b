"""How long local work takes on a compute core: the closed forms, without anybody to wait for.

Array cycles follow the closed form that SCALE-Sim 3.0 obeys exactly: every fold costs the same, also a ragged one,
and folds never overlap (unless `fold_overlap`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from hecasim.mapping.work import Work
from hecasim.specs import ChipletSpec, IdealCoreSpec, SystolicCoreSpec
from hecasim.units import PS_PER_S

KEPT = 1 << 15
"""Works whose counts are remembered: bounds and replay ask for the same ones, of a mixture many thousands."""


def folds(core: SystolicCoreSpec, m: int, n: int, k: int) -> tuple[int, int, int]:
    """(row folds, column folds, streamed length) of an m x k by k x n product on one array."""
    rows, columns, stream = {"ws": (k, n, m), "os": (m, n, k), "is": (k, m, n)}[core.dataflow]
    return -(-rows // core.rows), -(-columns // core.columns), stream


def gemm_cycles(core: SystolicCoreSpec, count: int, m: int, n: int, k: int) -> int:
    """Cycles of *count* products spread over the core's arrays.

    Per fold T + R + C - 2 output-stationary, R more to preload for weight and input stationary (SCALE-Sim 3.0).
    With `fold_overlap` the next fold is preloaded and drained behind the stream.
    """
    row_folds, column_folds, stream = folds(core, m, n, k)
    per_array = -(-count * row_folds * column_folds // core.arrays)
    preload = 0 if core.dataflow == "os" else core.rows
    skew = core.rows + core.columns - 2
    if core.fold_overlap:
        return preload + (per_array - 1) * max(stream, preload) + stream + skew
    return per_array * (preload + stream + skew)


def operand_elements(chiplet: ChipletSpec, count: int, m: int, n: int, k: int) -> int:
    """Elements a product reads and writes in SRAM: re-read once per fold as the dataflow makes it (SCALE-Sim 3.0).

    What streams past several arrays at once is read once for them; sums of an adder tree come out finished.
    """
    return _operands(chiplet.core, count, m, n, k)


def _operands(core: IdealCoreSpec | SystolicCoreSpec, count: int, m: int, n: int, k: int) -> int:
    left, right, out = m * k, k * n, m * n
    if not isinstance(core, SystolicCoreSpec):
        return count * (left + right + out)
    row_folds, column_folds, _ = folds(core, m, n, k)
    column_folds = -(-column_folds // core.broadcast)
    if core.dataflow == "os":
        return count * (left * column_folds + right * row_folds + out)
    sums = 1 if core.adder_tree else 2 * row_folds - 1
    if core.dataflow == "ws":
        return count * (left * column_folds + right + out * sums)
    return count * (left + right * column_folds + out * sums)


@lru_cache(maxsize=KEPT)
def sram_bytes(chiplet: ChipletSpec, work: Work, element_bytes: int) -> int:
    """Bytes through the core's SRAM port: GEMM operands, and two reads and a write per three vector operations."""
    core = chiplet.core
    elements = sum([_operands(core, *shape) for shape in work.gemms])
    return (elements + work.vector_operations) * element_bytes


@lru_cache(maxsize=KEPT)
def arithmetic_ps(chiplet: ChipletSpec, work: Work) -> int:
    """Time of a task on array then vector unit, whatever its operands take to come."""
    core = chiplet.core
    if not isinstance(core, SystolicCoreSpec):
        return -(-work.flops * PS_PER_S // int(core.peak_flop_per_s))
    cycles = sum([gemm_cycles(core, *shape) for shape in work.gemms])
    cycles += -(-work.vector_operations // core.vector_lanes)
    return -(-cycles * PS_PER_S // int(core.clock_hz))


def duration_ps(chiplet: ChipletSpec, work: Work, element_bytes: int) -> int:
    """Time of a task alone on its tile: array then vector unit, or the SRAM port where that is slower."""
    busy, port = arithmetic_ps(chiplet, work), chiplet.sram.operand_bytes_per_s
    if port is None:
        return busy
    return max(busy, -(-sram_bytes(chiplet, work, element_bytes) * PS_PER_S // port))


class Hold(NamedTuple):
    """How long a task holds the core by itself, and the operand bytes that must have passed a shared port too."""

    duration_ps: int
    operand_bytes: int


def hold(chiplet: ChipletSpec, work: Work, element_bytes: int) -> Hold:
    """A port of the core's own is a limit on its rate; a shared one is a queue that the operands stand in."""
    if chiplet.sram.ports == "shared":
        return Hold(arithmetic_ps(chiplet, work), sram_bytes(chiplet, work, element_bytes))
    return Hold(duration_ps(chiplet, work, element_bytes), 0)


def sum_work(size_bytes: int, element_bytes: int) -> Work:
    """The sum of a message that has arrived with what lies in the SRAM: one vector operation per element."""
    return Work((), -(-size_bytes // element_bytes))
