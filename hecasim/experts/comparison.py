"""Placements side by side: fitted on some tokens, measured on others, means over layers and seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hecasim.errors import ConfigError
from hecasim.experts import statistics as of
from hecasim.experts.capacity import apply_capacity
from hecasim.experts.moving import Move, move
from hecasim.experts.moving_cost import MovingRates, moving_s
from hecasim.experts.placed import Placement, Site
from hecasim.experts.placement import Options, place
from hecasim.experts.routing import Routing
from hecasim.experts.synthetic import Router, draw, experts_of
from hecasim.specs import ModelSpec

FITTED, MEASURED, REFITTED = range(3)  # steps: other tokens through the same experts


@dataclass(frozen=True)
class Sample:
    """Tokens to fit a placement on and others to measure it on; after a drift also shifted tokens to fit on again."""

    fitted: Routing
    measured: Routing
    refitted: Routing | None = None


def synthetic_sample(model: ModelSpec, router: Router, tokens: int, seed: int, drift: float) -> Sample:
    """*tokens* tokens of a router for each use; those measured come after the *drift*."""
    return Sample(
        draw(model, router, tokens, seed=seed, step=FITTED),
        draw(model, router, tokens, seed=seed, step=MEASURED, drift=drift),
        draw(model, router, tokens, seed=seed, step=REFITTED, drift=drift) if drift else None,
    )


def recorded_sample(routing: Routing, shifted: Routing | None, tokens: int | None) -> Sample:
    """One recorded set in halves; with a *shifted* one that half is measured, the other fitted on again."""
    fitted, measured = (routing if tokens is None else routing.part(0, 2 * tokens)).halves()
    if shifted is None:
        return Sample(fitted, measured)
    again, measured = (shifted if tokens is None else shifted.part(0, 2 * tokens)).halves()
    return Sample(fitted, measured, again)


def check_fits(routing: Routing, model: ModelSpec, file: str) -> None:
    """ConfigError where a recorded routing is not of this model; it may hold fewer layers."""
    moe = experts_of(model)
    for key, found, expected in (
        ("experts", routing.experts, moe.experts),
        ("top_k", routing.top_k, moe.top_k),
    ):
        if found != expected:
            raise ConfigError(f"{file}: {key}: found {found}; expected {expected}, as {model.name} has")
    if routing.layers > model.moe_layers:
        most = f"{model.moe_layers}, the expert layers of {model.name}"
        raise ConfigError(f"{file}: layers: found {routing.layers}; expected at most {most}")


@dataclass(frozen=True)
class Comparison:
    """The document of `hecasim place`, and the placements of the first seed by name."""

    document: dict[str, Any]
    placements: dict[str, Placement]


def compare(
    model: ModelSpec,
    samples: Iterable[Sample],
    kinds: Sequence[str],
    site: Site,
    options: Options,
    progress: Callable[[str], None] = lambda _: None,
    rates: MovingRates | None = None,
    element_bytes: int = 2,
) -> Comparison:
    """Fit every kind of placement on every sample and measure it there; sample n uses the seed options.seed + n.

    With *rates*, moving to a placement fitted again after a drift has a time too.
    """
    rows: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    loads: list[dict[str, float]] = []
    first: dict[str, Placement] = {}
    for number, sample in enumerate(samples):
        own = replace(options, seed=options.seed + number)
        loads.append(_load(sample.measured, experts_of(model).capacity_factor))
        for kind in kinds:
            progress(f"seed {own.seed}: {kind}")
            placement = place(kind, sample.fitted, site, own)
            first.setdefault(kind, placement)
            again = place(kind, sample.refitted, site, own) if sample.refitted else None
            row = measure(sample.measured, placement)
            if again is not None:
                row |= _refitted(model, sample.measured, move(placement, again), rates, element_bytes)
            rows[kind].append(row)
            tokens = (sample.fitted.tokens, sample.measured.tokens)
            layers = sample.measured.layers
    moe = experts_of(model)
    document = {
        "placements": {kind: _means(row) for kind, row in rows.items()},
        "load": _means(loads),
        "copies": {"one_per_expert": moe.top_k, "uniform_routing": _uniform(model, site)},
        "inputs": {
            "model": model.name, "chiplets": site.chiplets, "groups": site.groups, "samples": len(loads),
            "tokens_fitted": tokens[0], "tokens_measured": tokens[1], "layers": layers,
        },
    }  # fmt: skip
    return Comparison(document, first)


def measure(routing: Routing, placement: Placement) -> dict[str, float]:
    """Means over layers: copies per token, groups per token, hottest chiplet and group over the mean."""
    return {
        "c_t": float(of.copies_per_token(routing, placement).mean()),
        "hottest_over_mean": float(of.max_over_mean(of.chiplet_loads(routing, placement)).mean()),
        "group_over_mean": float(of.max_over_mean(of.group_loads(routing, placement)).mean()),
        "groups_per_token": float(of.groups_per_token(routing, placement).mean()),
    }


def _refitted(
    model: ModelSpec, routing: Routing, there: Move, rates: MovingRates | None, element_bytes: int
) -> dict[str, float]:
    """What a placement fitted again gives, and what it takes to get there."""
    row: dict[str, float] = {f"refitted_{key}": value for key, value in measure(routing, there.new).items()}
    moved, across = int(there.experts.sum()), int(there.between_groups.sum())
    row["moved_share"] = moved / (there.experts.size * experts_of(model).experts)
    row["moved_parameters"] = moved * model.expert_parameters
    row["crossing_parameters"] = across * model.expert_parameters
    if rates is not None:
        row["moving_s"] = moving_s(there.between_groups, model.expert_parameters * element_bytes, rates)
    return row


def _load(routing: Routing, capacity_factor: float | None) -> dict[str, float]:
    """Skew of the experts' loads; with a capacity also the share of assignments it drops."""
    counts = routing.loads()
    load = {"max_over_mean": float(of.max_over_mean(counts).mean()), "gini": float(of.gini(counts).mean())}
    if capacity_factor is not None:
        dropped = int(apply_capacity(routing, capacity_factor).dropped.sum())
        load["dropped_share"] = dropped / routing.chosen.size
    return load


def _uniform(model: ModelSpec, site: Site) -> float | None:
    """C_T of uniform routing in closed form; None where a token's choice is limited to groups of experts."""
    moe = experts_of(model)
    return None if moe.is_limited_to_groups else of.uniform_copies(moe.experts, moe.top_k, site.chiplets)


def _means(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
