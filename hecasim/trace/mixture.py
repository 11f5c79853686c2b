"""From routing and placement to the bodies of a step on a tree: attention at the root, experts behind the switches.

One layer at a time (Mozart, arXiv 2603.07006, section 4.3). Of every micro-batch attention runs at the root, its tokens
are dispatched, the experts of each chiplet work one after another, and their outputs are combined. With `stream_tokens`
the root goes on with the next micro-batches of the layer, `tokens_ahead` of them in all, while their tokens wait for
weights and experts; the outputs come home when all are out, and what backward needs is saved meanwhile. The all-to-all
is synchronous: the root computes nothing while its tokens are under way. Without it every task waits for the one
before. With `stream_experts` weights come behind all that (`mixed_weights`). Backward sends gradients the same way,
layer by layer in reverse; weights are updated where they are and written back: `weight_passes` counts how often they
cross DRAM.
"""

from __future__ import annotations

from typing import Any

from hecasim.mapping import modules
from hecasim.mapping.work import Work
from hecasim.trace.grid_mixed import GridMixedStep
from hecasim.trace.identity import identity, options_of
from hecasim.trace.mixed import MixedStep
from hecasim.trace.mixed_layer import Layer
from hecasim.trace.mixed_weights import Weights
from hecasim.trace.mixed_writer import IDLE, Writer
from hecasim.trace.play import order_of
from hecasim.trace.task import COLLECTIVE, DRAM_READ, DRAM_WRITE, Trace


def assemble_mixed(step: MixedStep) -> Trace:
    """Write down the bodies of forward, backward and update."""
    play = _Play(step)
    layers = [Layer(step, number) for number in range(step.model.layers)]
    play.embedding()
    for layer in layers:
        play.forward(layer)
    play.head()
    for layer in reversed(layers):
        play.backward(layer, layers[layer.layer - 1] if layer.layer else None)
    play.embedding_gradients()
    plan, writer = step.plan, play.writer
    return Trace(
        rows=1, columns=step.tree.size, groups=writer.groups, options=options_of(plan),
        kinds=tuple(writer.kinds), bodies=order_of(writer.bodies), about=about_of(step, play.model_flops),
    )  # fmt: skip


def about_of(step: MixedStep | GridMixedStep, flops: int) -> dict[str, Any]:
    """What the Result repeats."""
    plan = step.plan
    return {
        "model": step.model.name, "method": plan.method, "layers": step.model.layers, "token_tile": step.tokens,
        "micro_batch": int(plan.micro_batch), "batch": plan.batch, "sequence": plan.sequence, "model_flops": flops,
        "dram_by_class": dict(step.dram_by_class), "sram_estimate_bytes": step.sram_bytes,
        "remarks": list(step.remarks), "notes": list(step.notes), **identity(step.package, step.model, plan),
    }  # fmt: skip


class _Play:
    """The order of work, as tasks of a writer."""

    def __init__(self, step: MixedStep) -> None:
        self.step, self.plan, self.model, self.tree = step, step.plan, step.model, step.tree
        self.element = step.plan.bytes_per_element
        self.writer = Writer(step.tree.size, serial=not step.plan.stream_tokens)
        self.writer.groups = _group_tables(step)
        self.weights = Weights(step, self.writer)
        self.ahead = step.tokens_ahead
        self.model_flops = 0

    # --- one layer --------------------------------------------------------------------------------------------

    def forward(self, layer: Layer) -> None:
        """All micro-batches through one layer."""
        self.writer.phase = "forward"
        count = self.step.micro_batches
        for number in range(count):
            self.writer.alias(f"input {number}", f"home {number}")
        for number in range(count):
            if number >= self.ahead and layer.has_experts:
                self._home(layer, number - self.ahead)
            if not number:
                self._weights_forward(layer)
            self._attention(layer, number, (f"input {number}", "all-to-all", "attention weights"))
            if layer.has_experts:
                if not number and not self.plan.stream_experts:
                    self.weights.bring_experts(layer, ("attention",))
                self._dispatch(layer, number, ("attention",))
                self._experts(layer, number, ("dispatch", "expert weights"))
            else:
                self.writer.alias(f"home {number}", "attention")
                self._save(layer, number)
            self.writer.close(layer.layer, number)
        if layer.has_experts:
            for number in range(max(0, count - self.ahead), count):
                self._home(layer, number)
        self.writer.alias("block", "all-to-all" if layer.has_experts else "attention")

    def _home(self, layer: Layer, number: int) -> None:
        """Forward: outputs come home, and what backward needs is saved."""
        self._combine(layer, number, (f"experts {number}", "dispatch", "attention"))
        self.writer.alias(f"home {number}", "combine")
        self._save(layer, number)
        self.writer.close(layer.layer, number)

    def backward(self, layer: Layer, below: Layer | None) -> None:
        """All micro-batches back through one layer, then its update."""
        writer, count = self.writer, self.step.micro_batches
        writer.phase = "backward"
        writer.alias("experts above", "experts")
        for number in range(count):
            writer.alias(f"input {number}", f"gradient {number}")
        for number in range(count):
            if number >= self.ahead or not layer.has_experts:
                self._gradient_home(layer, number - self.ahead if layer.has_experts else number - 1, below)
            if not number:
                self._weights_backward(layer)
            self._load(layer, number)
            if layer.has_experts:
                if not number and not self.plan.stream_experts:
                    self.weights.bring_experts(layer, ("attention",))
                self._dispatch(layer, number, (f"input {number}", "attention"))
                self._experts(layer, number, ("dispatch", "expert weights", f"saved {number}"))
                writer.close(layer.layer, number)
        for number in range(max(0, count - self.ahead) if layer.has_experts else count - 1, count):
            self._gradient_home(layer, number, below)

    def _gradient_home(self, layer: Layer, number: int, below: Layer | None) -> None:
        """Backward: gradients of the experts' inputs come home and go on through attention."""
        if number < 0:
            return
        if layer.has_experts:
            self._combine(layer, number, (f"experts {number}", "dispatch", "attention"))
        if not number:
            self.writer.alias("block", "combine" if layer.has_experts else "attention")
        self._attention(layer, number, ("all-to-all", "attention weights", f"saved {number}", f"input {number}"))
        self.writer.alias(f"gradient {number}", "attention")
        if number == self.step.micro_batches - 1:
            self._update(layer, below)
        self.writer.close(layer.layer, number)

    # --- weights ----------------------------------------------------------------------------------------------

    def _weights_forward(self, layer: Layer) -> None:
        self.weights.bring_root(layer, ("attention",))
        if self.plan.stream_experts and layer.has_experts:
            self.weights.bring_experts(layer, (*self._block_before(), "experts"))

    def _weights_backward(self, layer: Layer) -> None:
        self.weights.bring_root(layer, ("update", "attention"))
        if self.plan.stream_experts and layer.has_experts:
            self.weights.bring_experts(layer, (*self._block_before(), "experts"))

    def _block_before(self) -> tuple[str, ...]:
        """Experts' weights come while the attention before them runs, or as soon as a chiplet is free."""
        return ("block",) if self.plan.weights_ahead == "block" else ()

    def _update(self, layer: Layer, below: Layer | None) -> None:
        plan, writer = self.plan, self.writer
        if plan.optimizer == "none":
            return
        if self.tree.attention > 1:
            writer.task(COLLECTIVE, "attention", "sum attention gradients", ("attention",), group="roots",
                        algorithm="ring.all_reduce", size_bytes=layer.root.parameters * self.element)  # fmt: skip
        writer.phase = "update"
        self.weights.update(layer, below)
        writer.phase = "backward"

    # --- the ends ---------------------------------------------------------------------------------------------

    def embedding(self) -> None:
        """Rows of the table come in for all tokens."""
        self.writer.move(DRAM_READ, "home", "read embeddings", self.step.per_tile(self._row_bytes()), (), "load")
        for number in range(self.step.micro_batches):
            self.writer.alias(f"home {number}", "home")
        self.writer.close(-1, 0)

    def embedding_gradients(self) -> None:
        """The rows of the table that were used are written, updated."""
        self.writer.phase, self.writer.block = "backward", "embedding"
        rows = self.step.per_tile(self._row_bytes())
        self.writer.move(DRAM_WRITE, "written", "write embeddings", rows, ("attention",), "store")
        self.writer.close(-1, 0)

    def head(self) -> None:
        """Output head and loss, forward and backward micro-batch by micro-batch, and its update."""
        writer = self.writer
        writer.block = "head"
        module = modules.head(self.model, self.step.tokens)
        weights = self.step.per_tile(module.parameters * self.element)
        writer.move(DRAM_READ, "head weights", "read weights", weights, ("attention",), "weights")
        for number in range(self.step.micro_batches):
            for phase, work in (("forward", module.forward), ("backward", module.backward)):
                writer.phase, writer.block = phase, "head"
                after = ("attention", "head weights", f"home {number}", "all-to-all")
                writer.compute("attention", "head", self._at_roots(work), after)
            writer.alias(f"gradient {number}", "attention")
            self._count(module.forward.flops * self.tree.attention)
            if number == self.step.micro_batches - 1 and self.plan.optimizer != "none":
                writer.move(DRAM_WRITE, "written", "write weights", weights, ("attention",), "store")
            writer.close(self.model.layers, number)
        writer.alias("block", "attention")

    # --- tasks ------------------------------------------------------------------------------------------------

    def _attention(self, layer: Layer, number: int, after: tuple[str, ...]) -> None:
        self.writer.block = "attention"
        forward = self.writer.phase == "forward"
        work = layer.root.forward if forward else layer.root.backward
        self.writer.compute("attention", "attention", self._at_roots(work), (*after, "attention"))
        if forward:
            self.writer.alias(f"attention {number}", "attention")
            self._count(work.flops * self.tree.attention)

    def _experts(self, layer: Layer, number: int, after: tuple[str, ...]) -> None:
        self.writer.block = "ffn"
        forward = self.writer.phase == "forward"
        own = [module.forward if forward else module.backward for module in layer.experts[number]]
        works = [IDLE] * (self.tree.size - len(own)) + own
        self.writer.compute("experts", "experts", works, after)
        self.writer.alias(f"experts {number}", "experts")
        if forward:
            self._count(sum(work.flops for work in own))

    def _dispatch(self, layer: Layer, number: int, after: tuple[str, ...]) -> None:
        self._exchange("dispatch", layer, number, after, at_switch=self.plan.dispatch_point == "switch")

    def _combine(self, layer: Layer, number: int, after: tuple[str, ...]) -> None:
        """Sums are made in the chiplet, where one copy came for all its experts, and in the switch."""
        self._exchange("combine", layer, number, after, at_switch=self.plan.combine_point == "switch")

    def _exchange(self, name: str, layer: Layer, number: int, after: tuple[str, ...], *, at_switch: bool) -> None:
        self.writer.block = "ffn"
        vector = self.model.hidden * self.element
        for root, found in enumerate(self.step.dispatches[layer.number][number]):
            up = found.group_tokens * vector if at_switch else 0 * found.group_tokens
            sizes = [0] * self.tree.attention + up.tolist() + (self.step.vectors(found) * vector).tolist()
            if not sum(sizes):
                continue
            self.writer.task(COLLECTIVE, name, name, (*after, name) if root else after, group=f"root {root}",
                             algorithm=f"tree.{name}", size_bytes=sum(sizes), tile_bytes=tuple(sizes))  # fmt: skip
        self.writer.gather("all-to-all", ("dispatch", "combine"))

    def _save(self, layer: Layer, number: int) -> None:
        self.writer.block = "ffn" if layer.has_experts else "attention"
        after = (f"attention {number}", *((f"experts {number}",) if layer.has_experts else ()))
        self.writer.move(DRAM_WRITE, "save", "save activations", layer.saved_bytes(number), after, "store")

    def _load(self, layer: Layer, number: int) -> None:
        """What was saved comes back behind the layer above, then two micro-batches ahead of the experts."""
        self.writer.block = "ffn" if layer.has_experts else "attention"
        room = f"experts {number - 2}" if number > 1 and layer.has_experts else "experts above"
        self.writer.move(DRAM_READ, f"saved {number}", "load activations", layer.saved_bytes(number),
                         ("attention", room), "load")  # fmt: skip

    def _at_roots(self, work: Work) -> list[Work]:
        return [work if role == "attention" else IDLE for role in self.tree.roles]

    def _row_bytes(self) -> int:
        return self.step.tokens * self.step.micro_batches * self.model.hidden * self.element

    def _count(self, flops: int) -> None:
        """Of the model itself: backward is taken as twice forward."""
        self.model_flops += 3 * flops


def _group_tables(step: MixedStep) -> dict[str, tuple[tuple[int, ...], ...]]:
    """For each attention chiplet itself with all switches and experts; and all attention chiplets together."""
    roots, tiles = range(step.tree.attention), range(step.tree.size)
    below = tuple(tiles[step.tree.attention :])
    tables: dict[str, tuple[tuple[int, ...], ...]] = {
        f"root {root}": ((root, *below), *((other,) for other in roots if other != root)) for root in roots
    }
    if len(roots) > 1:
        tables["roots"] = (tuple(roots), *((tile,) for tile in below))
    return tables


__all__ = ["assemble_mixed"]
