"""Tasks with everything that does not change from body to body: durations, schedules, readers, counts."""

from __future__ import annotations

from typing import Any

from hecasim.collectives import bytes_sent
from hecasim.mapping.compute import Hold, duration_ps, hold, sram_bytes
from hecasim.sim.exchange import Schedule
from hecasim.sim.hardware import Hardware
from hecasim.trace.log import PHASES, class_of
from hecasim.trace.space import new_space
from hecasim.trace.task import COLLECTIVE, COMPUTE, BodyKind, Task, Trace


class Compiled:
    """One task of a body kind with everything that does not change from body to body."""

    __slots__ = ("flops", "holds", "kind", "longest_ps", "phase", "readers", "schedules", "sent_bytes", "space",
                 "spec", "sram_bytes", "vector_operations")  # fmt: skip

    def __init__(self, task: Task, hardware: Hardware, trace: Trace, cache: dict[Any, list[Schedule]]) -> None:
        package, tiles = hardware.package, trace.tiles
        self.spec = task
        self.kind = class_of(task)
        self.phase = PHASES.index(task.phase)
        self.readers: list[int] = []
        self.space = new_space(task)
        """Bytes of each SRAM pool that it must wait for."""
        self.holds: list[Hold] = []
        """What it takes of each tile's core."""
        self.longest_ps = 0
        """Its time on the slowest tile, alone there."""
        self.schedules: list[Schedule] = []
        self.sent_bytes = self.flops = self.sram_bytes = self.vector_operations = 0
        if task.kind == COMPUTE:
            element = int(trace.options["element_bytes"])
            holds = [hold(package.chiplet, work, element) for work in task.work]
            classes = task.work_of or (0,) * tiles
            self.holds = [holds[number] for number in classes]
            self.longest_ps = max(duration_ps(package.chiplet, task.work[number], element) for number in set(classes))
            for number, work in enumerate(task.work):
                times = classes.count(number)
                self.flops += work.flops * times
                self.vector_operations += work.vector_operations * times
                self.sram_bytes += sram_bytes(package.chiplet, work, element) * times
        elif task.kind == COLLECTIVE and task.size_bytes:
            key = (task.algorithm, task.group, task.size_bytes, task.tile_bytes)
            if key not in cache:
                options = trace.options | {"tile_bytes": task.tile_bytes}
                cache[key] = [
                    Schedule(hardware, task.algorithm, members, task.size_bytes, options)
                    for members in trace.groups[task.group]
                ]
            self.schedules = cache[key]
            self.sent_bytes = sum(sum(bytes_sent(schedule.stages).values()) for schedule in self.schedules)


class CompiledKind:
    """A body kind ready to run."""

    def __init__(self, kind: BodyKind, hardware: Hardware, trace: Trace, cache: dict[Any, list[Schedule]]) -> None:
        self.kind = kind
        self.tasks = [Compiled(task, hardware, trace, cache) for task in kind.tasks]
        for task in kind.tasks:
            for offset, before in task.after:
                if offset == 0:
                    self.tasks[before].readers.append(task.id)
        self.leading = sum(task.leads for task in kind.tasks)
        self.waits = [sum(offset == 0 for offset, _ in task.after) for task in kind.tasks]
        self.outside = [[after for after in task.after if after.offset] for task in kind.tasks]
