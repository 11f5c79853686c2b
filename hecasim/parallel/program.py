"""What one block does in one pass, derived from its operators and the method's table: waves of exchanges and nests.

Nothing here knows hardware. A *wave* is a set of steps that may run side by side; a *section* is a run of waves
that streams token tile by token tile (or, around core attention, waits for the whole micro-batch).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from hecasim.parallel.layout import Counts, Layout
from hecasim.parallel.reshard import Group

RECOMPUTE = "recompute"
"""The pass that makes again, in front of backward, what forward did not store."""


@dataclass(frozen=True)
class Amount:
    """How much of a tensor a tile holds: elements = tokens x features, tile by tile; bytes per element.

    `tokens` is None for tensors without token dimensions: those do not shrink with the token tile.
    """

    tokens: Counts | None
    features: Counts
    element_bytes: int

    def elements(self, part: int = 0, parts: int = 1) -> Counts:
        """Elements on every tile of token tile *part* of *parts*."""
        if self.tokens is None:
            return self.features
        whole, extra = self.tokens // parts, self.tokens % parts
        return (whole + (part < extra)) * self.features

    def bytes(self, part: int = 0, parts: int = 1) -> Counts:
        return self.elements(part, parts) * self.element_bytes


@dataclass(frozen=True)
class Gemm:
    """`count` matrix products of m x k by k x n on every tile; `tiled` names the dimension that token tiles cut."""

    count: Counts
    m: Counts
    n: Counts
    k: Counts
    tiled: str | None = None


@dataclass(frozen=True)
class VectorLoad:
    """Elementwise work on every tile: tokens x features points of `operations` scalar operations each."""

    amount: Amount
    operations: float


@dataclass(frozen=True)
class Value:
    """A piece of data in SRAM: which tensor, in which layout, how much of it on every tile."""

    name: str
    layout: Layout
    amount: Amount


def total_bytes(values: Iterable[Value], part: int = 0, parts: int = 1) -> Counts:
    """Bytes of some values together on every tile."""
    return np.asarray(np.sum([value.amount.bytes(part, parts) for value in values], axis=0), dtype=np.int64)


def written_bytes(values: Iterable[Value], part: int = 0, parts: int = 1) -> Counts:
    """Bytes each tile writes of some values: of several copies of the same numbers each writes its part."""
    shares = [-(-value.amount.bytes(part, parts) // value.layout.copies) for value in values]
    return np.asarray(np.sum(shares, axis=0), dtype=np.int64)


@dataclass(frozen=True)
class ExchangeStep:
    """One collective; several tensors of one kind and group travel together."""

    kind: str
    group: Group
    label: str
    moved: tuple[Amount, ...]
    """Per tensor, what one member holds before a gather or after a scatter; for the rest what it holds."""
    reads: tuple[str, ...]
    makes: tuple[Value, ...]
    phase: str = ""
    """The pass it counts to, where that is not its program's own."""


@dataclass(frozen=True)
class NestStep:
    """Local work of one level of operators."""

    label: str
    gemms: tuple[Gemm, ...]
    vectors: tuple[VectorLoad, ...]
    reads: tuple[str, ...]
    makes: tuple[Value, ...]
    phase: str = ""
    """The pass it counts to, where that is not its program's own."""


Step = ExchangeStep | NestStep
Wave = tuple[Step, ...]


@dataclass
class Section:
    """Waves in order; `tiled` if they stream token tile by token tile; what DRAM brings first and takes last."""

    tiled: bool
    waves: list[Wave] = field(default_factory=list)
    loads: list[Value] = field(default_factory=list)
    stores: list[Value] = field(default_factory=list)

    @property
    def steps(self) -> Iterator[Step]:
        return (step for wave in self.waves for step in wave)


@dataclass
class Program:
    """One block in one pass: its sections, the weights it needs and the gradients it accumulates."""

    block: str
    phase: str
    sections: list[Section]
    weights: list[Value] = field(default_factory=list)
    gradients: list[Value] = field(default_factory=list)
    rounds: bool = False
    """Gathered operands and partial results pass through two panels (SUMMA) instead of standing whole."""
    panels: int = 1
    """Pipelined chunks in which each round's tile travels."""
    reads_back: bool = False
    """Some sections load what earlier ones of the same body have stored."""

    @property
    def steps(self) -> Iterator[Step]:
        return (step for section in self.sections for step in section.steps)
