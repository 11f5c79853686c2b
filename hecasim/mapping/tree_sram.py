"""What the SRAM of an expert chiplet holds at its fullest, and so how many micro-batches may send their tokens ahead.

Logic and SRAM are dies of their own, so a chiplet's SRAM is taken as one room: the experts of one layer, the gradient
of one expert (it is added to the weights when it is made; assumed), the tokens of the micro-batches that wait there and
the outputs of one. Tasks take no space one by one on a tree.
"""

from __future__ import annotations

from dataclasses import dataclass

from hecasim.errors import InfeasiblePlan
from hecasim.experts import Site
from hecasim.specs import ModelSpec, PackageSpec, PlanSpec


@dataclass(frozen=True)
class SramNeed:
    """Bytes at the fullest expert chiplet."""

    weights_bytes: int
    gradient_bytes: int
    tokens_bytes: int
    """Vectors of one micro-batch."""
    room_bytes: int | None
    tokens_ahead: int

    def bytes_at(self, ahead: int) -> int:
        """Where the tokens of so many micro-batches wait."""
        return self.weights_bytes + self.gradient_bytes + (ahead + 1) * self.tokens_bytes

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader of the result must know."""
        needed = self.bytes_at(self.tokens_ahead)
        if self.room_bytes is None or needed <= self.room_bytes:
            return ()
        parts = f"{_mib(self.weights_bytes)} of weights, {_mib(self.gradient_bytes)} of one gradient"
        return (
            f"SRAM of an expert chiplet exceeded: {_mib(needed)} needed ({parts}, {self.tokens_ahead} + 1 times "
            f"{_mib(self.tokens_bytes)} of tokens), {_mib(self.room_bytes)} present",
        )


def sram_need(package: PackageSpec, model: ModelSpec, plan: PlanSpec, site: Site, fullest_tokens: int) -> SramNeed:
    """The room of an expert chiplet; *fullest_tokens* come to the busiest one in one micro-batch and layer.

    `tokens_ahead: auto` is as many micro-batches as fit. Raises InfeasiblePlan where one does not.
    """
    moe = model.moe
    assert moe is not None
    element, sram = plan.bytes_per_element, package.chiplet.sram
    pools = (sram.weights_bytes, sram.activations_bytes)
    room = None if None in pools else sum(pool for pool in pools if pool is not None)
    weights = model.expert_parameters * site.per_chiplet(moe.experts) * element
    gradient = 0 if plan.optimizer == "none" else model.expert_parameters * element
    tokens = fullest_tokens * model.hidden * element
    most = plan.batch // int(plan.micro_batch) if plan.stream_tokens else 1
    ahead = most
    if plan.tokens_ahead != "auto":
        ahead = min(most, plan.tokens_ahead)
    elif room is not None and tokens:
        ahead = min(most, max(1, (room - weights - gradient) // tokens - 1))
    need = SramNeed(weights, gradient, tokens, room, ahead)
    if need.remarks and plan.capacity == "refuse":
        raise InfeasiblePlan(
            resource="SRAM of an expert chiplet", needed=_mib(need.bytes_at(ahead)), available=_mib(room or 0),
            levers=["plan.micro_batch (smaller)", "plan.tokens_ahead (fewer)", "package.chiplet.tiles (more)",
                    "plan.capacity=warn"],
        )  # fmt: skip
    return need


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:.1f} MiB"
