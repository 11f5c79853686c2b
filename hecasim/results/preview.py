"""What `--dry` shows: a plan on a package before any event."""

from __future__ import annotations

from typing import Any

from hecasim.analytic import estimate
from hecasim.mapping.dram import dram_capacity_bytes
from hecasim.trace import Prepared, assemble
from hecasim.trace.task import COLLECTIVE, COMPUTE, Task
from hecasim.units import PS_PER_S


def describe(prepared: Prepared) -> dict[str, Any]:
    """Shapes per tile, bytes per collective, SRAM and DRAM fit, lower bounds."""
    trace = assemble(prepared)
    log, census = estimate(trace, prepared.package)
    sram = prepared.package.chiplet.sram
    return {
        "token_tile": prepared.token_tile,
        "micro_batch": int(prepared.plan.micro_batch),
        "micro_batches": prepared.micro_batches,
        "bodies": len(trace.bodies),
        "tasks": trace.task_count,
        "blocks": {kind.name: [_line(task) for task in kind.tasks] for kind in _first_kinds(trace.kinds)},
        "sram": {
            "activation_peak_bytes": prepared.activation_peak_bytes,
            "activation_capacity_bytes": sram.activations_bytes,
            "weights_stay": {f"{block} {phase}": stays for (block, phase), stays in prepared.resident.items()},
        },
        "dram": {
            "by_class_bytes": dict(prepared.dram_by_class),
            "needed_bytes": sum(prepared.dram_by_class.values()),
            "capacity_bytes": dram_capacity_bytes(prepared.package),
        },
        "bounds_s": {name: bound / PS_PER_S for name, bound in census.bounds_ps.items()},
        "analytic_step_s": log.step_ps / PS_PER_S,
        "remarks": list(prepared.remarks),
    }


def _first_kinds(kinds: Any) -> list[Any]:
    """One kind per block and phase."""
    return list({(kind.block, kind.phase): kind for kind in reversed(kinds)}.values())[::-1]


def _line(task: Task) -> str:
    if task.kind == COMPUTE:
        shapes = ", ".join(f"{count} x ({m} x {k}) ({k} x {n})" for count, m, n, k in task.work[0].gemms)
        return f"{task.label}: {shapes or f'{task.work[0].vector_operations} vector operations'}"
    if task.kind == COLLECTIVE:
        return f"{task.label}: {task.algorithm} in groups {task.group}, {task.size_bytes} bytes"
    return f"{task.label}: {max(task.tile_bytes)} bytes per tile{f', once per group {task.group}' if task.group else ''}"
