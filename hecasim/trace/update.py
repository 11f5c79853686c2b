"""The optimizer update of one block: read gradients and states, settle what is still partial, step, write back."""

from __future__ import annotations

import numpy as np

from hecasim.mapping.dram import optimizer_state_bytes
from hecasim.parallel.layout import Counts
from hecasim.parallel.program import ExchangeStep, Program, Value
from hecasim.specs import PlanSpec
from hecasim.trace.groups import group_size
from hecasim.trace.lower import Lowered, Lowering, Unit, collective_bytes, compact
from hecasim.trace.task import COLLECTIVE, COMPUTE, DRAM_READ, DRAM_WRITE, After, Task, Work

OPERATIONS_PER_PARAMETER = {"adam": 12, "sgd": 2}
"""Scalar operations of one parameter's step (assumed: counts of the usual formulas)."""


def update_tasks(program: Program, before: tuple[Unit, ...], lowering: Lowering, plan: PlanSpec) -> Lowered:
    """Tasks of one block's update; empty where a block has no weights.

    States are cut further over tiles that hold copies of a weight; gradients still in partial sums are read whole.
    """
    if not program.weights:
        return Lowered((), (), (), ())
    tasks: list[Task] = []
    precision = plan.bytes_per_element
    states = optimizer_state_bytes(plan.optimizer, precision)
    own = _elements(program.weights)
    gradients = sum(_gradient_bytes(value) for value in program.gradients)
    common = {"block": program.block, "phase": "update", "token_tile": 0}
    after = tuple(sorted({end for unit in before[-1:] for end in (*unit.work_ends(), *unit.stores_end())}))
    last: tuple[After, ...] = after
    if plan.optimizer_traffic:
        read_after = before[-2].work_ends() if len(before) > 1 and lowering.overlap != "none" else after
        gradients_written = tuple(end for unit in before for end in unit.stores_end())
        tasks.append(
            Task(id=0, kind=DRAM_READ, label="read gradients+states", stream="load",
                 after=tuple(sorted({*read_after, *gradients_written})),
                 tile_bytes=compact(own * states + gradients), **common)  # type: ignore[arg-type]
        )  # fmt: skip
        last = tuple(sorted({*(end for unit in before[-1:] for end in unit.work_ends()), After(0, 0)}))
    for section in program.sections:
        for wave in section.waves:
            started = []
            for step in wave:
                assert isinstance(step, ExchangeStep)
                whole = group_size(step.group) == len(own)
                tasks.append(
                    Task(id=len(tasks), kind=COLLECTIVE, label=step.label, after=last,
                         group=lowering.table(step.group), size_bytes=collective_bytes(step, 0, 1),
                         algorithm=lowering.method.algorithm(step.kind, whole), **common)  # type: ignore[arg-type]
                )  # fmt: skip
                started.append(After(0, tasks[-1].id))
            last = tuple(started) or last
    work, work_of = _work(own * OPERATIONS_PER_PARAMETER[plan.optimizer])
    tasks.append(Task(id=len(tasks), kind=COMPUTE, label=f"{plan.optimizer} step", after=last, work=work,
                      work_of=work_of, **common))  # type: ignore[arg-type]  # fmt: skip
    step_task, stores = tasks[-1].id, ()
    if plan.optimizer_traffic:
        tasks.append(
            Task(id=len(tasks), kind=DRAM_WRITE, label="write weights+states", stream="store",
                 after=(After(0, step_task),), tile_bytes=compact(own * (states + (precision if precision < 4 else 4))),
                 **common)  # type: ignore[arg-type]
        )  # fmt: skip
        stores = (tasks[-1].id,)
    return Lowered(tuple(tasks), (Unit(0, (step_task,), stores),), stores, ())


def _elements(weights: list[Value]) -> Counts:
    """Parameters that each tile updates: its own, and its part of those it holds in copies."""
    total = np.zeros_like(weights[0].amount.features)
    for value in weights:
        total = total + -(-value.amount.elements() // value.layout.copies)
    return total


def _gradient_bytes(value: Value) -> Counts:
    return -(-value.amount.bytes() // value.layout.copies)


def _work(operations: Counts) -> tuple[tuple[Work, ...], tuple[int, ...] | None]:
    values, inverse = np.unique(operations, return_inverse=True)
    classes = tuple(Work((), int(value)) for value in values)
    return classes, (tuple(int(number) for number in inverse) if len(classes) > 1 else None)
