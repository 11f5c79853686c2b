"""How weights of a mixture come to the dies of a grid, and what becomes of their gradients.

Those that all dies share lie in DRAM once: they are read once and multicast, their gradients are reduce-scattered, and
every die updates its part. Experts come from and go to the port of their die. Where weights do not stay in SRAM,
gradients are added up in DRAM.
"""

from __future__ import annotations

from collections.abc import Sequence

from hecasim.collectives.options import share
from hecasim.mapping.dram import optimizer_state_bytes
from hecasim.mapping.work import Work
from hecasim.trace.grid_mixed import GridMixedStep
from hecasim.trace.grid_mixed_layer import GridLayer
from hecasim.trace.mixed_writer import Writer
from hecasim.trace.task import COLLECTIVE, DRAM_READ, DRAM_WRITE
from hecasim.trace.update import OPERATIONS_PER_PARAMETER


class GridWeights:
    """Moves weights; what it brings is known as `shared weights` and `expert weights`."""

    def __init__(self, step: GridMixedStep, writer: Writer, everybody: str) -> None:
        self.step, self.writer, self.everybody = step, writer, everybody
        plan = step.plan
        self.element = plan.bytes_per_element
        self.state_bytes = optimizer_state_bytes(plan.optimizer, self.element) if plan.optimizer_traffic else 0

    def bring_shared(self, parameters: int, after: Sequence[str]) -> None:
        """The same to every die."""
        self.writer.task(DRAM_READ, "shared weights", "read weights", after, group=self.everybody,
                         tile_bytes=(parameters * self.element,), stream="weights")  # fmt: skip

    def bring_experts(self, layer: GridLayer, after: Sequence[str]) -> None:
        """To every die its own."""
        size = layer.expert_parameters * self.element
        self._move(DRAM_READ, "expert weights", "read experts", size, after, "weights")

    def settle(self, number: int, shared: int, own: int, *, stays: bool) -> None:
        """Gradients after micro-batch *number*: of *shared* weights that all hold, and *own* ones of every die."""
        last = number == self.step.micro_batches - 1
        if self.step.plan.optimizer == "none" or (stays and not last):
            return
        self.writer.task(COLLECTIVE, "settled", "sum gradients", ("attention",), group=self.everybody,
                         algorithm="ring.reduce_scatter", size_bytes=shared * self.element)  # fmt: skip
        made: tuple[str, ...] = ("settled", "experts") if own else ("settled",)
        parameters = share(shared, self.step.dies) + own
        if not stays:
            made = self._add_up(number, parameters, made, last=last)
        if last:
            self._update(parameters, made)

    def _add_up(self, number: int, parameters: int, made: tuple[str, ...], *, last: bool) -> tuple[str, ...]:
        """Gradients of the micro-batches before come from DRAM and these are added; all but the last go back."""
        if number:
            size = parameters * self.element
            self._move(DRAM_READ, "gradients", "read gradients", size, (*made, "gradients written"), "load")
            self._compute("gradients", "add gradients", parameters, ("gradients",))
            made = ("gradients",)
        if not last:
            self._move(DRAM_WRITE, "gradients written", "write gradients", parameters * self.element, made, "store")
        return made

    def _update(self, parameters: int, made: tuple[str, ...]) -> None:
        """States come, the step is made, weights and states go back."""
        writer, optimizer = self.writer, self.step.plan.optimizer
        phase, writer.phase = writer.phase, "update"
        if self.state_bytes:
            self._move(DRAM_READ, "states", "read states", parameters * self.state_bytes, made, "load")
            made = (*made, "states")
        self._compute("update", f"{optimizer} step", parameters * OPERATIONS_PER_PARAMETER[optimizer], made)
        back = parameters * (self.element + self.state_bytes)
        self._move(DRAM_WRITE, "written", "write weights", back, ("update",), "store")
        writer.phase = phase

    def _compute(self, role: str, label: str, operations: int, after: Sequence[str]) -> None:
        self.writer.compute(role, label, [Work((), operations)] * self.step.dies, after)

    def _move(self, kind: str, role: str, label: str, size: int, after: Sequence[str], stream: str) -> None:
        """As many bytes at every die."""
        self.writer.move(kind, role, label, [size] * self.step.dies, after, stream)
