"""What must be computed: one training step as operators with loop nests, before anyone splits it."""

from hecasim.workload.layers import Block, blocks_of
from hecasim.workload.operators import Operand, Operator, Tensor

__all__ = ["Block", "Operand", "Operator", "Tensor", "blocks_of"]
