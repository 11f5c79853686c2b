"""Collectives as tables: the schedule of every group of a task, its stages, patterns and lanes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from hecasim.collectives import COLLECTIVES, Pattern, RingPass, Stage, bytes_sent
from hecasim.mapping.wiring import Wiring
from hecasim.sim.fast.graphs import Graph, Graphs
from hecasim.sim.fast.lists import Lists
from hecasim.sim.fast.sizes import Sizes
from hecasim.sim.fast.tables import COUNTS, GRAPH, RING
from hecasim.trace.task import Task, Trace
from hecasim.units import PS_PER_S


class Schedules:
    """All schedules of a trace; equal tasks share theirs, equal groups one outcome."""

    def __init__(self, trace: Trace, options: Mapping[str, Any], wiring: Wiring, lists: Lists, sizes: Sizes) -> None:
        self.trace, self.options, self.wiring, self.lists, self.sizes = trace, options, wiring, lists, sizes
        self.graphs = Graphs(lists)
        self.schedules: list[tuple[int, ...]] = []
        self.stages: list[tuple[int, ...]] = []
        self.patterns: list[tuple[int, ...]] = []
        self.counters = 0
        self.outcomes: list[tuple[int, int, int]] = []
        """(members, lanes, place of its results)."""
        self.results = 0
        self.vector_sums = wiring.package.chiplet.reduction == "vector"
        self.edges = 0
        """Messages that can be under way at once are no more than these, and the rings' members."""
        self._first: dict[Any, int] = {}
        self._sent: dict[Any, int] = {}
        self._outcome: dict[Any, int] = {}
        lanes = wiring.lanes
        self._lane_cost = np.array([(lane.bytes_per_s or 0, lane.latency_ps) for lane in lanes], dtype=np.int64)

    def of(self, task: Task, number: int) -> int:
        """The first of the schedules of a task (number *number* of the trace), one per group of its table."""
        key = _key(task)
        if key not in self._first:
            options = {**self.options, "tile_bytes": task.tile_bytes}
            build, topology = COLLECTIVES[task.algorithm], self.wiring.topology
            found = [build(topology, members, task.size_bytes, options) for members in self.trace.groups[task.group]]
            self._first[key] = len(self.schedules)
            self._sent[key] = sum(sum(bytes_sent(stages).values()) for stages in found)
            rate = None if self.vector_sums else self.wiring.sum_rate(task.algorithm)
            for members, stages in zip(self.trace.groups[task.group], found, strict=True):
                self._write(members, stages, rate, number)
        return self._first[key]

    def sent_bytes(self, task: Task) -> int:
        """Bytes that a task written before sends in all."""
        return self._sent[_key(task)]

    def _write(self, members: Sequence[int], stages: tuple[Stage, ...], sum_rate: int | None, task: int) -> None:
        place = {tile: at for at, tile in enumerate(members)}
        routes: list[list[tuple[int, ...]]] = []
        shape: list[Any] = []
        first, rows = len(self.stages), []
        for number, stage in enumerate(stages):
            first_pattern = len(self.patterns)
            parts: list[list[int]] = [[] for _ in members]
            owed = [0] * len(members)
            for pattern in stage:
                for position, tile in enumerate(pattern.members):
                    parts[place[tile]] += [len(self.patterns), position]
                    owed[place[tile]] += pattern.expected(position) + pattern.sent(position)
                self._pattern(pattern, number, len(self.patterns) - first_pattern, sum_rate, routes, shape)
                shape.append(tuple(place[tile] for tile in pattern.members))
            rows.append((first_pattern, len(self.patterns), self.lists.spans(parts), self.lists.add(owed)))
        self.stages += rows
        lanes, outcome = self._outcome_of(len(members), shape, routes)
        self.schedules.append((
            task, *self.lists.span(list(members)), first, len(self.stages), *self.lists.span(lanes), outcome,
            int(bool(stages) and not self.vector_sums),
        ))  # fmt: skip

    def _pattern(
        self, pattern: Pattern, stage: int, number: int, sum_rate: int | None, routes: list[list[tuple[int, ...]]],
        shape: list[Any],
    ) -> None:  # fmt: skip
        count = len(pattern.members)
        members = self.lists.once(pattern.members)
        sums = int(self.vector_sums)
        if isinstance(pattern, RingPass):
            edges: tuple[tuple[int, int], ...] = tuple((at, (at + 1) % count) for at in range(count))
            size, extra = self.sizes.of(pattern.chunk_bytes), 0
            if sum_rate is not None and pattern.reduce_steps:
                extra = -(-pattern.chunk_bytes * PS_PER_S // sum_rate)
            steps = (pattern.steps, pattern.reduce_steps)
            row: tuple[int, ...] = (RING, number, stage, members, count, size, extra, *steps, int(sums), 0, 0, 0, 0)
            shape.append((row[:3], row[4:]))
            self.edges += count * self.sizes.cuts(size)
        else:
            graph = self.graphs.of(pattern)
            row = self._graph(pattern, graph, stage, number, members, sum_rate)
            edges = graph.edges
            shape.append((row[:3], row[4:-1], sum_rate))
        ways = [self.wiring.route(pattern.members[source], pattern.members[target]) for source, target in edges]
        routes.append(ways)
        at_edges = self.lists.add([number for way in ways for number in (self.lists.once(way), len(way))])
        kind, number, stage, members, count, *rest = row
        self.patterns.append((kind, number, stage, members, count, at_edges, *rest))

    def _graph(
        self, pattern: Pattern, graph: Graph, stage: int, number: int, members: int, sum_rate: int | None
    ) -> tuple[int, ...]:
        size, extra = -1, 0
        if graph.size_bytes is not None:
            size = self.sizes.of(graph.size_bytes)
            if sum_rate is not None:
                extra = -(-graph.size_bytes * PS_PER_S // sum_rate)
            self.edges += sum(map(pattern.sent, range(len(pattern.members)))) * self.sizes.cuts(size)
        else:
            self._write_sizes(graph, sum_rate)
        counters, self.counters = self.counters, self.counters + graph.counters
        return (
            GRAPH, number, stage, members, len(pattern.members), size, extra, 0, 0, int(self.vector_sums),
            graph.opening, graph.messages, graph.joins, counters,
        )  # fmt: skip

    def _write_sizes(self, graph: Graph, sum_rate: int | None) -> None:
        """Messages that differ in size: the sizes of those of the newest graph, which nobody shares."""
        for place in range(graph.messages, len(self.graphs.messages)):
            source, target, step, size_bytes, _, adds, edge, join = self.graphs.messages[place]
            size = self.sizes.of(size_bytes)
            self.edges += self.sizes.cuts(size)
            extra = -(-size_bytes * PS_PER_S // sum_rate) if sum_rate is not None and adds else 0
            self.graphs.messages[place] = (source, target, step, size, extra, adds, edge, join)

    def _outcome_of(self, members: int, shape: list[Any], routes: list[list[tuple[int, ...]]]) -> tuple[list[int], int]:
        """(lanes, outcome) of a schedule: one outcome for all whose messages, ways and lanes are alike."""
        lengths = [len(way) for ways in routes for way in ways]
        flat = np.fromiter(chain.from_iterable(chain.from_iterable(routes)), np.int64, sum(lengths))
        first = np.full(len(self._lane_cost), -1, dtype=np.int64)
        first[flat[::-1]] = np.arange(len(flat) - 1, -1, -1)  # of several the last counts: where a lane comes first
        used = np.nonzero(first >= 0)[0]
        lanes = used[np.argsort(first[used])]
        rank = np.zeros_like(first)
        rank[lanes] = np.arange(len(lanes))
        key = (tuple(shape), tuple(lengths), rank[flat].tobytes(), self._lane_cost[lanes].tobytes())
        if key not in self._outcome:
            self._outcome[key] = len(self.outcomes)
            self.outcomes.append((members, len(lanes), self.results))
            self.results += 2 * members + COUNTS * len(lanes)
        return lanes.tolist(), self._outcome[key]


def _key(task: Task) -> Any:
    """What equal schedules have in common."""
    return task.algorithm, task.group, task.size_bytes, task.tile_bytes
