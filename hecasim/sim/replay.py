"""Replay a Trace on a Package: event by event, which defines what hecasim computes, or quicker to the same integers."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from hecasim.errors import ConfigError
from hecasim.mapping.sram import Rooms, rooms_of
from hecasim.sim.clock import Clock
from hecasim.sim.fold import Folder
from hecasim.sim.hardware import Hardware
from hecasim.sim.lane import FreeLane, Lane
from hecasim.sim.scheduler import Progress, Scheduler
from hecasim.sim.sram import refuse_what_never_fits
from hecasim.specs import PackageSpec
from hecasim.topologies import topology_of
from hecasim.trace.log import LaneCount, Log
from hecasim.trace.roles import check_roles
from hecasim.trace.task import Trace

WHOLE = 1 << 62
"""A segment no message fills."""
YOUNG_OBJECTS = (50_000, 20, 100)
"""Thresholds of Python's collector during a replay."""


def replay(
    trace: Trace,
    package: PackageSpec,
    *,
    fold: bool = True,
    progress: Progress | None = None,
    keep_spans: bool = False,
    contention: bool = True,
    rooms: Rooms | None = None,
) -> Log:
    """Run every task of *trace* on *package*; *fold* skips exact repetitions (same integers, less work).

    Without *contention* every lane carries everybody at once: messages go whole, each as if alone.
    *rooms* are the SRAM pools in which tasks find their space, by default those of *package*.

    Raises ConfigError where the trace is of another grid, InfeasiblePlan where a task needs more than a whole SRAM
    pool, Stalled where something never ends.
    """
    with _seldom_collected():
        return _replay(trace, package, fold, progress, keep_spans, contention, rooms)


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Python looks for garbage less often: a package is a hundred thousand objects that all live to the end.

    Measured: a third off a ring of 1,024 members, which ends soon after its package is built.
    """
    before = gc.get_threshold()
    gc.set_threshold(*YOUNG_OBJECTS)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _replay(
    trace: Trace, package: PackageSpec, fold: bool, progress: Progress | None, keep_spans: bool, contention: bool,
    rooms: Rooms | None,
) -> Log:  # fmt: skip
    check_grid(trace, package)
    rooms = rooms_of(package.chiplet.sram) if rooms is None else rooms
    refuse_what_never_fits(trace, rooms)
    clock = Clock(direct=fold)
    log = Log.empty(trace, keep_spans)
    if not contention:
        trace = replace(trace, options={**trace.options, "segment_bytes": WHOLE})
    scheduler = Scheduler(clock, trace, package, log, progress, Lane if contention else FreeLane, rooms)
    folder = Folder(scheduler)
    if fold:
        scheduler.on_boundary = folder.boundary
    clock.run()
    scheduler.check_finished()
    log.close(scheduler.offset_ps)
    scheduler.rows.mark()
    log.folded_bodies = folder.skipped_bodies
    log.repeats = folder.repeats()
    log.happenings = clock.happenings
    _count(log, scheduler.hardware)
    return log


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
    families = (("link", hardware.links), ("port", hardware.sram_ports()), ("dram", hardware.channels.values()))
    for kind, lanes in families:
        log.lanes += [
            LaneCount(lane.name, kind, lane.bytes_carried, lane.busy_ps, lane.wait_ps, lane.segments) for lane in lanes
        ]
    log.core_wait_ps = sum(core.wait_ps for core in hardware.cores)
    log.sram_wait_ps = sum(sram.wait_ps for sram in hardware.srams)
    log.sram_peak_bytes = max(sram.total_peak for sram in hardware.srams)
    for sram in hardware.srams:
        for kind, peak in sram.peak.items():
            log.sram_peaks[kind] = max(peak, log.sram_peaks.get(kind, 0))
