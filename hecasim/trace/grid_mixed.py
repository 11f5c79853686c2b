"""What is decided of a step of a mixture on a grid before its tasks are written: routing, placement, what stays.

Every die works on its own sequences of a micro-batch with the weights of attention, which all dies share, and holds its
part of the experts of every layer. Tokens go straight to the dies of their experts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hecasim.errors import ConfigError, InfeasiblePlan
from hecasim.experts import Kept, Options, Placement, Site, Weights, apply_capacity, place
from hecasim.experts.cost import BUSY_SHARE, Speeds, default_weights
from hecasim.mapping.dispatch import Dispatch
from hecasim.mapping.dram import check_capacity, footprint
from hecasim.specs import ModelSpec, PackageSpec, PlanSpec
from hecasim.trace.grid_mixed_layer import GridLayer
from hecasim.trace.mixed import dispatches_of, routing_notes, routings
from hecasim.trace.prepare import check_grid
from hecasim.units import mib

MOST_DIES = 256
"""A table of all pairs of more dies does not fit the row of a trace file (`fields.LARGEST_TILES`)."""
UNUSED = {"recompute": "none", "shared_expert_placement": "attention", "attention": "streamed", "causal_skip": False}
"""Plan keys that would change the work of a module, and the one value that is modelled here."""


@dataclass(frozen=True)
class GridMixedStep:
    """Everything known about a step of a mixture on a grid before its tasks are written down."""

    package: PackageSpec
    model: ModelSpec
    plan: PlanSpec
    kept: Kept
    placement: Placement
    dispatches: Sequence[Sequence[Sequence[Dispatch]]]
    """Per expert layer, micro-batch and home die."""
    layers: Sequence[GridLayer]
    resident: Mapping[tuple[str, str], bool]
    """Whether the weights of a layer, in backward with their gradients, stay for all its micro-batches."""
    sram_bytes: int
    dram_by_class: Mapping[str, int]
    remarks: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def dies(self) -> int:
        return self.package.topology.rows * self.package.topology.columns

    @property
    def micro_batches(self) -> int:
        return self.plan.batch // int(self.plan.micro_batch)

    @property
    def tokens(self) -> int:
        """Of one micro-batch on one die."""
        return int(self.plan.micro_batch) // self.dies * self.plan.sequence

    @property
    def token_tile(self) -> int:
        """A micro-batch goes through a layer as a whole."""
        return self.tokens

    @property
    def activation_peak_bytes(self) -> int:
        """Tasks take no space: `sram_bytes` is planned."""
        return 0

    def stays(self, block: str, phase: str) -> bool:
        """Whether weights come once in this pass, or again for every micro-batch."""
        return self.resident[block, phase]


def prepare_grid_mixed(package: PackageSpec, model: ModelSpec, plan: PlanSpec) -> GridMixedStep:
    """Draw or read the routing, fit the placement, and see what stays in SRAM and fits DRAM.

    Raises ConfigError where plan, model and package do not suit each other, InfeasiblePlan where they do not fit.
    """
    check_grid(package, plan)
    dies = package.topology.rows * package.topology.columns
    _check(model, plan, dies)
    plan = plan.model_copy(update={"micro_batch": _micro_batch(plan, dies)})
    tokens, per_micro_batch = plan.batch * plan.sequence, int(plan.micro_batch) * plan.sequence
    profile, routing = routings(model, plan, tokens)
    moe = model.moe
    assert moe is not None
    kept = apply_capacity(routing, moe.capacity_factor, per_micro_batch)
    # Every die is a group by itself: what the busiest die receives is what `balanced` keeps low.
    options = Options(_weights(package, model, plan, dies), plan.seed)
    placement = place(plan.expert_placement, profile, Site(dies, dies), options)
    dispatches = dispatches_of(kept, placement, per_micro_batch // dies, dies)
    layers = [GridLayer(model, plan, dies, number, placement, dispatches) for number in range(model.layers)]
    resident, sram_bytes, remarks = _room(package, plan, layers, model.vocab * model.hidden)
    by_class = _footprint(model, plan, layers)
    excess = check_capacity(package, plan, by_class)
    notes = (*routing_notes(kept, placement, plan), *NOTES)
    return GridMixedStep(package, model, plan, kept, placement, dispatches, layers, resident, sram_bytes, by_class,
                         (*remarks, *([excess] if excess else [])), notes)  # fmt: skip


NOTES = (
    "expert_parallel: attention, router, shared experts, dense layers and head are held by every die for its own "
    "sequences; rows of the embedding that several dies use are not added up between them",
    "SRAM per die is planned, not tracked task by task",
)


def _check(model: ModelSpec, plan: PlanSpec, dies: int) -> None:
    if model.moe is None:
        raise ConfigError(f"model: {model.name} is dense; expected a mixture of experts for plan.method {plan.method}")
    if dies > MOST_DIES:
        raise ConfigError(f"plan.method: {plan.method} needs at most {MOST_DIES} dies; the package has {dies}")
    for key, only in UNUSED.items():
        found = getattr(plan, key)
        if found != only:
            raise ConfigError(f"plan.{key}: found {found}; expected {only}: {plan.method} models nothing else yet")


def _micro_batch(plan: PlanSpec, dies: int) -> int:
    """Sequences of a micro-batch: equally many, whole ones, for every die; `auto` is one each."""
    found = dies if plan.micro_batch == "auto" else plan.micro_batch
    if plan.batch % dies:
        raise ConfigError(f"plan.batch: found {plan.batch}; expected a multiple of the {dies} dies, one sequence each")
    if found % dies or plan.batch % found:
        raise ConfigError(
            f"plan.micro_batch: found {found}; expected a multiple of the {dies} dies and a divisor of plan.batch "
            f"({plan.batch})"
        )
    return found


def _weights(package: PackageSpec, model: ModelSpec, plan: PlanSpec, dies: int) -> Weights:
    """What `balanced` weighs: every copy on all links, the copies and the work of the busiest die on its own."""
    link = float(package.link.payload_bytes_per_s)
    peak = BUSY_SHARE * float(package.chiplet.core.peak_flop_per_s)
    return default_weights(model, Speeds(link, link * dies, peak, plan.bytes_per_element, seen_of_hottest=1.0))


def _room(
    package: PackageSpec, plan: PlanSpec, layers: Sequence[GridLayer], head_parameters: int
) -> tuple[dict[tuple[str, str], bool], int, list[str]]:
    """Which weights stay, bytes of SRAM at the fullest die as planned, and what a reader must know."""
    sram, element = package.chiplet.sram, plan.bytes_per_element
    weights = max(layer.home.parameters + layer.expert_parameters for layer in layers) * element
    held = {"forward": weights, "backward": weights * (1 if plan.optimizer == "none" else 2)}
    limit, remarks = sram.weights_bytes, []
    resident = {("layer", phase): limit is None or size <= limit for phase, size in held.items()}
    resident["head", "backward"] = limit is None or 2 * head_parameters * element <= limit
    for phase, size in held.items():
        if limit is not None and size > limit:
            remarks.append(
                f"layer {phase}: {mib(size)} of weights and gradients per die exceed the weight buffer of "
                f"{mib(limit)}; they are read again, and gradients added up in DRAM, for every micro-batch; that the "
                "modules stream them through the buffer is assumed"
            )
    if not resident["head", "backward"] and layers[0].micro_batches > 1:
        remarks.append(f"head: weights of {mib(head_parameters * element)} are treated likewise")
    saved = max(int(np.max(layer.saved_bytes(number))) for layer in layers for number in range(layer.micro_batches))
    room = sram.activations_bytes
    if room is not None and saved > room:
        if plan.capacity == "refuse":
            fewer = ["plan.micro_batch (smaller)"] if int(plan.micro_batch) > layers[0].dies else []
            raise InfeasiblePlan(
                resource="activation SRAM per die, for what a micro-batch saves in a layer", needed=mib(saved),
                available=mib(room),
                levers=[*fewer, "plan.sequence (shorter)", "package.chiplet.sram.activations",
                        "plan.expert_placement=balanced (a cooler hottest die)", "plan.capacity=warn"],
            )  # fmt: skip
        remarks.append(
            f"activation SRAM exceeded: a micro-batch saves {mib(saved)} in a layer, {mib(room)} present; it would "
            "have to stream in token tiles, which is not modelled"
        )
    most = max(held.values())
    return resident, (most if limit is None else min(most, limit)) + saved, remarks


def _footprint(model: ModelSpec, plan: PlanSpec, layers: Sequence[GridLayer]) -> dict[str, int]:
    """Weights lie in DRAM once; activations are what all micro-batches of the step save."""
    micro_batches = plan.batch // int(plan.micro_batch)
    saved = sum(int(np.sum(layer.saved_bytes(number))) for layer in layers for number in range(micro_batches))
    boundary = plan.batch * plan.sequence * model.hidden * plan.bytes_per_element
    return footprint(model, plan, -(-(saved + boundary) // micro_batches), boundary if micro_batches > 1 else 0)
