"""What `--dry` shows: a plan on a package before any event."""

from __future__ import annotations

from typing import Any

from hecasim.analytic import estimate
from hecasim.mapping.dram import behind_fullest_channel, dram_capacity_bytes
from hecasim.trace import Step, assemble
from hecasim.trace.task import COLLECTIVE, COMPUTE, Task, Trace
from hecasim.units import PS_PER_S


def describe(prepared: Step) -> dict[str, Any]:
    """Shapes per tile, bytes per collective, SRAM and DRAM fit, lower bounds."""
    trace = assemble(prepared)
    log, census = estimate(trace, prepared.package)
    needed = sum(prepared.dram_by_class.values())
    sram = prepared.package.chiplet.sram
    return {
        "token_tile": prepared.token_tile,
        "micro_batch": int(prepared.plan.micro_batch),
        "micro_batches": prepared.micro_batches,
        "bodies": len(trace.bodies),
        "tasks": trace.task_count,
        "tasks_of_first_token_tile": _first_tasks(trace),
        "sram": {
            "activation_peak_bytes": prepared.activation_peak_bytes,
            "activation_capacity_bytes": sram.activations_bytes,
            "weights_stay": {f"{block} {phase}": stays for (block, phase), stays in prepared.resident.items()},
        },
        "dram": {
            "by_class_bytes": dict(prepared.dram_by_class),
            "needed_bytes": needed,
            "capacity_bytes": dram_capacity_bytes(prepared.package),
            "needed_behind_fullest_channel_bytes": behind_fullest_channel(
                prepared.package, prepared.plan.dram_map, needed
            ),
            "channel_capacity_bytes": prepared.package.memory.capacity_bytes,
        },
        "bounds_s": {name: bound / PS_PER_S for name, bound in census.bounds_ps.items()},
        "analytic_step_s": log.step_ps / PS_PER_S,
        "remarks": list(prepared.remarks),
        "notes": list(prepared.notes),
    }


def _first_tasks(trace: Trace) -> dict[str, dict[str, str]]:
    """Per pass and block, the tasks of the first body of each section of its first passage."""
    found: dict[str, dict[str, str]] = {}
    opened: set[tuple[str, str]] = set()
    for play in trace.bodies.plays:
        kinds = [trace.kinds[run.kind] for run in trace.bodies.passages[play.passage]]
        place = (kinds[0].phase, kinds[0].block)
        if place in opened:
            continue
        opened.add(place)
        sections = {tuple(task.label for task in kind.tasks if task.leads): kind for kind in reversed(kinds)}
        for task in (task for kind in reversed(sections.values()) for task in kind.tasks):
            tasks = found.setdefault(f"{task.phase} {kinds[0].block}", {})
            tasks[f"{len(tasks)} {task.label}"] = _what(task)
    return found


def _what(task: Task) -> str:
    if task.kind == COMPUTE:
        products = [f"{count} x ({m} x {k}) ({k} x {n})" for count, m, n, k in task.work[0].gemms]
        vectors = task.work[0].vector_operations
        return ", ".join(products + ([f"{vectors} vector operations"] if vectors else [])) or "nothing"
    if task.kind == COLLECTIVE:
        return f"{task.algorithm} of {task.size_bytes} bytes in groups {task.group}"
    return f"{max(task.tile_bytes)} bytes per tile" + (f", once per group of {task.group}" if task.group else "")
