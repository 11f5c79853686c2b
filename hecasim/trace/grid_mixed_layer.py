"""What one layer of a mixture holds and moves on a grid: work of every die, bytes between every two, what is saved."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hecasim.experts import Placement
from hecasim.mapping import modules
from hecasim.mapping.dispatch import Counts, Dispatch
from hecasim.mapping.modules import Module
from hecasim.specs import ModelSpec, PlanSpec
from hecasim.trace.mixed import home_module, vectors_of


class GridLayer:
    """One layer; those before the first with experts have attention and a dense FFN alone."""

    def __init__(
        self, model: ModelSpec, plan: PlanSpec, dies: int, layer: int, placement: Placement,
        dispatches: Sequence[Sequence[Sequence[Dispatch]]],
    ) -> None:  # fmt: skip
        moe = model.moe
        assert moe is not None
        self.model, self.plan, self.dies, self.layer = model, plan, dies, layer
        self.micro_batches = plan.batch // int(plan.micro_batch)
        self.home = home_module(model, plan, dies, layer)
        self.has_experts = layer >= moe.dense_first
        self.vectors: list[Counts] = []
        """Per micro-batch, by home die and die of the expert: vectors that go there, and come home."""
        self.experts: list[list[Module]] = []
        """Per micro-batch, the work of every die for the tokens of all."""
        if self.has_experts:
            members = placement.members(layer - moe.dense_first)
            for found in dispatches[layer - moe.dense_first]:
                self._count(found, members)

    def _count(self, found: Sequence[Dispatch], members: Sequence[Sequence[int]]) -> None:
        full = self.plan.stash == "full"
        vectors = np.array([vectors_of(one, self.plan) for one in found], dtype=np.int64)
        per_expert, arrived = np.sum([one.per_expert for one in found], axis=0), vectors.sum(axis=0)
        self.vectors.append(vectors)
        self.experts.append([
            modules.experts(self.model, [int(per_expert[expert]) for expert in own], int(came), keeps_outputs=full)
            for own, came in zip(members, arrived, strict=True)
        ])  # fmt: skip

    @property
    def expert_parameters(self) -> int:
        """Weights of experts on each die: equally many on all."""
        return self.experts[0][0].parameters if self.has_experts else 0

    def pair_bytes(self, micro_batch: int, *, home: bool) -> tuple[int, ...]:
        """Bytes from every die to every other, row by row: out to the experts, or *home* again."""
        table = self.vectors[micro_batch] * (self.model.hidden * self.plan.bytes_per_element)
        np.fill_diagonal(table, 0)
        return tuple((table.T if home else table).ravel().tolist())

    def came_home(self, micro_batch: int) -> list[int]:
        """Vectors that every die adds to its tokens, those that never left it too."""
        return [int(count) for count in self.vectors[micro_batch].sum(axis=1)]

    def saved_bytes(self, micro_batch: int) -> list[int]:
        """Kept for backward, per die."""
        own = [module.saved_elements for module in self.experts[micro_batch]] if self.has_experts else [0] * self.dies
        return [(self.home.saved_elements + elements) * self.plan.bytes_per_element for elements in own]
