"""From Package, Model and Plan to the Trace of one training step.

Fused schedule: block by block; inside a block all micro-batches of the batch stream through weights that stay;
block boundaries and what backward needs go to DRAM. Forward, then backward in reverse, then the update.
"""

from __future__ import annotations

from typing import Any

from hecasim.mapping.sram import held_bytes
from hecasim.specs import ModelSpec, PackageSpec, PlanSpec
from hecasim.trace.groups import members
from hecasim.trace.lower import Context, Lowered, Lowering, Unit, lower
from hecasim.trace.prepare import Prepared, model_flops, prepare
from hecasim.trace.task import LOOK_AHEAD_BODIES, After, Body, BodyKind, Task, Trace
from hecasim.trace.update import update_tasks


def build_trace(package: PackageSpec, model: ModelSpec, plan: PlanSpec) -> Trace:
    """The Tasks of one training step of *model* on *package* the way *plan* says.

    Raises ConfigError where the plan's words do not suit the package, InfeasiblePlan where it does not fit.
    """
    return assemble(prepare(package, model, plan))


class _Assembly:
    """Bodies in order; equal bodies share one kind."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.lowering = Lowering(
            prepared.method, prepared.axes, prepared.parts, prepared.plan.overlap, dict(prepared.resident)
        )
        self.kinds: list[BodyKind] = []
        self.number: dict[tuple[str, str, tuple[Task, ...]], int] = {}
        self.lowered: dict[tuple[object, ...], Lowered] = {}
        self.bodies: list[Body] = []
        self.history: list[tuple[Lowered, str]] = []
        """What the last bodies left for later ones to wait for, latest last."""
        self.gradients_written: dict[tuple[str, int], tuple[int, tuple[int, ...]]] = {}
        """(block, layer) -> the last body that stored its gradients, and the stores."""

    def pass_over(self, phase: str, blocks: list[tuple[str, int]]) -> None:
        """All micro-batches through each block in turn; with `reload_weights` each through all blocks in turn."""
        count = self.prepared.micro_batches
        if self.reloads:
            order = [(block, layer, micro) for micro in range(count) for block, layer in blocks]
        else:
            order = [(block, layer, micro) for block, layer in blocks for micro in range(count)]
        for block, layer, micro_batch in order:
            self.body(block, phase, layer, micro_batch, count)

    @property
    def reloads(self) -> bool:
        """Whether weights come again for every micro-batch."""
        return self.prepared.plan.schedule == "reload_weights"

    def body(self, block: str, phase: str, layer: int, micro_batch: int, count: int) -> None:
        context = self._context(block, phase, micro_batch, count)
        key = (block, phase, context)
        if key not in self.lowered:
            self.lowered[key] = lower(self.prepared.programs[(block, phase)], context, self.lowering)
        lowered = self.lowered[key]
        self._play(block, phase, layer, micro_batch, lowered.tasks)
        self.history.append((lowered, block))
        if phase == "backward":
            rows = lowered.stores if block == "embedding" else ()
            self.gradients_written[(block, layer)] = (len(self.bodies) - 1, (*lowered.gradient_stores, *rows))

    def update(self, block: str, layer: int) -> None:
        units = self._units()
        body, stores = self.gradients_written[(block, layer)]
        offset = body - len(self.bodies)
        written = tuple(After(offset, task) for task in stores) if -offset < LOOK_AHEAD_BODIES else ()
        key = (block, "update", units, written)
        if key not in self.lowered:
            self.lowered[key] = update_tasks(
                self.prepared.programs[(block, "update")], units, written, self.lowering, self.prepared.plan
            )
        lowered = self.lowered[key]
        if lowered.tasks:
            self._play(block, "update", layer, 0, lowered.tasks)
            self.history.append((lowered, block))

    def _play(self, block: str, phase: str, layer: int, micro_batch: int, tasks: tuple[Task, ...]) -> None:
        key = (block, phase, tasks)
        if key not in self.number:
            self.number[key] = len(self.kinds)
            alike = sum(kind.block == block and kind.phase == phase for kind in self.kinds)
            self.kinds.append(BodyKind(f"{phase}.{block}.{alike}", block, phase, tasks))
        self.bodies.append(Body(self.number[key], layer, micro_batch))

    def _units(self) -> tuple[Unit, ...]:
        """The last two units before the body about to be written."""
        units: list[Unit] = []
        for back, (lowered, _) in enumerate(reversed(self.history[-2:]), start=1):
            units = [*(unit.shifted(back) for unit in lowered.units), *units]
        return tuple(units[-2:])

    def _context(self, block: str, phase: str, micro_batch: int, count: int) -> Context:
        first, last = micro_batch == 0 or self.reloads, micro_batch == count - 1 or self.reloads
        resident = self.prepared.resident[(block, phase)]
        return Context(
            loads_weights=first, accumulates_first=phase == "backward" and (first if resident else micro_batch == 0),
            stores_gradients=last, before=self._units(), inputs_written=self._writers(1 if self.reloads else count),
            resumes_gradients=self.reloads and phase == "backward" and micro_batch > 0,
            weights_after=self._weights_after(block, phase) if first else (),
            gradients_after=self._gradients_after(block, phase) if first else (),
        )  # fmt: skip

    def _writers(self, count: int) -> tuple[After, ...]:
        """The body that stored what this one loads, where the look-ahead does not cover it."""
        if count >= LOOK_AHEAD_BODIES or len(self.history) < count:
            return ()
        lowered, _ = self.history[-count]
        return tuple(After(-count, task) for task in lowered.stores)

    def _weights_after(self, block: str, phase: str) -> tuple[After, ...]:
        """Weights come while the body before works, if the buffer holds both blocks; else when it has ended."""
        if not self.history:
            return ()
        if self.prepared.plan.overlap == "none":
            return _ends(self.history[-1][0], -1, stores=True, last=self._running)
        if self._both_fit(block, phase):
            return _ends(self.history[-2][0], -2, last=self._running) if len(self.history) > 1 else ()
        return _ends(self.history[-1][0], -1, stores=True, last=self._running)

    @property
    def _running(self) -> int:
        """Units that may work at once."""
        return 2 if self.prepared.plan.overlap == "chunk" else 1

    def _both_fit(self, block: str, phase: str) -> bool:
        capacity = self.prepared.package.chiplet.sram.weights_bytes
        if capacity is None:
            return True
        programs, before = self.prepared.programs, self.history[-1][1]
        phase_before = "forward" if phase == "forward" or not self._in_backward() else "backward"
        pair = ((before, phase_before), (block, phase))
        return sum(held_bytes(programs[key]) for key in pair if self.prepared.resident[key]) <= capacity

    def _in_backward(self) -> bool:
        return bool(self.bodies) and self.kinds[self.bodies[-1].kind].phase == "backward"

    def _gradients_after(self, block: str, phase: str) -> tuple[After, ...]:
        """New gradients may take the place of the last block's only when those have left."""
        if phase != "backward" or not self.history or self._both_fit(block, phase):
            return ()
        lowered, _ = self.history[-1]
        return tuple(After(-1, task) for task in lowered.gradient_stores)


def _ends(lowered: Lowered, offset: int, stores: bool = False, last: int = 1) -> tuple[After, ...]:
    """Ends of the last units of a body, and of what it stores."""
    units = lowered.units[-last:]
    tasks = [task for unit in units for task in (*unit.work, *(unit.stores if stores else ()))]
    return tuple(sorted({After(offset, task) for task in (*tasks, *(lowered.gradient_stores if stores else ()))}))


def assemble(prepared: Prepared) -> Trace:
    """Write down the bodies of forward, backward and update."""
    model, plan = prepared.model, prepared.plan
    assembly = _Assembly(prepared)
    layers = [(block, layer) for layer in range(model.layers) for block in ("attention", "ffn")]
    order = [("embedding", -1), *layers, ("head", model.layers)]
    assembly.pass_over("forward", order)
    assembly.pass_over("backward", order[::-1])
    if plan.optimizer != "none":
        for block, layer in order:
            assembly.update(block, layer)
    groups = {name: members(group, prepared.axes) for name, group in assembly.lowering.groups.items()}
    return Trace(
        rows=dict(prepared.axes)["r"], columns=dict(prepared.axes)["c"], groups=groups,
        options={"ring": plan.options.ring, "colours": plan.options.colours, "chunks": plan.options.chunks,
                 "segment_bytes": plan.segment_bytes, "dram_map": plan.dram_map,
                 "element_bytes": plan.bytes_per_element},
        kinds=tuple(assembly.kinds), bodies=tuple(assembly.bodies), about=_about(prepared),
    )  # fmt: skip


def _about(prepared: Prepared) -> dict[str, Any]:
    plan = prepared.plan
    return {
        "model": prepared.model.name, "method": plan.method, "layers": prepared.model.layers,
        "token_tile": prepared.token_tile, "micro_batch": int(plan.micro_batch), "batch": plan.batch,
        "sequence": plan.sequence, "model_flops": model_flops(prepared),
        "dram_by_class": dict(prepared.dram_by_class), "sram_estimate_bytes": prepared.activation_peak_bytes,
        "remarks": list(prepared.remarks), "notes": list(prepared.notes),
    }  # fmt: skip
