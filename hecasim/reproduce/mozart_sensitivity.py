"""One parameter of the Mozart reproduction changed at a time: what the baseline and its variants then take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hecasim.reproduce.comparison import Sensitivity
from hecasim.reproduce.mozart_paper import QWEN3
from hecasim.reproduce.mozart_runs import Runs, Setting

LAYERS = 12
"""Of Qwen3's 48, so that the table takes a minute; ratios hardly depend on it, as its first row shows."""


@dataclass(frozen=True)
class Change:
    """A name for people, and what is changed."""

    name: str
    plan: dict[str, Any] = field(default_factory=dict)
    package: dict[str, Any] = field(default_factory=dict)
    setting: dict[str, Any] = field(default_factory=dict)


def changes(setting: Setting) -> Iterator[Change]:
    """Every parameter that the paper leaves open and that could matter."""
    yield Change("as assumed")
    for passes in (3, 4, 5):
        if passes != setting.weight_passes:
            yield Change(f"weight_passes {passes}", setting={"weight_passes": passes})
    for factor in (0.5, 2):
        for key in ("link_share", "root_link_share"):
            yield Change(f"{key} x {factor:g}", setting={key: min(1.0, getattr(setting, key) * factor)})
    yield Change("combine_point switch in all variants", plan={"combine_point": "switch"})
    yield Change("dispatch_point switch", plan={"dispatch_point": "switch"})
    yield Change("weights_ahead block", plan={"weights_ahead": "block"})
    yield Change("tokens_ahead 2", plan={"tokens_ahead": 2})
    yield Change("tokens_ahead 1", plan={"tokens_ahead": 1})
    yield Change("micro_batch 4", plan={"micro_batch": 4})
    yield Change("stash full", plan={"stash": "full"})
    yield Change("routing uniform", plan={"routing": "uniform"})
    yield Change("optimizer adam, states in DRAM", plan={"optimizer": "adam", "optimizer_traffic": True})
    yield Change("switch.memory_path through", package={"switch.memory_path": "through"})
    for tiles in (36, 100):
        yield Change(f"chiplet.tiles {tiles}", package={"chiplet.tiles": tiles})
    yield Change("array 24 x 24", package={"chiplet.core.rows": 24, "chiplet.core.columns": 24})
    yield Change("link.latency 50 ns", package={"link.latency": "50 ns"})


def sensitivity(runs: Runs) -> tuple[Sensitivity, ...]:
    """A row per change, on Qwen3 with 256 tokens and HBM2."""
    return tuple(_row(runs, change) for change in changes(runs.setting))


def _row(runs: Runs, change: Change) -> Sensitivity:
    found = runs.under(runs.setting._replace(**change.setting), f"sensitivity, {change.name}")
    more = {"plan": tuple(change.plan.items()), "package": tuple(change.package.items()), "layers": LAYERS}
    base = found.seconds(QWEN3, "baseline", **more)
    ratios = {variant: found.seconds(QWEN3, variant, **more) / base for variant in QWEN3.latency}
    return Sensitivity(change.name, base, ratios)
