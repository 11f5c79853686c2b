"""What one layer of a mixture holds and moves: weights per tile, and per micro-batch tokens, work and what is saved."""

from __future__ import annotations

import numpy as np

from hecasim.mapping import modules
from hecasim.mapping.modules import Module
from hecasim.trace.mixed import MixedStep


class Layer:
    """One layer on a tree; layers without experts have attention and a dense FFN at the root alone."""

    def __init__(self, step: MixedStep, layer: int) -> None:
        moe = step.model.moe
        assert moe is not None
        self.step, self.layer = step, layer
        self.number = layer - moe.dense_first
        """Among the layers with experts."""
        self.root = step.root_module(layer)
        self.has_experts = self.number >= 0
        self.experts: list[list[Module]] = []
        """Per micro-batch, the work of every expert chiplet."""
        if self.has_experts:
            for micro_batch in range(step.micro_batches):
                self._count(micro_batch)

    def _count(self, micro_batch: int) -> None:
        step = self.step
        found = step.dispatches[self.number][micro_batch]
        per_expert = np.sum([one.per_expert for one in found], axis=0)
        arrived = np.sum([step.vectors(one) for one in found], axis=0)
        members = step.placement.members(self.number)
        self.experts.append([self._work([int(per_expert[expert]) for expert in own], int(came))
                             for own, came in zip(members, arrived, strict=True)])  # fmt: skip

    def _work(self, tokens: list[int], arrived: int) -> Module:
        step, model, plan = self.step, self.step.model, self.step.plan
        moe = model.moe
        assert moe is not None
        module = modules.experts(model, tokens, arrived, keeps_outputs=plan.stash == "full")
        if moe.shared_experts and plan.shared_expert_placement == "chiplets":
            share = -(-step.tokens * step.tree.attention // step.placement.chiplets)
            module = modules.together([module, modules.ffn(model, moe.shared_inner, share, moe.shared_experts)])
        return module

    @property
    def chiplet_parameters(self) -> int:
        """Of this layer on each expert chiplet: equally many on all."""
        return self.experts[0][0].parameters

    def hot_first(self) -> list[list[int]]:
        """Expert chiplets in the order in which their weights come: the n-th of every group together.

        Where weights stream, the chiplet with the highest load in the profile is first.
        """
        step = self.step
        groups = np.arange(step.placement.chiplets).reshape(-1, step.placement.site.per_group)
        if step.plan.stream_experts:
            loads = step.profile_loads[self.number][groups]
            groups = np.take_along_axis(groups, np.argsort(-loads, axis=1, kind="stable"), axis=1)
        return [[int(chiplet) for chiplet in rank] for rank in groups.T]

    def saved_bytes(self, micro_batch: int) -> list[int]:
        """Kept for backward, per tile."""
        element = self.step.plan.bytes_per_element
        own = [module.saved_elements for module in self.experts[micro_batch]] if self.has_experts else []
        return self.step.per_tile(self.root.saved_elements * element, [elements * element for elements in own])

    def parameters(self) -> list[int]:
        """Weights per tile, in elements."""
        own = [module.parameters for module in self.experts[0]] if self.has_experts else []
        return self.step.per_tile(self.root.parameters, own)
