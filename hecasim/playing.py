"""A trace played and counted: what happened when, and what was moved and computed in all."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from hecasim.analytic import take_census
from hecasim.analytic.census import Census
from hecasim.sim import replay
from hecasim.specs import PackageSpec
from hecasim.trace import Trace
from hecasim.trace.log import Log


def play_and_count(trace: Trace, package: PackageSpec, **how: Any) -> tuple[Log, Census]:
    """Replay *trace* as `hecasim.sim.replay` is told *how*, and take its census in the time that compiled code leaves.

    Raises what either raises.
    """
    counting: list[Future[Census]] = []
    with ThreadPoolExecutor(1) as beside:
        log = replay(
            trace, package, when_ready=lambda: counting.append(beside.submit(take_census, trace, package)), **how
        )
    return log, counting[0].result()
