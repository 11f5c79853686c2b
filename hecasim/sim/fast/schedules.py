"""Collectives as tables: the schedule of every group of a task, its stages, patterns and lanes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from hecasim.collectives import COLLECTIVES, BroadcastRounds, Pattern, ReduceRounds, RingPass, Stage, bytes_sent
from hecasim.mapping.wiring import Wiring
from hecasim.sim.fast.chains import Chains, Rounds, edges_of
from hecasim.sim.fast.graphs import Graph, Graphs
from hecasim.sim.fast.lists import Lists
from hecasim.sim.fast.sizes import Sizes
from hecasim.sim.fast.tables import CHAIN, COUNTS, GRAPH, RING
from hecasim.trace.task import Task, Trace
from hecasim.units import PS_PER_S


class Schedules:
    """All schedules of a trace; equal tasks share theirs, equal groups one outcome."""

    def __init__(self, trace: Trace, options: Mapping[str, Any], wiring: Wiring, lists: Lists, sizes: Sizes) -> None:
        self.trace, self.options, self.wiring, self.lists, self.sizes = trace, options, wiring, lists, sizes
        self.graphs, self.chains = Graphs(lists), Chains(lists)
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
        if isinstance(pattern, RingPass):
            count = len(pattern.members)
            edges: Sequence[tuple[int, int]] = tuple((at, (at + 1) % count) for at in range(count))
            row = self._ring(pattern, sum_rate)
        elif isinstance(pattern, BroadcastRounds | ReduceRounds):
            edges, row = edges_of(len(pattern.members)), self._chain(pattern, sum_rate)
        else:
            graph = self.graphs.of(pattern)
            edges, row = graph.edges, self._graph(pattern, graph, sum_rate)
        shape.append((stage, number, row._replace(counters=0), sum_rate))
        ways = [self.wiring.route(pattern.members[source], pattern.members[target]) for source, target in edges]
        routes.append(ways)
        at_edges = self.lists.add([number for way in ways for number in (self.lists.once(way), len(way))])
        kind, count, *rest = row
        self.patterns.append((kind, number, stage, self.lists.once(pattern.members), count, at_edges, *rest))

    def _ring(self, pattern: RingPass, sum_rate: int | None) -> _Row:
        count, size = len(pattern.members), self.sizes.of(pattern.chunk_bytes)
        self.edges += count * self.sizes.cuts(size)
        return _Row(
            RING, count, size, _sum_ps(pattern.chunk_bytes, sum_rate) if pattern.reduce_steps else 0, pattern.steps,
            pattern.reduce_steps, int(self.vector_sums),
        )  # fmt: skip

    def _chain(self, pattern: Rounds, sum_rate: int | None) -> _Row:
        chain, size = self.chains.of(pattern), self.sizes.of(pattern.chunk_bytes)
        adds = pattern.reduces(0)
        self.edges += sum(map(pattern.sent, range(len(pattern.members)))) * self.sizes.cuts(size)
        return _Row(
            CHAIN, len(pattern.members), size, _sum_ps(pattern.chunk_bytes, sum_rate) if adds else 0, pattern.steps,
            pattern.steps if adds else 0, int(self.vector_sums), opening=chain.opening, roots=chain.roots,
            chunks=pattern.chunks,
        )  # fmt: skip

    def _graph(self, pattern: Pattern, graph: Graph, sum_rate: int | None) -> _Row:
        size, extra = -1, 0
        if graph.size_bytes is not None:
            size, extra = self.sizes.of(graph.size_bytes), _sum_ps(graph.size_bytes, sum_rate)
            self.edges += sum(map(pattern.sent, range(len(pattern.members)))) * self.sizes.cuts(size)
        else:
            self._write_sizes(graph, sum_rate)
        counters, self.counters = self.counters, self.counters + graph.counters
        return _Row(
            GRAPH, len(pattern.members), size, extra, 0, 0, int(self.vector_sums), graph.opening, graph.messages,
            graph.joins, counters,
        )  # fmt: skip

    def _write_sizes(self, graph: Graph, sum_rate: int | None) -> None:
        """Messages that differ in size: the sizes of those of the newest graph, which nobody shares."""
        for place in range(graph.messages, len(self.graphs.messages)):
            source, target, step, size_bytes, _, adds, edge, join = self.graphs.messages[place]
            size = self.sizes.of(size_bytes)
            self.edges += self.sizes.cuts(size)
            extra = _sum_ps(size_bytes, sum_rate) if adds else 0
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


class _Row(NamedTuple):
    """A pattern as `tables.PATTERN` has it, but for its place in the trace."""

    kind: int
    members: int
    size: int
    extra_ps: int
    steps: int
    reduce_steps: int
    sums: int
    opening: int = 0
    messages: int = 0
    joins: int = 0
    counters: int = 0
    roots: int = 0
    chunks: int = 0


def _sum_ps(size_bytes: int, sum_rate: int | None) -> int:
    """How long a message that brings a partial sum keeps its receiver from answering."""
    return 0 if sum_rate is None else -(-size_bytes * PS_PER_S // sum_rate)


def _key(task: Task) -> Any:
    """What equal schedules have in common."""
    return task.algorithm, task.group, task.size_bytes, task.tile_bytes
