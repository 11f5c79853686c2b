"""What DRAM brings to a block in each pass, what it takes, and which weights stand on the package meanwhile."""

from __future__ import annotations

from hecasim.parallel.gradients import weight_gradient_layouts
from hecasim.parallel.layout import Layout
from hecasim.parallel.program import Program, Value
from hecasim.parallel.sharding import Sharding, tensor_of, value_name

TABLE = "table"
"""The embedding table stays in DRAM: rows come and their gradients go one by one, the weight buffer never holds it."""


def add_forward_traffic(program: Program, sharding: Sharding) -> None:
    """DRAM brings the block's input and weights; it takes the output and what backward needs."""
    block = sharding.block
    _load(program, sharding.resting(block.source) if block.source else sharding.rows())
    for value in stored_values(sharding):
        _store(program, value)
    if block.result:
        program.sections[-1].stores.append(sharding.resting(block.result))
    program.weights = weight_values(sharding)


def add_recompute_traffic(program: Program, sharding: Sharding) -> None:
    """DRAM brings the block's input and takes what backward needs; the output nobody reads a second time."""
    _load(program, sharding.resting(sharding.block.source))
    for value in saved_values(sharding):
        _store(program, value)
    program.weights = weight_values(sharding)


def add_backward_traffic(program: Program, sharding: Sharding) -> None:
    """DRAM brings the output's gradient, the input and what forward saved; it takes the input's gradient."""
    block = sharding.block
    if block.result:
        _load(program, sharding.resting(block.result, gradient=True))
    if block.source:
        _load(program, sharding.resting(block.source))
    for value in saved_values(sharding) if recomputes_whole(sharding) else stored_values(sharding):
        _load(program, value)
    leaves = sharding.resting(block.source, gradient=True) if block.source else sharding.rows(gradient=True)
    program.sections[-1].stores.append(leaves)
    program.weights = weight_values(sharding)
    program.gradients = [
        sharding.value(name, layout, gradient=True)
        for name, layout in weight_gradient_layouts(sharding).items()
        if name != TABLE
    ]


def weight_values(sharding: Sharding) -> list[Value]:
    """Weights that the weight buffer holds."""
    return [sharding.resting(weight.name) for weight in sharding.block.weights if weight.name != TABLE]


def recomputes_whole(sharding: Sharding) -> bool:
    """Whether a block's forward runs again before its backward: only blocks that have an input and an output."""
    return sharding.setting.recompute == "full" and bool(sharding.block.source and sharding.block.result)


def stored_values(sharding: Sharding) -> list[Value]:
    """What forward stores for backward besides the block's input: what is not made again."""
    if recomputes_whole(sharding):
        return []
    if sharding.setting.recompute != "selective":
        return saved_values(sharding)
    again = {side.tensor for operator in sharding.block.operators if operator.is_core for side in operator.side_outputs}
    return [value for value in saved_values(sharding) if tensor_of(value.name) not in again]


def saved_values(sharding: Sharding) -> list[Value]:
    """What backward needs of forward besides the block's input, in the layout in which it reads it."""
    saved = [tensor.name for tensor in sharding.block.tensors.values() if tensor.fate == "saved"]
    gathered = [] if sharding.setting.regather else gathered_activations(sharding)
    instead = {value_name(name, sharding.rest[name]) for name, _ in gathered}
    values = [sharding.resting(name) for name in saved] + [sharding.value(name, need) for name, need in gathered]
    return [value for value in values if value.name not in instead]


def gathered_activations(sharding: Sharding) -> list[tuple[str, Layout]]:
    """Activations that backward needs in another layout than they rest in: without `regather` these are saved."""
    found: dict[tuple[str, Layout], None] = {}
    for operator in sharding.block.operators:
        operands = operator.inputs[:1] if operator.kind == "product" else operator.inputs if operator.is_core else ()
        for operand in operands:
            need = sharding.need(operator, operand)
            is_activation = sharding.block.tensors[operand.tensor].role == "activation"
            if is_activation and need != sharding.rest[operand.tensor]:
                found[(operand.tensor, need)] = None
    return list(found)


def _load(program: Program, value: Value) -> None:
    """DRAM brings *value* at the start of the first section that reads it."""
    readers = (section for section in program.sections if any(value.name in step.reads for step in section.steps))
    next(readers, program.sections[0]).loads.append(value)


def _store(program: Program, value: Value) -> None:
    """DRAM takes *value* at the end of the section that makes it."""
    names = ((section, (made.name for step in section.steps for made in step.makes)) for section in program.sections)
    next((section for section, made in names if value.name in made), program.sections[-1]).stores.append(value)
