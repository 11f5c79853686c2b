"""Operators: pieces of mathematics with known loop indices, hardware and splitting unknown.

Loop indices (one letter where the field's notation is one letter):

    b  sequence in the micro-batch     s  query position          u  key position
    h  hidden feature                  kv key/value head          group  query head of one kv head
    e  feature of one head             f  inner feature of the FFN       v  word of the vocabulary

A tensor is read through *loop indices*, not dimensions: core attention reads K by (b, u, kv, e)
although the projection that made it wrote (b, s, kv, e).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal, NamedTuple

TOKEN_INDICES = ("b", "s")
STATISTIC_BYTES = 4
"""Row statistics (norms, softmax) are kept in fp32 whatever the training precision (assumed)."""
MASK_BYTES = 1
"""A dropout mask takes one byte per element (Korthikanti et al., arXiv 2205.05198, section 4)."""

Role = Literal["activation", "weight", "statistic", "mask"]
Kind = Literal["product", "sum", "opaque", "lookup"]
Fate = Literal["saved", "boundary", "recomputed", "transient"]


@dataclass(frozen=True)
class Tensor:
    """A named array: its dimensions as indices of the operator that makes it.

    `fate` says what backward finds of an activation: `boundary` (the block's input, in DRAM anyway),
    `saved` (stored for backward), `recomputed` (made again from what is saved) or `transient` (not needed).
    """

    name: str
    dims: tuple[str, ...]
    role: Role = "activation"
    fate: Fate = "transient"
    values: int = 1
    """Numbers per element: a layer norm keeps two statistics per token, an RMS norm one."""

    def bytes_per_element(self, precision_bytes: int) -> int:
        if self.role == "statistic":
            return STATISTIC_BYTES * self.values
        if self.role == "mask":
            return MASK_BYTES
        return precision_bytes


@dataclass(frozen=True)
class Operand:
    """A tensor as one operator reads it: the loop index that runs over each of its dimensions."""

    tensor: str
    indices: tuple[str, ...]


class VectorWork(NamedTuple):
    """Elementwise work: scalar operations per point of a loop nest, in the forward and the backward pass."""

    indices: tuple[str, ...]
    forward: float
    backward: float


@dataclass(frozen=True)
class Operator:
    """One loop nest: `output[indices] += product of inputs`, or an elementwise or opaque rule."""

    name: str
    kind: Kind
    output: Operand
    inputs: tuple[Operand, ...]
    vector_work: tuple[VectorWork, ...] = ()
    side_outputs: tuple[Operand, ...] = ()
    """What it makes besides its output for its own backward: masks, softmax statistics, kept scores."""
    backward_reads_output: bool = False
    without_gradient: bool = False
    """Nothing flows back through it: the loss's own gradient already contains its statistics."""

    @property
    def indices(self) -> frozenset[str]:
        return frozenset(self.output.indices).union(*(operand.indices for operand in self.inputs))

    @property
    def is_core(self) -> bool:
        """Core attention: the one nest that needs all tokens at once and holds two products of its own."""
        return self.name == "attention_core"

    @property
    def is_loss(self) -> bool:
        """The end of the forward pass: nobody reads its output, and no gradient comes to it."""
        return self.name == "loss"

    def product_loops(self) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        """Loop indices of a product: rows (of the first input), columns (of the second), and those it sums over."""
        first, second, output = self.inputs[0].indices, self.inputs[1].indices, self.output.indices
        rows = tuple(index for index in output if index in first)
        columns = tuple(index for index in output if index in second)
        return rows, columns, tuple(index for index in first if index not in output)

    def product_shape(self, extents: Mapping[str, int]) -> tuple[int, int, int]:
        """(m, n, k) of a product: rows of the first input, columns of the second, summed extent."""
        rows, columns, summed = self.product_loops()
        return volume(rows, extents), volume(columns, extents), volume(summed, extents)


Level = tuple[Operator, ...]
"""Operators that take part together: their exchanges of one kind and group are one collective."""


def volume(indices: Sequence[str], extents: Mapping[str, int]) -> int:
    """Number of points of a loop nest over *indices*."""
    return prod(extents[index] for index in indices)
