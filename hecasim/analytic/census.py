"""Everything that can be counted before anything runs: bytes per link and channel, FLOPs, SRAM traffic, bounds.

The bounds are true lower bounds of any replay: a core must run all its tasks (and, where it makes them, the sums of
reduce-scatters) one after another, and a link or channel must carry all its bytes at its own rate (routes and schedules
are fixed, so these bytes are known).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from hecasim.collectives import COLLECTIVES, Stage
from hecasim.mapping.compute import duration_ps, sram_bytes, sum_work
from hecasim.mapping.links import link_table
from hecasim.mapping.ports import channel_rates, ports_of_tiles, shares
from hecasim.parallel.layout import Counts
from hecasim.specs import PackageSpec
from hecasim.topologies import Topology, topology_of
from hecasim.trace.roles import check_roles
from hecasim.trace.task import COLLECTIVE, COMPUTE, DRAM_READ, STAGED, Task, Trace
from hecasim.units import PS_PER_S


@dataclass
class TaskCount:
    """One task, once: what it does to every tile, link and channel."""

    core_ps: Counts | None = None
    flops: int = 0
    vector_operations: int = 0
    sram_bytes: int = 0
    sent_bytes: int = 0
    link_bytes: Counts | None = None
    channel_bytes: Counts | None = None
    crossing_bytes: int = 0
    """Bytes between DRAM and tiles that are not at its port."""
    dram_read_bytes: int = 0
    dram_write_bytes: int = 0
    own_ps: Counts | None = None
    """Least time of the task on every tile, were it alone: its own bytes through its own first link or channel."""


@dataclass
class Census:
    """Totals of a step."""

    core_ps: Counts
    link_bytes: Counts
    channel_bytes: Counts
    flops: dict[str, int] = field(default_factory=dict)
    """Executed FLOPs of matrix products, by phase."""
    vector_operations: int = 0
    sram_bytes: int = 0
    collective_bytes: int = 0
    collective_link_bytes: int = 0
    memory_link_bytes: int = 0
    memory_bytes: int = 0
    """Bytes between DRAM and tiles that cross at least one link."""
    dram_read_bytes: int = 0
    dram_write_bytes: int = 0
    bounds_ps: dict[str, int] = field(default_factory=dict)


class Counter:
    """Counts tasks on one package; equal collectives and multicasts are expanded once."""

    def __init__(self, trace: Trace, package: PackageSpec) -> None:
        self.trace, self.package = trace, package
        self.topology: Topology = topology_of(package.topology)
        self.ports = ports_of_tiles(package, str(trace.options["dram_map"]))
        self.channels = max(port.channel for port in self.ports) + 1
        check_roles(trace, self.topology)
        self.links = link_table(package, self.topology)
        self.hop_ps = min((row.hop_ps for row in self.links), default=0)
        """Least time of a hop."""
        self.alike = len(set(self.links)) == 1
        self.ideal_memory = package.memory.is_ideal
        self.channel_rates = channel_rates(package, self.channels)
        self._shared: dict[Any, TaskCount] = {}
        self._ways_known: dict[bool, tuple[Counts, Counts, Counts]] = {}
        self._channel_of = np.array([port.channel for port in self.ports], dtype=np.int64)
        self._channel_ps = cache(self._time_at_channel)

    def count(self, task: Task) -> TaskCount:
        if task.kind == COMPUTE:
            return self._compute(task)
        if not task.group:
            return self._unicast(task)
        key = (task.kind, task.algorithm, task.group, task.size_bytes, task.tile_bytes)
        if key not in self._shared:
            self._shared[key] = self._collective(task) if task.kind == COLLECTIVE else self._multicast(task)
        return self._shared[key]

    def _compute(self, task: Task) -> TaskCount:
        chiplet, element = self.package.chiplet, int(self.trace.options["element_bytes"])
        classes = np.array(task.work_of or [0] * self.trace.tiles)
        times = np.bincount(classes, minlength=len(task.work))
        counted = [(work, int(n)) for work, n in zip(task.work, times, strict=True)]
        spent = np.array([duration_ps(chiplet, work, element) for work in task.work], dtype=np.int64)[classes]
        return TaskCount(
            core_ps=spent, own_ps=spent,
            flops=sum(work.flops * n for work, n in counted),
            vector_operations=sum(work.vector_operations * n for work, n in counted),
            sram_bytes=sum(sram_bytes(chiplet, work, element) * n for work, n in counted),
        )  # fmt: skip

    def _collective(self, task: Task) -> TaskCount:
        links = np.zeros(len(self.topology.links), dtype=np.int64)
        own = np.zeros(self.trace.tiles, dtype=np.int64)
        sums: dict[tuple[int, int], int] = {}
        sent = 0
        options = self.trace.options | {"tile_bytes": task.tile_bytes}
        for members in self.trace.groups[task.group] if task.size_bytes else ():
            stages = COLLECTIVES[task.algorithm](self.topology, members, task.size_bytes, options)
            if self.package.chiplet.reduction == "vector":
                add_sums(stages, sums)
            for (source, target), size in flows(stages).items():
                sent += size
                route = list(self.topology.route(source, target))
                links[route] += size
                # What a member sends to its busiest partner leaves over one link after the member has joined.
                own[source] = max(own[source], self.message_ps(route, size))
        if task.algorithm == STAGED:  # a part of the way between DRAM and a tile
            return TaskCount(crossing_bytes=sent, link_bytes=links, sram_bytes=sent, own_ps=own)
        counted = TaskCount(sent_bytes=sent, link_bytes=links, sram_bytes=2 * sent, own_ps=own)
        if sums:
            self._count_sums(counted, sums)
        return counted

    def _count_sums(self, counted: TaskCount, sums: Mapping[tuple[int, int], int]) -> None:
        """What the cores do for a collective: *sums* counts messages by (tile, bytes)."""
        chiplet, element = self.package.chiplet, int(self.trace.options["element_bytes"])
        counted.core_ps = np.zeros(self.trace.tiles, dtype=np.int64)
        for (tile, size), times in sums.items():
            work = sum_work(size, element)
            counted.core_ps[tile] += duration_ps(chiplet, work, element) * times
            counted.vector_operations += work.vector_operations * times
            counted.sram_bytes += sram_bytes(chiplet, work, element) * times

    def _unicast(self, task: Task) -> TaskCount:
        channels = np.zeros(self.channels, dtype=np.int64)
        own = np.zeros(self.trace.tiles, dtype=np.int64)
        links = np.zeros(len(self.topology.links), dtype=np.int64)
        sizes = [task.bytes_at(tile) for tile in range(self.trace.tiles)]
        total, crossing, read = sum(sizes), 0, task.kind == DRAM_READ
        if not self.ideal_memory:
            moved, (ways, users, away) = np.array(sizes, dtype=np.int64), self._ways(reads=read)
            np.add.at(links, ways, moved[users])
            np.add.at(channels, self._channel_of, moved)
            own[:] = [size and self._channel_ps(port.channel, size)
                      for port, size in zip(self.ports, sizes, strict=True)]  # fmt: skip
            crossing = int(moved[away].sum())
        return TaskCount(
            sram_bytes=total, link_bytes=links, channel_bytes=channels, own_ps=own, crossing_bytes=crossing,
            dram_read_bytes=total if read else 0, dram_write_bytes=0 if read else total,
        )  # fmt: skip

    def _ways(self, *, reads: bool) -> tuple[Counts, Counts, Counts]:
        """Links between tiles and their ports, all ways one behind another; whose way each is on; and who has a way."""
        if reads not in self._ways_known:
            ends = [(port.tile, tile) if reads else (tile, port.tile) for tile, port in enumerate(self.ports)]
            ways = [self.topology.route(*pair) for pair in ends]
            users = np.repeat(np.arange(len(ways), dtype=np.int64), [len(way) for way in ways])
            links = np.array([number for way in ways for number in way], dtype=np.int64)
            self._ways_known[reads] = links, users, np.unique(users)
        return self._ways_known[reads]

    def _multicast(self, task: Task) -> TaskCount:
        links = np.zeros(len(self.topology.links), dtype=np.int64)
        channels = np.zeros(self.channels, dtype=np.int64)
        own = np.zeros(self.trace.tiles, dtype=np.int64)
        total = landed = crossing = 0
        for members in self.trace.groups[task.group]:
            size = task.bytes_at(members[0])
            total += size
            landed += size * len(members)
            if self.ideal_memory or not size:
                continue
            ports, lasts = sorted({self.ports[member] for member in members}), 0
            for port, share in shares(size, ports):
                channels[port.channel] += share
                crossing += share * (len(members) - (port.tile in members))
                links[list(self.topology.tree(port.tile, members))] += share
                lasts = max(lasts, self._channel_ps(port.channel, share))
            own[list(members)] = lasts
        return TaskCount(
            sram_bytes=landed,
            link_bytes=links,
            channel_bytes=channels,
            own_ps=own,
            crossing_bytes=crossing,
            dram_read_bytes=total,
        )

    def message_ps(self, route: Sequence[int], size: int) -> int:
        """A message alone on its way: all hops, and its bytes at the rate of the slowest link."""
        if self.alike:
            return self.hop_ps * len(route) + size * PS_PER_S // self.links[0].bytes_per_s
        rows = [self.links[number] for number in route]
        return sum(row.hop_ps for row in rows) + size * PS_PER_S // min(row.bytes_per_s for row in rows)

    def _time_at_channel(self, channel: int, size: int) -> int:
        rate = self.channel_rates[channel]
        return self.package.memory.latency_ps + (0 if rate is None else size * PS_PER_S // rate)


def flows(stages: tuple[Stage, ...]) -> Mapping[tuple[int, int], int]:
    """(source, target) -> bytes over a whole schedule."""
    total: dict[tuple[int, int], int] = {}
    for stage in stages:
        for pattern in stage:
            for pair, size in pattern.flows().items():
                total[pair] = total.get(pair, 0) + size
    return total


def add_sums(stages: tuple[Stage, ...], sums: dict[tuple[int, int], int]) -> None:
    """Add the messages that their receivers sum: (tile, bytes) -> how many.

    Relies on what holds of every pattern (a contract test): all its messages are equally large, and a member receives
    equally many in each of its steps.
    """
    for stage in stages:
        for pattern in stage:
            reducing = sum(pattern.reduces(step) for step in range(pattern.steps))
            if not reducing:
                continue
            received: dict[int, int] = {}
            for (_, target), size in pattern.flows().items():
                received[target] = received.get(target, 0) + size
            for position, tile in enumerate(pattern.members):
                expected = pattern.expected(position)
                if expected:
                    key = (tile, received.get(tile, 0) // expected)
                    sums[key] = sums.get(key, 0) + expected * reducing // pattern.steps


def take_census(trace: Trace, package: PackageSpec, counter: Counter | None = None) -> Census:
    """Count every task of the step."""
    counter = counter or Counter(trace, package)
    census = Census(
        np.zeros(trace.tiles, dtype=np.int64), np.zeros(len(counter.topology.links), dtype=np.int64),
        np.zeros(counter.channels, dtype=np.int64),
    )  # fmt: skip
    for kind, times in trace.counted_kinds():
        for task in kind.tasks:
            _add(census, counter.count(task), task, times)
    link_rates = [row.bytes_per_s for row in counter.links]
    census.bounds_ps = {
        "compute": int(census.core_ps.max()),
        "nop": _slowest_ps(census.link_bytes, link_rates),
        "dram": _slowest_ps(census.channel_bytes, counter.channel_rates),
    }
    return census


def _slowest_ps(carried: Counts, rates: Sequence[int | None]) -> int:
    """Time of the lane that is busy longest; one without a limit takes none."""
    times = (int(size) * PS_PER_S // rate for size, rate in zip(carried, rates, strict=True) if rate is not None)
    return max(times, default=0)


def _add(census: Census, one: TaskCount, task: Task, times: int) -> None:
    if one.core_ps is not None:
        census.core_ps += one.core_ps * times
    if one.link_bytes is not None:
        census.link_bytes += one.link_bytes * times
        crossed = int(one.link_bytes.sum()) * times
        if task.kind == COLLECTIVE and task.algorithm != STAGED:
            census.collective_link_bytes += crossed
        else:
            census.memory_link_bytes += crossed
    if one.channel_bytes is not None:
        census.channel_bytes += one.channel_bytes * times
    census.flops[task.phase] = census.flops.get(task.phase, 0) + one.flops * times
    census.vector_operations += one.vector_operations * times
    census.sram_bytes += one.sram_bytes * times
    census.collective_bytes += one.sent_bytes * times
    census.memory_bytes += one.crossing_bytes * times
    census.dram_read_bytes += one.dram_read_bytes * times
    census.dram_write_bytes += one.dram_write_bytes * times
