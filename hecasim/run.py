"""The whole path on one page: package, model and plan in, Result out."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from hecasim.analytic import estimate
from hecasim.mapping.sram import UNLIMITED_ROOMS, rooms_of
from hecasim.playing import play_and_count
from hecasim.results import Result, summarize
from hecasim.sim import seldom_collected
from hecasim.specs import ModelSpec, PackageSpec, PlanSpec
from hecasim.trace import Trace, assemble, build_trace, prepare

Progress = Callable[[float, str], None]


def simulate(
    package: PackageSpec,
    model: ModelSpec,
    plan: PlanSpec,
    *,
    progress: Progress | None = None,
    timeline: bool = False,
    contention: bool = True,
    sram_room: bool = True,
    as_built_for: PackageSpec | None = None,
) -> Result:
    """Train *model* for one step on *package* the way *plan* says.

    `progress` hears the share done (0 to 1) and what is under way; `timeline` keeps spans for Perfetto.
    Without `contention` every lane carries everybody at once; without `sram_room` no task waits for space.
    `as_built_for` takes the tasks that suit another package of the same grid, so that only speeds differ.
    Raises ConfigError, InfeasiblePlan or Stalled (see `hecasim.errors`).
    """
    started = time.perf_counter()
    with seldom_collected():
        prepared = prepare(as_built_for or package, model, plan)
        trace = assemble(prepared)
        if plan.fidelity == "analytic":
            log, census = estimate(trace, package)
        else:
            rooms = UNLIMITED_ROOMS
            if sram_room:
                rooms = rooms_of(package.chiplet.sram, plan.capacity, prepared.activation_peak_bytes)
            log, census = play_and_count(
                trace, package, engine=plan.engine, progress=progress, keep_spans=timeline, contention=contention,
                rooms=rooms,
            )  # fmt: skip
    wall_s = time.perf_counter() - started
    return summarize(log, census, package, model, prepared.plan, version=_version(), wall_s=wall_s)


def preview(package: PackageSpec, model: ModelSpec, plan: PlanSpec) -> dict[str, Any]:
    """What is known without running: shapes per tile, bytes per collective, memory fit, bounds in seconds."""
    from hecasim.results.preview import describe

    return describe(prepare(package, model, plan))


def _version() -> str:
    from hecasim import __version__

    return __version__


__all__ = ["Progress", "Trace", "build_trace", "preview", "simulate"]
