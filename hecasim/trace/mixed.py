"""What is decided of a step on a tree of chiplets before its tasks are written: routing, placement, what goes where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hecasim.errors import ConfigError
from hecasim.experts import Kept, Options, Placement, Routing, Site, apply_capacity, draw, place, router_for
from hecasim.experts.cost import default_weights, speeds_of
from hecasim.experts.recorded import read_routing
from hecasim.mapping import modules
from hecasim.mapping.dispatch import Counts, Dispatch, copies_per_token, count_dispatch
from hecasim.mapping.dram import dram_capacity_bytes, footprint
from hecasim.mapping.modules import Module
from hecasim.mapping.tree_sram import SramNeed, root_remark, sram_need
from hecasim.parallel import ON_TREES
from hecasim.specs import ModelSpec, PackageSpec, PlanSpec
from hecasim.topologies import make
from hecasim.topologies.tree import Tree

PROFILE_STEP = 1 << 20
"""The draw of tokens that a placement is fitted on: no step of training uses it."""


@dataclass(frozen=True)
class MixedStep:
    """Everything known about a step of a mixture of experts on a tree before its tasks are written down."""

    package: PackageSpec
    model: ModelSpec
    plan: PlanSpec
    tree: Tree
    kept: Kept
    placement: Placement
    profile_loads: np.ndarray[Any, np.dtype[np.int64]]
    """Assignments per chiplet in the profile, (expert layers, chiplets): hot ones load first."""
    dispatches: Sequence[Sequence[Sequence[Dispatch]]]
    """Per expert layer, micro-batch and attention chiplet."""
    room: SramNeed
    dram_by_class: Mapping[str, int]
    remarks: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def micro_batches(self) -> int:
        return self.plan.batch // int(self.plan.micro_batch)

    @property
    def tokens(self) -> int:
        """Of one micro-batch on one attention chiplet."""
        return int(self.plan.micro_batch) * self.plan.sequence // self.tree.attention

    @property
    def token_tile(self) -> int:
        """A micro-batch goes through a layer as a whole."""
        return self.tokens

    @property
    def resident(self) -> Mapping[tuple[str, str], bool]:
        """Weights stay for the micro-batches of their layer."""
        return {(block, phase): True for block in ("attention", "ffn") for phase in ("forward", "backward")}

    @property
    def activation_peak_bytes(self) -> int:
        """Tasks take no space on a tree: see `room`."""
        return 0

    @property
    def tokens_ahead(self) -> int:
        """Micro-batches of a layer whose tokens may be at the experts at once; 1 where tokens do not stream."""
        return self.room.tokens_ahead

    @property
    def sram_bytes(self) -> int:
        """Of the fullest expert chiplet."""
        return self.room.bytes_at(self.tokens_ahead)

    def per_tile(self, root: int, own: Sequence[int] = ()) -> list[int]:
        """*root* at every attention chiplet, none at the switches, *own* at the expert chiplets (none: none)."""
        tree = self.tree
        below = own or [0] * (tree.size - tree.first_expert)
        return [root] * tree.attention + [0] * tree.groups + [int(one) for one in below]

    def vectors(self, found: Dispatch) -> Counts:
        """Vectors that go to every chiplet, and come home from it."""
        return vectors_of(found, self.plan)

    def root_module(self, layer: int) -> Module:
        """What an attention chiplet does for its part of a micro-batch in one layer."""
        return home_module(self.model, self.plan, self.tree.attention, layer)


def vectors_of(found: Dispatch, plan: PlanSpec) -> Counts:
    """Vectors that go to every chiplet or die, and come home from it: one per copy, or one per assignment."""
    return found.copies if plan.dispatch_copies == "per_chiplet" else found.assigned


def home_module(model: ModelSpec, plan: PlanSpec, homes: int, layer: int) -> Module:
    """What a die does for its sequences of a micro-batch, cut over *homes* dies, besides the experts it may have."""
    moe = model.moe
    assert moe is not None
    sequences = int(plan.micro_batch) // homes
    tokens = sequences * plan.sequence
    parts = [modules.attention(model, sequences, plan.sequence)]
    if layer < moe.dense_first:
        parts.append(modules.ffn(model, model.inner, tokens))
    else:
        parts.append(modules.router(model, tokens))
        if moe.shared_experts and plan.shared_expert_placement == "attention":
            parts.append(modules.ffn(model, moe.shared_inner, tokens, moe.shared_experts))
    return modules.together(parts)


def prepare_mixed(package: PackageSpec, model: ModelSpec, plan: PlanSpec) -> MixedStep:
    """Draw or read the routing, fit the placement, and see what it takes.

    Raises ConfigError where plan, model and package do not suit each other.
    """
    tree = _tree(package, model, plan)
    micro_batch = min(plan.batch, 8) if plan.micro_batch == "auto" else plan.micro_batch
    if plan.batch % micro_batch:
        raise ConfigError(f"plan.micro_batch: found {micro_batch}; expected a divisor of plan.batch ({plan.batch})")
    if micro_batch % tree.attention:
        raise ConfigError(
            f"plan.micro_batch: found {micro_batch}; expected a multiple of the {tree.attention} attention chiplets"
        )
    plan = plan.model_copy(update={"micro_batch": micro_batch})
    tokens = plan.batch * plan.sequence
    profile, routing = routings(model, plan, tokens)
    moe = model.moe
    assert moe is not None
    site = Site(len(tree.roles) - tree.attention - tree.groups, tree.groups)
    kept = apply_capacity(routing, moe.capacity_factor, tokens // (plan.batch // micro_batch))
    weights = default_weights(model, speeds_of(package, plan))
    placement = place(plan.expert_placement, profile, site, Options(weights, plan.seed))
    loads = _chiplet_loads(profile, placement)
    by_class = _footprint(model, plan)
    dispatches = dispatches_of(kept, placement, tokens // plan.batch * micro_batch // tree.attention, tree.attention)
    fullest = max((_most_vectors(found, plan) for layer in dispatches for found in layer), default=0)
    room = sram_need(package, model, plan, placement.site, fullest)
    step = MixedStep(package, model, plan, tree, kept, placement, loads, dispatches, room, by_class,
                     (*_remarks(package, by_class), *room.remarks),
                     (*routing_notes(kept, placement, plan), room.note))  # fmt: skip
    too_full = root_remark(package, plan, [step.root_module(layer) for layer in range(model.layers)])
    return step if too_full is None else replace(step, remarks=(*step.remarks, too_full))


def dispatches_of(kept: Kept, placement: Placement, tokens: int, roots: int) -> list[list[list[Dispatch]]]:
    """Of every *tokens* tokens in order, in every expert layer: those of each attention chiplet."""
    firsts = range(0, kept.routing.tokens, tokens)
    found = [[count_dispatch(kept, placement, layer, slice(first, first + tokens)) for first in firsts]
             for layer in range(kept.routing.layers)]  # fmt: skip
    return [[layer[at : at + roots] for at in range(0, len(layer), roots)] for layer in found]


def _most_vectors(found: Sequence[Dispatch], plan: PlanSpec) -> int:
    """At the busiest chiplet, from all attention chiplets."""
    return int(np.sum([vectors_of(one, plan) for one in found], axis=0).max())


def _tree(package: PackageSpec, model: ModelSpec, plan: PlanSpec) -> Tree:
    topology = make(package.topology.kind, *package.topology.shape)
    if not isinstance(topology, Tree):
        raise ConfigError(f"plan.method: {plan.method} needs a package whose topology is a tree")
    if plan.method not in ON_TREES:
        raise ConfigError(f"plan.method: found '{plan.method}'; expected 'mozart' on a tree of chiplets")
    if model.moe is None:
        raise ConfigError(f"model: {model.name} is dense; expected a mixture of experts on a tree of chiplets")
    return topology


def routings(model: ModelSpec, plan: PlanSpec, tokens: int) -> tuple[Routing, Routing]:
    """(what the placement is fitted on, what this step routes)."""
    if Path(plan.routing).suffix in (".npz", ".jsonl"):
        recorded = read_routing(Path(plan.routing))
        wanted = (model.moe_layers, model.moe.experts if model.moe else 0, model.moe.top_k if model.moe else 0)
        if (recorded.layers, recorded.experts, recorded.top_k) != wanted:
            found = f"{recorded.layers} layers, {recorded.experts} experts, top {recorded.top_k}"
            raise ConfigError(
                f"plan.routing: {plan.routing} has {found}; expected {wanted[0]}, {wanted[1]} and {wanted[2]}"
            )
        if recorded.tokens < 2 * tokens:
            raise ConfigError(
                f"plan.routing: {plan.routing} has {recorded.tokens} tokens; expected at least {2 * tokens}: "
                "as many as a step has to fit the placement on, and those of the step"
            )
        first = tokens * (1 + plan.routing_step % (recorded.tokens // tokens - 1))
        return recorded.part(0, tokens), recorded.part(first, first + tokens)
    router = router_for(plan.routing, model.name)
    return (
        draw(model, router, plan.profile_tokens, seed=plan.seed, step=PROFILE_STEP),
        draw(model, router, tokens, seed=plan.seed, step=plan.routing_step, drift=plan.routing_drift),
    )


def _chiplet_loads(profile: Routing, placement: Placement) -> np.ndarray[Any, np.dtype[np.int64]]:
    loads = np.zeros((placement.layers, placement.chiplets), dtype=np.int64)
    for layer, per_expert in enumerate(profile.loads()):
        np.add.at(loads[layer], placement.chiplet_of[layer], per_expert)
    return loads


def _footprint(model: ModelSpec, plan: PlanSpec) -> dict[str, int]:
    """Weights and gradients; activations are what one micro-batch saves, times all of them."""
    tokens = int(plan.micro_batch) * plan.sequence
    moe = model.moe
    assert moe is not None
    attention = modules.attention(model, int(plan.micro_batch), plan.sequence).saved_elements * model.layers
    gates = 2 if model.gated else 1
    routed = tokens * moe.top_k * (model.hidden + gates * moe.expert_inner) * model.moe_layers
    saved = (attention + routed) * plan.bytes_per_element
    return footprint(model, plan, saved, tokens * model.hidden * plan.bytes_per_element)


def _remarks(package: PackageSpec, by_class: Mapping[str, int]) -> list[str]:
    needed, capacity = sum(by_class.values()), dram_capacity_bytes(package)
    if capacity is not None and needed > capacity and not package.memory.enforce_capacity:
        return [f"DRAM capacity is not enforced: {needed / 2**30:.1f} GiB needed, {capacity / 2**30:.1f} GiB present"]
    return []


def routing_notes(kept: Kept, placement: Placement, plan: PlanSpec) -> list[str]:
    """For the result: where the routing comes from, copies per token, and what capacity dropped."""
    per_chiplet = plan.dispatch_copies == "per_chiplet"
    copies = copies_per_token(kept, placement, per_chiplet)
    notes = [f"routing: {kept.routing.origin}; placement {placement.kind}; {copies:.3f} copies per token in dispatch"]
    dropped = int(kept.dropped.sum())
    if kept.capacity is not None:
        notes.append(f"capacity {kept.capacity} tokens per expert: {dropped} of {kept.routing.chosen.size} dropped")
    return notes
