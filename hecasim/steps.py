"""Several training steps of a mixture: other tokens through the same experts in each, one placement for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hecasim.errors import ConfigError
from hecasim.results import Result
from hecasim.specs import ModelSpec, PackageSpec, PlanSpec
from hecasim.units import PS_PER_S

Simulate = Callable[..., Result]
Progress = Callable[[float, str], None]


def check_steps(model: ModelSpec, count: int) -> None:
    """ConfigError where every step would be the first one again."""
    if count > 1 and model.moe is None:
        raise ConfigError(f"--steps: found {count}; expected 1: {model.name} is dense, every step takes the same time")


def more_steps(
    first: Result, package: PackageSpec, model: ModelSpec, plan: PlanSpec, count: int, simulate: Simulate,
    progress: Progress = lambda _share, _what: None,
) -> dict[str, Any]:  # fmt: skip
    """Times of *count* steps, of which *first* is the first: each draws fresh routing (`plan.routing_step`).

    The placement is fitted once, on tokens that no step uses. A file of recorded routing starts again where it ends.
    """
    times = [int(first["step_time_ps"])]
    for number in range(1, count):
        progress(number / count, f"step {number + 1} of {count}")
        drawn = plan.model_copy(update={"routing_step": plan.routing_step + number})
        times.append(int(simulate(package, model, drawn)["step_time_ps"]))
    return {
        "count": count,
        "mean_s": sum(times) / count / PS_PER_S,
        "min_s": min(times) / PS_PER_S,
        "max_s": max(times) / PS_PER_S,
        "times_ps": times,
    }
