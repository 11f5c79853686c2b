"""The backward pass of one block."""

from __future__ import annotations

from collections.abc import Sequence

from hecasim.parallel.gradients import (
    contributed_layout,
    contributions,
    incoming_layout,
    settled_layout,
    weight_gradient_layout,
)
from hecasim.parallel.layout import Layout
from hecasim.parallel.program import RECOMPUTE, Gemm, NestStep, Program, Value, VectorLoad
from hecasim.parallel.shapes import gemms_of, vector_loads
from hecasim.parallel.sharding import Sharding, value_name
from hecasim.parallel.traffic import add_backward_traffic, gathered_activations
from hecasim.parallel.walk import Walk, Wish
from hecasim.workload.operators import Level, Operator


def derive_backward(sharding: Sharding) -> Program:
    """Levels in reverse: bring the gradient, input gradients, settle, then weight gradients."""
    walk = _BackwardWalk(sharding)
    for level in reversed(sharding.block.levels):
        active = tuple(operator for operator in level if not operator.without_gradient)
        if active:
            walk.enter(level)
            walk.bring_gradients(active)
            walk.input_gradients(active)
            walk.weight_gradients([operator for operator in active if operator.kind == "product"])
    add_backward_traffic(walk.program, sharding)
    return walk.program


class _BackwardWalk(Walk):
    """A walk that knows which gradients have arisen, which have settled, and what was made again."""

    def __init__(self, sharding: Sharding) -> None:
        super().__init__(sharding, "backward")
        block = sharding.block
        self.waiting = contributions(block)
        """Contributions still to come to each activation's gradient."""
        self.contributed: dict[str, list[Layout]] = {}
        self.settled: dict[str, Layout] = {block.result: sharding.rest[block.result]} if block.result else {}
        """Where each summed gradient stands now."""
        self.recomputed: set[str] = set()
        self.kept = [] if sharding.setting.regather else gathered_activations(sharding)
        """What was saved as forward had brought it, and need not be brought again."""
        for tensor, layout in self.kept:
            self.note(tensor, layout)

    def bring_gradients(self, level: Level) -> None:
        """Bring the gradients of a level's outputs to where the level needs them; the loss has none."""
        wishes = []
        for operator in level:
            if not operator.is_loss:
                tensor = operator.output.tensor
                have = self.settled[tensor]
                self.settled[tensor] = incoming_layout(self.sharding, operator, have)
                wishes.append(Wish(tensor, have, self.settled[tensor], gradient=True))
        self.bring(wishes)

    def input_gradients(self, level: Level) -> None:
        """Gradients of what a level reads: one nest, then those whose last contribution this was settle."""
        products = [operator for operator in level if operator.kind == "product"]
        others = [operator for operator in level if operator.kind != "product"]
        self.bring_operands(
            (operator, operand) for operator in others if operator.kind == "opaque" for operand in operator.inputs
        )
        self.bring_operands((product, product.inputs[1]) for product in products)
        for operator in others:
            self._core_again(operator)
        gemms: list[Gemm] = []
        vectors: list[VectorLoad] = []
        reads: list[str] = []
        makes: list[Value] = []
        complete: list[str] = []
        for operator in (*products, *others):
            gemms += gemms_of(self.sharding, operator, "dx")
            vectors += vector_loads(self.sharding, operator, backward=True)
            reads += self._reads(operator)
            makes += self._contribute(operator)
            complete += [operand.tensor for operand in operator.inputs if self.waiting.get(operand.tensor) == 0]
        label = f"backward {'+'.join(operator.name for operator in level)}"
        # Contributions of one layout are added in place: one value.
        distinct = {value.name: value for value in makes}
        self.add(NestStep(label, tuple(gemms), tuple(vectors), tuple(dict.fromkeys(reads)), tuple(distinct.values())))
        self._settle(complete)

    def _core_again(self, operator: Operator) -> None:
        """Selective recomputation: core attention once more, where its backward is about to read what it kept.

        Only what it makes for its own backward counts: the context was stored, for the output projection reads it too.
        """
        sharding = self.sharding
        if not (operator.is_core and sharding.setting.recompute == "selective"):
            return
        self.add(
            NestStep(
                label=f"{RECOMPUTE} {operator.name}",
                gemms=tuple(gemms_of(sharding, operator, "forward")),
                vectors=tuple(vector_loads(sharding, operator)),
                reads=tuple(sharding.reads(operator)),
                makes=tuple(
                    sharding.value(side.tensor, sharding.made(operator, side)) for side in operator.side_outputs
                ),
                phase=RECOMPUTE,
            )
        )

    def _reads(self, operator: Operator) -> list[str]:
        """The incoming gradient, and the activations that the backward rule of a non-product reads."""
        sharding, output, names = self.sharding, operator.output.tensor, []
        if output in self.settled:
            names.append(value_name(output, self.settled[output], gradient=True))
        if operator.kind == "opaque":
            names += sharding.reads(operator)
        if operator.kind != "product":
            names += [value_name(side.tensor, sharding.made(operator, side)) for side in operator.side_outputs]
        if operator.backward_reads_output:
            names.append(value_name(output, sharding.rest[output]))
        return names

    def _contribute(self, operator: Operator) -> list[Value]:
        """The gradients an operator sends to the activations it read."""
        incoming, values = self.settled.get(operator.output.tensor), []
        for operand in operator.inputs:
            if operand.tensor in self.waiting:
                layout = contributed_layout(self.sharding, operator, operand, incoming)
                self.contributed.setdefault(operand.tensor, []).append(layout)
                self.waiting[operand.tensor] -= 1
                values.append(self.sharding.value(operand.tensor, layout, gradient=True))
        return values

    def _settle(self, tensors: Sequence[str]) -> None:
        """Sum the contributions of each tensor and bring them to its own rest, once."""
        rounds: list[list[Wish]] = []
        """Contributions of different layouts to one tensor move one after another; others side by side."""
        for tensor in dict.fromkeys(tensors):
            layouts = self.contributed[tensor]
            self.settled[tensor] = settled_layout(self.sharding, tensor, layouts)
            for number, layout in enumerate(dict.fromkeys(layouts)):
                if number == len(rounds):
                    rounds.append([])
                rounds[number].append(Wish(tensor, layout, self.settled[tensor], gradient=True))
        for wishes in rounds:
            self.bring(wishes)

    def weight_gradients(self, products: Sequence[Operator]) -> None:
        """dW of the products of a level: make again what was not saved, gather it again, multiply."""
        if not products:
            return
        sharding = self.sharding
        for product in products:
            self._restore_source(product)
        self.bring_operands((product, product.inputs[0]) for product in products)
        reads: list[str] = []
        made: list[Wish] = []
        for product in products:
            source, weight, output = product.inputs[0], product.inputs[1].tensor, product.output
            reads.append(value_name(source.tensor, sharding.need(product, source)))
            reads.append(value_name(output.tensor, self.settled[output.tensor], gradient=True))
            if sharding.setting.method.weight_gradients_settle == "backward":
                layout = weight_gradient_layout(sharding, product)
                made.append(Wish(weight, layout, sharding.rest[weight], gradient=True))
        label = f"weights {'+'.join(product.name for product in products)}"
        gemms = tuple(gemm for product in products for gemm in gemms_of(sharding, product, "dw"))
        values = tuple(sharding.value(wish.tensor, wish.have, gradient=True) for wish in made)
        self.add(NestStep(label, gemms, (), tuple(dict.fromkeys(reads)), values))
        self.bring(made)

    def _restore_source(self, product: Operator) -> None:
        """Make a product's input again (once) from what was saved, unless it was kept as forward had gathered it."""
        sharding, source = self.sharding, product.inputs[0].tensor
        kept = (source, sharding.need(product, product.inputs[0])) in self.kept
        if sharding.block.tensors[source].fate == "recomputed" and source not in self.recomputed and not kept:
            self.recomputed.add(source)
            maker = next(operator for operator in sharding.block.operators if operator.output.tensor == source)
            again = tuple(vector_loads(sharding, maker))
            reads = tuple(dict.fromkeys(sharding.reads(maker)))
            self.add(NestStep(f"again {maker.name}", (), again, reads, (sharding.resting(source),)))
