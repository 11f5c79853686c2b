"""The layouts in which gradients are needed, arise, settle and wait for the update.

A gradient is a nest over the same loop indices as the operator it belongs to. Where that operator runs in copies,
partial sums of the gradient may stay partial: each copy works on its own part, and the sum is taken once, later.
"""

from __future__ import annotations

from collections.abc import Sequence

from hecasim.parallel.layout import PARTIAL, Duty, Layout, Segment, normal, placing
from hecasim.parallel.sharding import Sharding
from hecasim.workload.layers import Block
from hecasim.workload.operators import Operand, Operator


def contributions(block: Block) -> dict[str, int]:
    """How many operators send a gradient to each activation; those that none may reach are left out."""
    without = {operator.output.tensor for operator in block.operators if operator.without_gradient}
    counts: dict[str, int] = {}
    for operator in block.operators:
        for operand in operator.inputs if not operator.without_gradient else ():
            if block.tensors[operand.tensor].role != "weight" and operand.tensor not in without:
                counts[operand.tensor] = counts.get(operand.tensor, 0) + 1
    return counts


def incoming_layout(sharding: Sharding, operator: Operator, have: Layout) -> Layout:
    """The layout in which an operator needs the gradient of its output, which stands as *have*."""
    held = have.partial_axes

    def elsewhere(axis: int, index: str) -> str | None:
        return PARTIAL if held[axis] and index not in operator.indices else None

    return placing(operator.output.indices, sharding.cuts[operator.name], sharding.axes, elsewhere)


def contributed_layout(
    sharding: Sharding, operator: Operator, operand: Operand, incoming: Layout | None = None
) -> Layout:
    """The layout in which the gradient of *operand* arises.

    Partial over factors that cut indices absent from the operand, and wherever the incoming gradient is.
    """
    held = incoming.partial_axes if incoming else (False,) * len(sharding.axes)

    def elsewhere(axis: int, index: str) -> str | None:
        return PARTIAL if held[axis] or index in operator.indices else None

    return placing(operand.indices, sharding.cuts[operator.name], sharding.axes, elsewhere)


def settled_layout(sharding: Sharding, tensor: str, contributed: Sequence[Layout]) -> Layout:
    """The tensor's own rest, still partial over factors in which the product that made it ran in copies."""
    rest = sharding.rest[tensor]
    maker = next((operator for operator in sharding.block.operators if operator.output.tensor == tensor), None)
    if maker is None or maker.kind != "product":
        return rest
    copied = sharding.copied_axes(maker)
    held = [any(layout.partial_axes[number] for layout in contributed) for number in range(len(sharding.axes))]

    def duty(number: int, place: Duty) -> Duty:
        return PARTIAL if place is None and held[number] and copied[number] else place

    return Layout(
        tuple(
            normal([Segment(size, duty(number, place)) for size, place in segments])
            for number, segments in enumerate(rest.axes)
        )
    )


def weight_gradient_layout(sharding: Sharding, product: Operator) -> Layout:
    """Partial over factors that cut the tokens, or in which the product ran in copies on partial gradients."""
    output, weight = product.output.tensor, product.inputs[1]
    if not any(sharding.copied_axes(product)):
        return contributed_layout(sharding, product, weight)
    reader, operand = next(
        (operator, operand)
        for operator in sharding.block.operators
        for operand in operator.inputs
        if operand.tensor == output
    )
    incoming = settled_layout(sharding, output, [contributed_layout(sharding, reader, operand)])
    return contributed_layout(sharding, product, weight, incoming)


def weight_gradient_layouts(sharding: Sharding) -> dict[str, Layout]:
    """The layout in which each weight's gradient stands at the end of the backward pass."""
    layouts: dict[str, Layout] = {}
    settles_early = sharding.setting.method.weight_gradients_settle == "backward"
    for operator in sharding.block.operators:
        for operand in operator.inputs:
            if sharding.block.tensors[operand.tensor].role != "weight":
                continue
            if operator.kind != "product":
                layouts[operand.tensor] = contributed_layout(sharding, operator, operand)
            elif settles_early:
                layouts[operand.tensor] = sharding.rest[operand.tensor]
            else:
                layouts[operand.tensor] = weight_gradient_layout(sharding, operator)
    return layouts
