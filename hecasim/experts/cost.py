"""From a model and the speeds of links and chiplets to the seconds `balanced` weighs: a first guess, no simulation.

Per layer, forward and backward: copies go out over the links of the groups, and all wait for the group that receives
most; results come home over the same links, taken as evenly loaded; all wait for the experts of the hottest chiplet.
"""

from __future__ import annotations

from dataclasses import dataclass

from hecasim.errors import ConfigError
from hecasim.experts.exchange import Weights
from hecasim.experts.placed import Site
from hecasim.specs import ModelSpec

PASSES_ON_LINKS = 2  # forward and backward
PASSES_OF_COMPUTE = 3  # forward, and twice that backward


@dataclass(frozen=True)
class Speeds:
    """Rates of links and chiplets; the defaults follow Mozart (arXiv 2603.07006), section 5.2 and Table 2."""

    group_bytes_per_s: float = 64e9  # assumed: one die edge of 0.125 GB/s wires at 50 um, die areas from Table 2
    chiplet_flop_per_s: float = 147e12  # assumed: half of 36 tiles x 16 arrays x 256 multiply-adds at 1 GHz
    element_bytes: int = 2  # FP16


def default_weights(model: ModelSpec, site: Site, speeds: Speeds | None = None) -> Weights:
    """Seconds per copy, per token-expert on the hottest chiplet and per copy to the busiest group."""
    speeds = speeds or Speeds()
    if model.moe is None:
        raise ConfigError(f"model: {model.name} is dense; expected a mixture of experts, with the key moe")
    matrices = 3 if model.gated else 2
    expert_flops = 2 * matrices * model.hidden * model.moe.expert_inner
    on_link_s = PASSES_ON_LINKS * model.hidden * speeds.element_bytes / speeds.group_bytes_per_s
    return Weights(
        copy_s=on_link_s / site.groups,
        chiplet_s=PASSES_OF_COMPUTE * expert_flops / speeds.chiplet_flop_per_s,
        group_s=on_link_s,
    )
