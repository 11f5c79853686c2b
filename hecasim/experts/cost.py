"""From a model and the speeds of links and chiplets to the seconds `balanced` weighs: a first guess, no simulation.

Per layer, forward and backward: copies go out over the link of each group, and all wait for the group that receives
most; results come home over the same links, added in the switch, and all wait for the group with most tokens. Where
weights stream, hottest chiplet first, the work of a chiplet hides behind the loads after it: what shows is that of the
chiplet loaded last, and of the hottest one the last micro-batch. Where they do not, all wait for the hottest.
"""

from __future__ import annotations

from dataclasses import dataclass

from hecasim.errors import ConfigError
from hecasim.experts.layer_cost import Weights
from hecasim.specs import ModelSpec, PackageSpec, PlanSpec

PASSES_ON_LINKS = 2  # forward and backward
PASSES_OF_COMPUTE = 3  # forward, and twice that backward
BUSY_SHARE = 0.5  # assumed: of a chiplet's peak, while its experts work


@dataclass(frozen=True)
class Speeds:
    """Rates of links and chiplets, and where copies are made and added.

    The defaults follow Mozart (arXiv 2603.07006), section 5.2 and Table 2.
    """

    group_bytes_per_s: float = 64e9  # assumed: one die edge of 0.125 GB/s wires at 50 um, die areas from Table 2
    root_bytes_per_s: float = 2.048e12  # assumed: 64 tiles with a NoP port of 32 GB/s each
    chiplet_flop_per_s: float = 262e12  # assumed: half of 64 tiles x 16 arrays x 256 multiply-adds at 1 GHz
    element_bytes: int = 2  # FP16
    copied_at_switch: bool = False
    added_at_switch: bool = True
    seen_of_hottest: float = 0.25
    """Share of the hottest chiplet's work that nothing hides: 1 where weights do not stream, else one micro-batch."""


def speeds_of(package: PackageSpec, plan: PlanSpec) -> Speeds:
    """The rates of a tree, and what the plan says of the way out and home."""
    port = package.chiplet.sram.nop_bandwidth_bytes_per_s
    core = package.chiplet.core
    return Speeds(
        float((package.root_link or package.link).payload_bytes_per_s),
        float(port) if port is not None else float("inf"),
        BUSY_SHARE * float(core.peak_flop_per_s),
        plan.bytes_per_element,
        plan.dispatch_point == "switch",
        plan.combine_point == "switch",
        _micro_batch_share(plan) if plan.stream_experts else 1.0,
    )


def _micro_batch_share(plan: PlanSpec) -> float:
    return 1 / 4 if plan.micro_batch == "auto" else plan.micro_batch / plan.batch


def default_weights(model: ModelSpec, speeds: Speeds | None = None) -> Weights:
    """Seconds per copy, token-expert of the hottest and last chiplet, copy to and token of the busiest group.

    ConfigError for a dense model.
    """
    speeds = speeds or Speeds()
    if model.moe is None:
        raise ConfigError(f"model: {model.name} is dense; expected a mixture of experts, with the key moe")
    matrices = 3 if model.gated else 2
    expert_flops = 2 * matrices * model.hidden * model.moe.expert_inner
    moved_bytes = PASSES_ON_LINKS * model.hidden * speeds.element_bytes
    per_group_s = moved_bytes / speeds.group_bytes_per_s
    ways = (speeds.copied_at_switch, speeds.added_at_switch)
    work_s = PASSES_OF_COMPUTE * expert_flops / speeds.chiplet_flop_per_s
    return Weights(
        copy_s=moved_bytes / speeds.root_bytes_per_s,
        chiplet_s=work_s * speeds.seen_of_hottest,
        group_s=per_group_s * ways.count(False),
        home_s=per_group_s * ways.count(True),
        last_s=work_s if speeds.seen_of_hottest < 1 else 0.0,
    )
