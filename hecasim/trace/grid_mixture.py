"""From routing and placement to the bodies of a step of a mixture on a grid: attention everywhere, experts by place.

One layer at a time, all micro-batches through it. Every die runs attention on its own sequences, sends tokens to the
dies of their experts in one uneven all-to-all, computes its experts for the tokens of all, and gets the outputs of its
own tokens back in the transposed one. Backward sends gradients the same way. Weights that all dies share lie in DRAM
once and are multicast; their gradients are reduce-scattered, and each die updates its part. What a layer hands to the
next, and what backward needs, is written to DRAM; it is read again unless the step is one micro-batch, which stays.
"""

from __future__ import annotations

from collections.abc import Sequence

from hecasim.collectives import PER_PAIR
from hecasim.mapping import modules
from hecasim.mapping.work import Work
from hecasim.trace.grid_mixed import GridMixedStep
from hecasim.trace.grid_mixed_layer import GridLayer
from hecasim.trace.grid_mixed_weights import GridWeights
from hecasim.trace.identity import options_of
from hecasim.trace.mixed_writer import Writer
from hecasim.trace.mixture import about_of
from hecasim.trace.play import order_of
from hecasim.trace.task import COLLECTIVE, DRAM_READ, DRAM_WRITE, Trace

EVERYBODY = "all"


def assemble_grid_mixed(step: GridMixedStep) -> Trace:
    """Write down the bodies of forward, backward and update."""
    play = _Play(step)
    play.embedding()
    for layer in step.layers:
        play.forward(layer)
    play.head()
    for layer in reversed(step.layers):
        play.backward(layer)
    shape, writer = step.package.topology, play.writer
    return Trace(
        rows=shape.rows, columns=shape.columns, groups=writer.groups, options=options_of(step.plan),
        kinds=tuple(writer.kinds), bodies=order_of(writer.bodies), about=about_of(step, play.model_flops),
    )  # fmt: skip


class _Play:
    """The order of work, as tasks of a writer."""

    def __init__(self, step: GridMixedStep) -> None:
        self.step, self.plan, self.model = step, step.plan, step.model
        self.writer = Writer(step.dies, serial=step.plan.overlap == "none")
        self.writer.groups[EVERYBODY] = (tuple(range(step.dies)),)
        self.weights = GridWeights(step, self.writer, EVERYBODY)
        self.count = step.micro_batches
        self.row_bytes = step.tokens * self.model.hidden * self.plan.bytes_per_element
        """Of one micro-batch on one die, between two layers."""
        self.model_flops = 0

    # --- the ends ---------------------------------------------------------------------------------------------

    def embedding(self) -> None:
        """Rows of the table come in, and are kept as the input of the first layer."""
        for number in range(self.count):
            self._move(DRAM_READ, f"input {number}", "read embeddings", ())
            self._move(DRAM_WRITE, "stored", "save activations", (f"input {number}",))
            if self.count > 1:
                self.writer.alias(f"input {number}", "stored")
            self.writer.close(-1, number)

    def head(self) -> None:
        """Output head and loss, forward and backward micro-batch by micro-batch, and its update."""
        writer, module = self.writer, modules.head(self.model, self.step.tokens)
        for number in range(self.count):
            writer.phase, writer.block = "forward", "head"
            if not number or not self.step.stays("head", "backward"):
                self.weights.bring_shared(module.parameters, ())
            self._fetch(f"input {number}", "load activations")
            for phase, work in (("forward", module.forward), ("backward", module.backward)):
                writer.phase = phase
                self._everywhere("head", work, ("shared weights", f"input {number}", "attention"))
            self._count(module.forward.flops * self.step.dies)
            self._hand_on(number)
            self.weights.settle(number, module.parameters, 0, stays=self.step.stays("head", "backward"))
            writer.close(self.model.layers, number)

    # --- one layer --------------------------------------------------------------------------------------------

    def forward(self, layer: GridLayer) -> None:
        """All micro-batches through one layer."""
        writer = self.writer
        writer.phase = "forward"
        for number in range(self.count):
            writer.block = "attention"
            self._weights(layer, number)
            self._fetch(f"input {number}", "load activations")
            self._everywhere("attention", layer.home.forward, ("shared weights", f"input {number}"))
            self._count(layer.home.forward.flops * self.step.dies)
            result = self._experts(layer, number, "attention", ()) if layer.has_experts else "attention"
            writer.alias(f"input {number}", result)
            writer.move(DRAM_WRITE, "stored", "save activations", layer.saved_bytes(number), (result,), "store")
            writer.alias(f"stored {layer.layer} {number}", "stored")
            if self.count > 1:
                writer.alias(f"input {number}", "stored")
            writer.close(layer.layer, number)

    def backward(self, layer: GridLayer) -> None:
        """All micro-batches back through one layer, then its update."""
        writer = self.writer
        writer.phase = "backward"
        for number in range(self.count):
            gradient = f"gradient {number}"
            writer.block = "attention"
            self._weights(layer, number)
            # One micro-batch ahead: what was saved takes the room of that before the last.
            room = ("experts", "attention") if layer.has_experts and not number else ("experts",)
            after = (*room, f"stored {layer.layer} {number}") if layer.has_experts else ("attention",)
            writer.move(DRAM_READ, "saved", "load activations", layer.saved_bytes(number), after, "load")
            self._fetch(gradient, "load gradients")
            result = self._experts(layer, number, gradient, ("saved",)) if layer.has_experts else gradient
            self._everywhere("attention", layer.home.backward, (result, "shared weights", "saved"))
            if layer.layer:
                self._hand_on(number)
            self.weights.settle(number, layer.home.parameters, layer.expert_parameters,
                                stays=self.step.stays("layer", "backward"))  # fmt: skip
            if not layer.layer:
                self._move(DRAM_WRITE, "stored", "write embeddings", ("attention",))
            writer.close(layer.layer, number)

    def _weights(self, layer: GridLayer, number: int) -> None:
        """Shared weights come while the experts of the work before are at it, and the other way round."""
        if number and self.step.stays("layer", self.writer.phase):
            return
        self.weights.bring_shared(layer.home.parameters, ("attention",))
        if layer.has_experts:
            self.weights.bring_experts(layer, ("experts",))

    def _experts(self, layer: GridLayer, number: int, source: str, needs: tuple[str, ...]) -> str:
        """Out to the experts and home again; *needs* besides tokens and weights. The role of what has come home."""
        writer, forward = self.writer, self.writer.phase == "forward"
        writer.block = "ffn"
        self._exchange("dispatch", layer.pair_bytes(number, home=False), (source,))
        works = [module.forward if forward else module.backward for module in layer.experts[number]]
        writer.compute("experts", "experts", works, ("dispatch", "expert weights", *needs))
        if forward:
            self._count(sum(work.flops for work in works))
        self._exchange("combine", layer.pair_bytes(number, home=True), ("experts",))
        sums = [Work((), vectors * self.model.hidden) for vectors in layer.came_home(number)]
        writer.compute("added", "add outputs", sums, ("combine", "experts", source))
        return "added"

    # --- tasks ------------------------------------------------------------------------------------------------

    def _exchange(self, name: str, table: tuple[int, ...], after: tuple[str, ...]) -> None:
        """Bytes from every die to every other; where all tokens stay there is nothing to wait for."""
        if not any(table):
            self.writer.gather(name, after)
            return
        self.writer.task(COLLECTIVE, name, name, after, group=EVERYBODY, algorithm=PER_PAIR, size_bytes=sum(table),
                         tile_bytes=table)  # fmt: skip

    def _everywhere(self, label: str, work: Work, after: Sequence[str]) -> None:
        """The same work on every die; all such work is known as `attention`."""
        self.writer.compute("attention", label, [work] * self.step.dies, after)

    def _move(self, kind: str, role: str, label: str, after: Sequence[str]) -> None:
        """What lies between two layers, of one micro-batch."""
        stream = "load" if kind == DRAM_READ else "store"
        self.writer.move(kind, role, label, [self.row_bytes] * self.step.dies, after, stream)

    def _fetch(self, role: str, label: str) -> None:
        """It comes back from DRAM, where there are several micro-batches."""
        if self.count > 1:
            self._move(DRAM_READ, role, label, (role, "attention"))

    def _hand_on(self, number: int) -> None:
        """The gradient for the layer below."""
        gradient = f"gradient {number}"
        self.writer.alias(gradient, "attention")
        if self.count > 1:
            self._move(DRAM_WRITE, gradient, "store gradients", ("attention",))

    def _count(self, flops: int) -> None:
        """Of the model itself: backward is taken as twice forward."""
        self.model_flops += 3 * flops
