"""The analytic rung: the longest chain of tasks, each as quick as it could be alone.

Nobody waits for a link, a core or a channel here, so this is a true lower bound of every other rung, as are the
bounds per resource; the step is the largest of them all.
"""

from __future__ import annotations

import numpy as np

from hecasim.analytic.census import Census, Counter, take_census
from hecasim.parallel.layout import Counts
from hecasim.specs import PackageSpec
from hecasim.trace.log import BUBBLE_CLASS, COMPUTE_CLASS, DRAM_CLASS, NOP_CLASS, PHASES, Log, class_of
from hecasim.trace.task import COLLECTIVE, LOOK_AHEAD_BODIES, BodyKind, Trace


def estimate(trace: Trace, package: PackageSpec) -> tuple[Log, Census]:
    """A Log without events: the step is the longest chain or the busiest resource, whichever is longer."""
    counter = Counter(trace, package)
    census = take_census(trace, package, counter)
    log = Log.empty(trace, keep_spans=False)
    least = [[counter.count(task).own_ps for task in kind.tasks] for kind in trace.kinds]
    ends, busy = _longest_chain(trace, log, least)
    step = max(max(ends.values(), default=0), *census.bounds_ps.values())
    _share_out(log, ends, busy, step)
    log.tasks = trace.task_count
    return log, census


def _longest_chain(
    trace: Trace, log: Log, least: list[list[Counts | None]]
) -> tuple[dict[str, int], dict[str, Counts]]:
    """(when each phase ends, per phase the time of each class on every tile: an array of class x tile)."""
    recent: list[list[Counts]] = []
    ends: dict[str, int] = {}
    busy = {phase: np.zeros((3, trace.tiles), dtype=np.int64) for phase in PHASES}
    zero = np.zeros(trace.tiles, dtype=np.int64)
    for body in trace.bodies:
        kind = trace.kinds[body.kind]
        finish: list[Counts] = []
        for task, own in zip(kind.tasks, least[body.kind], strict=True):
            start = zero
            for offset, before in task.after:
                if offset == 0:
                    start = np.maximum(start, finish[before])
                elif -offset <= len(recent):
                    start = np.maximum(start, recent[offset][before])
            spent = zero if own is None else own
            busy[task.phase][class_of(task)] += spent
            finish.append(start + spent)
        _note_rows(log, body.layer, body.micro_batch, kind, finish, least[body.kind])
        ends[kind.phase] = max(ends.get(kind.phase, 0), *(int(end.max()) for end in finish))
        recent = [*recent[-(LOOK_AHEAD_BODIES - 1) :], finish]
    return ends, busy


def _note_rows(
    log: Log, layer: int, micro_batch: int, kind: BodyKind, finish: list[Counts], least: list[Counts | None]
) -> None:
    if micro_batch:
        return
    for task, end, own in zip(kind.tasks, finish, least, strict=True):
        spent = 0 if own is None else int(own.max())
        last = int(end.max())
        start = last - spent if task.kind == COLLECTIVE else int((end - (0 if own is None else own)).min())
        log.row(layer, task, max(0, start), last, spent if class_of(task) == COMPUTE_CLASS else 0, 0, 0)


def _share_out(log: Log, ends: dict[str, int], busy: dict[str, Counts], step: int) -> None:
    """Give each phase its time, in the order of claim; what no class claims is bubble."""
    before = 0
    present = [phase for phase in PHASES if phase in ends]
    for place, phase in enumerate(present):
        end = step if place == len(present) - 1 else max(before, min(ends[phase], step))
        for tile, time in enumerate(log.tiles):
            left = end - before
            number = PHASES.index(phase)
            for claim in (COMPUTE_CLASS, NOP_CLASS, DRAM_CLASS):
                own = int(busy[phase][claim, tile])
                time.hidden[number][claim] += own
                taken = min(left, own)
                time.spent[number][claim] += taken
                left -= taken
            time.spent[number][BUBBLE_CLASS] += left
            time.last = end
        before = end
    log.step_ps = step
