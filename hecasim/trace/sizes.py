"""How much each task is: work per class of tiles, bytes per collective, bytes per tile of DRAM traffic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hecasim.mapping.work import Work
from hecasim.parallel.layout import Counts
from hecasim.parallel.program import ExchangeStep, NestStep
from hecasim.parallel.reshard import group_size

WorkByTile = tuple[tuple[Work, ...], tuple[int, ...] | None]
"""Work per class of tiles with equal shapes, and the class of each tile (None: all alike)."""


def nest_work(step: NestStep, part: int, parts: int) -> WorkByTile:
    """Local work of one token tile of a nest."""
    if not step.gemms and not step.vectors:
        return (Work((), 0),), None
    columns: list[Counts] = []
    for gemm in step.gemms:
        dims = {"m": gemm.m, "n": gemm.n, "k": gemm.k}
        if gemm.tiled:
            whole = dims[gemm.tiled]
            dims[gemm.tiled] = whole // parts + (part < whole % parts)
        columns += [gemm.count, dims["m"], dims["n"], dims["k"]]
    operations = np.zeros_like(step.vectors[0].amount.features if step.vectors else step.gemms[0].m)
    for load in step.vectors:
        operations = operations + np.ceil(load.amount.elements(part, parts) * load.operations).astype(np.int64)
    return work_by_class([*columns, operations])


def work_by_class(columns: Sequence[Counts]) -> WorkByTile:
    """Tiles with equal numbers in all *columns*, (count, m, n, k) per product and last the vector operations."""
    if all((column == column[0]).all() for column in columns):  # the usual case, and sorting takes long
        return (_work_of_row([int(column[0]) for column in columns]),), None
    table, inverse = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
    classes = tuple(_work_of_row([int(cell) for cell in row]) for row in table)
    return classes, (tuple(int(number) for number in inverse.reshape(-1)) if len(classes) > 1 else None)


def _work_of_row(row: list[int]) -> Work:
    shapes = [(row[i], row[i + 1], row[i + 2], row[i + 3]) for i in range(0, len(row) - 1, 4)]
    return Work(tuple(shape for shape in shapes if min(shape) > 0), row[-1])


def collective_bytes(step: ExchangeStep, part: int = 0, parts: int = 1) -> int:
    """Full tensor of one group: the largest member sets the size of every ring step."""
    members = group_size(step.group)
    total = 0
    for amount in step.moved:
        held = int(amount.bytes(part, parts).max())
        total += held if step.kind == "all_reduce" else held * members
    return total


def compact(sizes: Counts) -> tuple[int, ...]:
    """Bytes per tile as a Task keeps them: one number where all are alike."""
    return (int(sizes[0]),) if (sizes == sizes[0]).all() else tuple(sizes.tolist())
