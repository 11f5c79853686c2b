"""Replay a Trace on a Package: event by event, which defines what hecasim computes, or quicker to the same integers."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec

from hecasim.errors import ConfigError
from hecasim.mapping.sram import Rooms, rooms_of
from hecasim.sim.causes import chain
from hecasim.sim.clock import Clock
from hecasim.sim.hardware import Hardware
from hecasim.sim.lane import FreeLane, Lane
from hecasim.sim.scheduler import Scheduler
from hecasim.specs import PackageSpec
from hecasim.topologies import topology_of
from hecasim.trace.log import LaneCount, Log
from hecasim.trace.roles import check_roles
from hecasim.trace.space import refuse_what_never_fits
from hecasim.trace.task import Trace

Progress = Callable[[float, str], None]
WHOLE = 1 << 62
"""A segment no message fills."""
YOUNG_OBJECTS = (100_000, 50, 100)
"""Thresholds of Python's collector during a replay."""


def replay(
    trace: Trace,
    package: PackageSpec,
    *,
    engine: str = "fast",
    fold: bool = True,
    progress: Progress | None = None,
    keep_spans: bool = False,
    contention: bool = True,
    rooms: Rooms | None = None,
    when_ready: Callable[[], None] | None = None,
) -> Log:
    """Run every task of *trace* on *package*, by the engine `fast` or `plain`.

    The fast engine skips exact repetitions, unless told not to *fold*. Without *contention* every lane carries
    everybody at once: messages go whole, each as if alone. *rooms* are the SRAM pools in which tasks find their space,
    by default those of *package*. *when_ready* is called once: from there on other threads have time.

    Raises ConfigError where the trace is of another grid, InfeasiblePlan where a task needs more than a whole SRAM
    pool, Stalled where something never ends.
    """
    check_grid(trace, package)
    rooms = rooms_of(package.chiplet.sram) if rooms is None else rooms
    refuse_what_never_fits(trace, rooms)
    log = Log.empty(trace, keep_spans)
    with seldom_collected():
        if engine == "fast" and fast_engine_is_here():
            from hecasim.sim.fast.engine import Engine

            fast = Engine(trace, package, log, progress, rooms, contention=contention, fold=fold)
            fast.play(when_ready or _nothing)
        else:
            (when_ready or _nothing)()
            _play(trace, package, log, progress, rooms, contention=contention)
    return log


def _nothing() -> None:
    """What is done where nothing is asked for."""


def fast_engine_is_here() -> bool:
    """Whether numba, which compiles the fast engine, is installed; without it the plain engine plays."""
    return find_spec("numba") is not None


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Python looks for garbage less often: a package is a hundred thousand objects that all live to the end.

    Measured: a third off a ring of 1,024 members, which ends soon after its package is built.
    """
    before = gc.get_threshold()
    gc.set_threshold(*YOUNG_OBJECTS)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _play(
    trace: Trace, package: PackageSpec, log: Log, progress: Progress | None, rooms: Rooms, *, contention: bool
) -> None:
    """Event by event, on SimPy processes."""
    clock = Clock()
    if not contention:
        trace = replace(trace, options={**trace.options, "segment_bytes": WHOLE})
    scheduler = Scheduler(clock, trace, package, log, progress, Lane if contention else FreeLane, rooms)
    clock.run()
    scheduler.check_finished()
    log.close(0)
    scheduler.rows.mark()
    log.happenings = clock.happenings
    log.chain = chain(scheduler.last_cause, log.end_ps)
    _count(log, scheduler.hardware)


def check_grid(trace: Trace, package: PackageSpec) -> None:
    """A trace names tiles: it fits packages of its own grid."""
    rows, columns = package.topology.rows, package.topology.columns
    if (rows, columns) != (trace.rows, trace.columns):
        raise ConfigError(
            f"trace: written for a grid of {trace.rows}x{trace.columns}; the package has {rows}x{columns}"
        )
    for name, groups in trace.groups.items():
        if sorted(tile for members in groups for tile in members) != list(range(trace.tiles)):
            raise ConfigError(f"trace: group table '{name}' does not name every tile of the grid exactly once")
    if package.topology.switches:
        check_roles(trace, topology_of(package.topology))


def _count(log: Log, hardware: Hardware) -> None:
    """Copy the components' counters into the Log."""
    for spec, lane in zip(hardware.wiring.lanes, hardware.lanes, strict=True):
        log.lanes.append(LaneCount(spec.name, spec.kind, lane.bytes_carried, lane.busy_ps, lane.wait_ps, lane.segments))
    log.core_wait_ps = sum(core.wait_ps for core in hardware.cores)
    log.sram_wait_ps = sum(sram.wait_ps for sram in hardware.srams)
    for sram in hardware.srams:
        sram.take_peaks()
    log.sram_peak_bytes = max(sram.total_peak for sram in hardware.srams)
    for sram in hardware.srams:
        for kind, peak in sram.peak.items():
            log.sram_peaks[kind] = max(peak, log.sram_peaks.get(kind, 0))
