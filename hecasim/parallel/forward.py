"""The forward pass of one block, and the same once more where backward needs what was not stored."""

from __future__ import annotations

from hecasim.parallel.program import RECOMPUTE, NestStep, Program
from hecasim.parallel.shapes import gemms_of, vector_loads
from hecasim.parallel.sharding import Sharding
from hecasim.parallel.traffic import add_forward_traffic, add_recompute_traffic
from hecasim.parallel.walk import Walk, Wish
from hecasim.workload.operators import Level


def derive_forward(sharding: Sharding) -> Program:
    """Every level: bring the operands, compute, bring the results to rest."""
    walk = _walked(sharding, "forward")
    add_forward_traffic(walk.program, sharding)
    return walk.program


def derive_again(sharding: Sharding) -> Program:
    """The whole forward pass again, from the block's input; what it stores is what backward reads."""
    walk = _walked(sharding, RECOMPUTE)
    add_recompute_traffic(walk.program, sharding)
    return walk.program


def _walked(sharding: Sharding, phase: str) -> Walk:
    walk = Walk(sharding, phase)
    for level in sharding.block.levels:
        walk.enter(level)
        # A lookup takes its rows from DRAM, not from a tensor on the package.
        walk.bring_operands(
            (operator, operand) for operator in level if operator.kind != "lookup" for operand in operator.inputs
        )
        walk.add(_nest(sharding, level, phase))
        made = [(operator.output.tensor, sharding.made(operator, operator.output)) for operator in _with_output(level)]
        walk.bring([Wish(tensor, layout, sharding.rest[tensor]) for tensor, layout in made])
    return walk


def _with_output(level: Level) -> Level:
    """Operators whose output is kept: nobody reads the loss."""
    return tuple(operator for operator in level if not operator.is_loss)


def _nest(sharding: Sharding, level: Level, phase: str) -> NestStep:
    """The local work of a level."""
    outputs = [(operator, operator.output) for operator in _with_output(level)]
    sides = [(operator, side) for operator in level for side in operator.side_outputs]
    return NestStep(
        label=f"{phase} {'+'.join(operator.name for operator in level)}",
        gemms=tuple(gemm for operator in level for gemm in gemms_of(sharding, operator, "forward")),
        vectors=tuple(load for operator in level for load in vector_loads(sharding, operator)),
        reads=tuple(dict.fromkeys(name for operator in level for name in sharding.reads(operator))),
        makes=tuple(
            sharding.value(operand.tensor, sharding.made(operator, operand)) for operator, operand in outputs + sides
        ),
    )
