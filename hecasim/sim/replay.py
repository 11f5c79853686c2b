"""Replay a Trace on a Package, event by event: the definition of what hecasim computes."""

from __future__ import annotations

from dataclasses import replace

from hecasim.errors import ConfigError
from hecasim.sim.clock import Clock
from hecasim.sim.fold import Folder
from hecasim.sim.hardware import Hardware
from hecasim.sim.lane import FreeLane, Lane
from hecasim.sim.scheduler import Progress, Scheduler
from hecasim.specs import PackageSpec
from hecasim.trace.log import LaneCount, Log
from hecasim.trace.task import Trace

WHOLE = 1 << 62
"""A segment no message fills."""


def replay(
    trace: Trace,
    package: PackageSpec,
    *,
    fold: bool = True,
    progress: Progress | None = None,
    keep_spans: bool = False,
    contention: bool = True,
) -> Log:
    """Run every task of *trace* on *package*; *fold* skips exact repetitions (same integers, less work).

    Without *contention* every lane carries everybody at once: messages go whole, each as if alone.

    Raises ConfigError where the trace is of another grid, Stalled where something never ends.
    """
    check_grid(trace, package)
    clock = Clock()
    log = Log.empty(trace, keep_spans)
    if not contention:
        trace = replace(trace, options={**trace.options, "segment_bytes": WHOLE})
    scheduler = Scheduler(clock, trace, package, log, progress, Lane if contention else FreeLane)
    folder = Folder(scheduler)
    if fold:
        scheduler.on_boundary = folder.boundary
    clock.run()
    scheduler.check_finished()
    log.close(scheduler.offset_ps)
    log.folded_bodies = folder.skipped_bodies
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


def _count(log: Log, hardware: Hardware) -> None:
    """Copy the components' counters into the Log."""
    families = (("link", hardware.links), ("port", hardware.sram_ports()), ("dram", hardware.channels.values()))
    for kind, lanes in families:
        log.lanes += [
            LaneCount(lane.name, kind, lane.bytes_carried, lane.busy_ps, lane.wait_ps, lane.segments) for lane in lanes
        ]
    log.core_wait_ps = sum(core.wait_ps for core in hardware.cores)
    log.sram_peak_bytes = max(sram.total_peak for sram in hardware.srams)
    for sram in hardware.srams:
        for kind, peak in sram.peak.items():
            log.sram_peaks[kind] = max(peak, log.sram_peaks.get(kind, 0))
