"""The optimizer update of one block: read gradients and states, settle what is still partial, step, write back.

Weights and states stream through a window of the weight buffer in slices: a body is one slice. Slice u + 1 comes while
slice u is stepped, into the place of slice u - 1, which has left. Gradients still in partial sums come whole with the
first slice and are settled then.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from hecasim.mapping.dram import optimizer_state_bytes
from hecasim.parallel.layout import Counts
from hecasim.parallel.program import ExchangeStep, Program, Value, written_bytes
from hecasim.specs import PlanSpec
from hecasim.trace.lower import FAR_BODIES, Lowered, Lowering, Unit, in_order
from hecasim.trace.sizes import collective_bytes, compact, work_by_class
from hecasim.trace.task import COLLECTIVE, COMPUTE, DRAM_READ, DRAM_WRITE, After, Task

WINDOW_SHARE = 8
"""A slice is at most this part of the weight buffer (assumed: two under way leave room for what else lies there)."""
OPERATIONS_PER_PARAMETER = {"adam": 12, "sgd": 2}
"""Scalar operations of one parameter's step (assumed: counts of the usual formulas)."""


def update_tasks(
    program: Program,
    before: tuple[Unit, ...],
    gradients_written: tuple[After, ...],
    lowering: Lowering,
    plan: PlanSpec,
    weight_buffer_bytes: int | None,
) -> tuple[Lowered, ...]:
    """The bodies of one block's update; none where a block has no weights.

    `gradients_written` are stores of gradients that may still be under way, seen from the first body.

    States are cut further over tiles that hold copies of a weight; gradients still in partial sums are read whole.
    """
    if not program.weights:
        return ()
    amounts = _Amounts(program, plan, weight_buffer_bytes)
    made: list[Lowered] = []
    for part in range(amounts.parts):
        body = _Slice(program, before, gradients_written if part < 2 else (), lowering, plan, amounts, part)
        made.append(body.build())
        before = tuple(unit.shifted(1) for unit in (*before, made[-1].unit)[1 - FAR_BODIES :])
        gradients_written = tuple(After(offset - 1, task) for offset, task in gradients_written)
    return tuple(made)


class _Amounts:
    """What every tile updates, and how it is cut into slices: all alike but the last."""

    def __init__(self, program: Program, plan: PlanSpec, weight_buffer_bytes: int | None) -> None:
        self.parameters = _parameters(program.weights)
        self.state_bytes = optimizer_state_bytes(plan.optimizer, plan.bytes_per_element)
        partial = [value for value in program.gradients if value.layout.partial]
        self.partial_bytes = written_bytes(partial) if partial else np.zeros_like(self.parameters)
        self.gradient_bytes = written_bytes(program.gradients) - self.partial_bytes
        read = int((self.parameters * self.state_bytes + self.gradient_bytes).max())
        window = None if weight_buffer_bytes is None else max(1, weight_buffer_bytes // WINDOW_SHARE)
        self.parts = 1 if window is None or not plan.optimizer_traffic else max(1, -(-read // window))

    def of(self, amount: Counts, part: int) -> Counts:
        """The part of an amount per tile that belongs to a slice."""
        size = -(-amount // self.parts)
        taken: Counts = np.clip(amount - part * size, 0, size)
        return taken


class _Slice:
    """One slice under construction."""

    def __init__(
        self, program: Program, before: tuple[Unit, ...], gradients_written: tuple[After, ...], lowering: Lowering,
        plan: PlanSpec, amounts: _Amounts, part: int,
    ) -> None:  # fmt: skip
        self.program, self.before, self.lowering, self.plan = program, before, lowering, plan
        self.gradients_written = gradients_written
        self.amounts, self.part = amounts, part
        self.parameters = amounts.of(amounts.parameters, part)
        self.tasks: list[Task] = []

    def build(self) -> Lowered:
        after = self._read() if self.plan.optimizer_traffic else self._last_unit()
        if not self.part:
            after = self._settle(after)
        work, work_of = work_by_class([self.parameters * OPERATIONS_PER_PARAMETER[self.plan.optimizer]])
        step = self._task(COMPUTE, f"{self.plan.optimizer} step", after)
        step_ends = self._add(replace(step, work=work, work_of=work_of))
        stores = (self._write(step_ends).task,) if self.plan.optimizer_traffic else ()
        return Lowered(tuple(self.tasks), Unit(0, (step_ends.task,), stores))

    def _last_unit(self) -> tuple[After, ...]:
        return in_order(end for unit in self.before[-1:] for end in (*unit.work_ends(), *unit.stores_end()))

    def _read(self) -> tuple[After, ...]:
        """States and gradients come while the unit before works, if traffic may overlap; what the step waits for.

        They take the place of what the unit before that has written back.
        """
        ahead = len(self.before) > 1 and self.lowering.overlap != "none"
        free = (*self.before[-2].work_ends(), *self.before[-2].stores_end()) if ahead else self._last_unit()
        task = self._task(DRAM_READ, "read gradients+states", in_order([*free, *self.gradients_written]))
        amounts = self.amounts
        sizes = self.parameters * amounts.state_bytes + amounts.of(amounts.gradient_bytes, self.part)
        if not self.part:
            sizes = sizes + amounts.partial_bytes
        read_ends = self._add(replace(task, stream="load", tile_bytes=compact(sizes), together=True))
        return in_order([*(end for unit in self.before[-1:] for end in unit.work_ends()), read_ends])

    def _settle(self, after: tuple[After, ...]) -> tuple[After, ...]:
        """Sum gradients that are still partial; what the step then waits for."""
        for section in self.program.sections:
            for wave in section.waves:
                after = tuple(self._exchange(step, after) for step in wave if isinstance(step, ExchangeStep)) or after
        return after

    def _exchange(self, step: ExchangeStep, after: tuple[After, ...]) -> After:
        return self._add(
            replace(
                self._task(COLLECTIVE, step.label, after), group=self.lowering.table(step.group),
                algorithm=self.lowering.algorithm(step.kind, step.group), size_bytes=collective_bytes(step),
            )
        )  # fmt: skip

    def _write(self, step_ends: After) -> After:
        """Weights and states leave; a master copy stands among the states unless training itself is in fp32."""
        parameter_bytes = self.amounts.state_bytes + min(self.plan.bytes_per_element, 4)
        task = self._task(DRAM_WRITE, "write weights+states", (step_ends,))
        return self._add(
            replace(task, stream="store", tile_bytes=compact(self.parameters * parameter_bytes), together=True)
        )

    def _task(self, kind: str, label: str, after: tuple[After, ...]) -> Task:
        return Task(
            id=len(self.tasks), kind=kind, label=label, block=self.program.block, phase="update", after=after,
        )  # fmt: skip

    def _add(self, task: Task) -> After:
        self.tasks.append(task)
        return After(0, task.id)


def _parameters(weights: Iterable[Value]) -> Counts:
    """Parameters that each tile updates: its own, and its part of those it holds in copies."""
    own = [-(-value.amount.elements() // value.layout.copies) for value in weights]
    return np.asarray(np.sum(own, axis=0), dtype=np.int64)
