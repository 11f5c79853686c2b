"""What the SRAM of an expert chiplet holds at its fullest, and so how many micro-batches may send their tokens ahead.

Logic and SRAM are dies of their own, so a chiplet's SRAM is taken as one room: the experts of one layer, the gradient
of one expert (it is added to the weights when it is made; assumed), the tokens of the micro-batches that wait there and
the outputs of one. An attention chiplet holds the weights and gradients of its modules of a layer and what one
micro-batch saves; where that is too much it would have to stream, which is not modelled but said. These are plans:
tasks take no space one by one on a tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hecasim.errors import InfeasiblePlan
from hecasim.experts import Site
from hecasim.mapping.modules import Module
from hecasim.specs import ModelSpec, PackageSpec, PlanSpec
from hecasim.units import mib


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
    def parts(self) -> str:
        """What lies there, for people."""
        return (
            f"{mib(self.weights_bytes)} of weights, {mib(self.gradient_bytes)} of one gradient, "
            f"{self.tokens_ahead} + 1 times {mib(self.tokens_bytes)} of tokens"
        )

    @property
    def note(self) -> str:
        """For the result: the SRAM figure is that of the fullest expert chiplet, as planned."""
        needed = mib(self.bytes_at(self.tokens_ahead))
        return f"SRAM per die: {needed} at the fullest expert chiplet, as planned, not task by task ({self.parts})"

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader of the result must know."""
        needed = self.bytes_at(self.tokens_ahead)
        if self.room_bytes is None or needed <= self.room_bytes:
            return ()
        needs = f"{mib(needed)} needed ({self.parts}), {mib(self.room_bytes)} present"
        return (f"SRAM of an expert chiplet exceeded: {needs}",)


def room_bytes(package: PackageSpec) -> int | None:
    """The SRAM of a chiplet as one room; None without limit."""
    pools = (package.chiplet.sram.weights_bytes, package.chiplet.sram.activations_bytes)
    return None if None in pools else sum(pool for pool in pools if pool is not None)


def root_remark(package: PackageSpec, plan: PlanSpec, roots: Sequence[Module]) -> str | None:
    """What an attention chiplet holds at its fullest layer of *roots*, where that exceeds its SRAM."""
    element, room = plan.bytes_per_element, room_bytes(package)
    kept = 1 if plan.optimizer == "none" else 2  # weights, and as many gradients
    sizes = ((kept * root.parameters * element, root.saved_elements * element) for root in roots)
    weights, saved = max(sizes, key=sum)
    if room is None or weights + saved <= room:
        return None
    return (
        f"SRAM of an attention chiplet exceeded: {mib(weights + saved)} needed ({mib(weights)} of weights and "
        f"gradients of its fullest layer, {mib(saved)} that a micro-batch saves), {mib(room)} present; it would have "
        "to stream them, which is not modelled"
    )


def sram_need(package: PackageSpec, model: ModelSpec, plan: PlanSpec, site: Site, fullest_tokens: int) -> SramNeed:
    """The room of an expert chiplet; *fullest_tokens* come to the busiest one in one micro-batch and layer.

    `tokens_ahead: auto` is as many micro-batches as fit. Raises InfeasiblePlan where one does not.
    """
    moe = model.moe
    assert moe is not None
    element, room = plan.bytes_per_element, room_bytes(package)
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
            resource="SRAM of an expert chiplet", needed=mib(need.bytes_at(ahead)), available=mib(room or 0),
            levers=["plan.micro_batch (smaller)", "plan.tokens_ahead (fewer)", "package.chiplet.tiles (more)",
                    "plan.capacity=warn"],
        )  # fmt: skip
    return need
