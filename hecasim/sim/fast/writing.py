"""From a trace and a package to the tables that never change: tasks, kinds of bodies, collectives, DRAM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hecasim.mapping.compute import duration_ps, hold, sum_work
from hecasim.mapping.sram import POOLS, Rooms
from hecasim.mapping.wiring import EVERYBODY, Wiring
from hecasim.sim.fast import tables
from hecasim.sim.fast.lists import Lists, Numbers, records
from hecasim.sim.fast.multicasts import Multicasts
from hecasim.sim.fast.schedules import Schedules
from hecasim.sim.fast.sizes import Sizes
from hecasim.specs import PackageSpec
from hecasim.trace.log import PHASES, class_of
from hecasim.trace.space import new_space
from hecasim.trace.task import COLLECTIVE, COMPUTE, DRAM_READ, DRAM_WRITE, PACKAGE, STREAMS, Task, Trace

KINDS = {COMPUTE: tables.COMPUTE, COLLECTIVE: tables.COLLECTIVE, DRAM_READ: tables.READ, DRAM_WRITE: tables.WRITE}
BUFFERS = tuple(POOLS)
WHOLE = 1 << 62
"""A segment no message fills."""


class Tables:
    """Everything of a run that never changes, as arrays by the names of `tables.FIXED`."""

    def __init__(self, trace: Trace, package: PackageSpec, rooms: Rooms, *, contention: bool) -> None:
        self.trace, self.package = trace, package
        self.wiring = Wiring(package, str(trace.options["dram_map"]))
        self.lists = Lists()
        segment_bytes = int(trace.options["segment_bytes"]) if contention else WHOLE
        self.sizes = Sizes(segment_bytes, self.wiring.lanes)
        options = trace.options if contention else trace.options | {"segment_bytes": WHOLE}
        self.schedules = Schedules(trace, options, self.wiring, self.lists, self.sizes)
        self.multicasts = Multicasts(trace, self.wiring, self.lists, self.sizes)
        self.element_bytes = int(trace.options["element_bytes"])
        self.tile_numbers = np.arange(trace.tiles)
        self.task_list: list[Task] = []
        """All tasks, as they are numbered."""
        self.longest_ps: list[int] = []
        """Of every task: its time on the slowest tile, alone there."""
        self.flops: list[int] = []
        """Of every task, on all tiles."""
        self.tasks: list[tuple[int, ...]] = []
        self.kinds: list[tuple[int, ...]] = []
        self.amounts: list[tuple[int, ...] | Numbers] = []
        self.parties: list[Numbers] = []
        self._amount_of: dict[Any, int] = {}
        self._shape_of: dict[tuple[Task, ...], int] = {}
        self._party_of: dict[tuple[str, tuple[int, ...]], int] = {}
        self.table_of = {name: number for number, name in enumerate(trace.groups)}
        self.segments_at_once = 0
        """Most segments that a body's DRAM tasks have under way."""
        self.operand_segments = 0
        """Most segments of operands that all cores have under way."""
        for kind in trace.kinds:
            self._kind(kind.tasks)
        self.rooms = np.array([-1 if room is None else room for room in rooms], dtype=np.int64)

    def _kind(self, tasks: Sequence[Task]) -> None:
        first, before = len(self.tasks), self.multicasts.segments
        readers: list[list[int]] = [[] for _ in tasks]
        for task in tasks:
            for offset, earlier in task.after:
                if offset == 0:
                    readers[earlier].append(task.id)
        moved = sum(self._task(task, readers[task.id]) for task in tasks)
        shape = tuple(replace(task, after=tuple(after for after in task.after if not after.offset)) for task in tasks)
        number = self._shape_of.setdefault(shape, len(self._shape_of))
        self.kinds.append((first, len(tasks), sum(task.leads for task in tasks), number))
        self.segments_at_once = max(self.segments_at_once, moved + self.multicasts.segments - before)

    def _task(self, task: Task, readers: Sequence[int]) -> int:
        """Write a task; how many segments of its own it moves from and to DRAM."""
        number, moved = len(self.tasks), 0
        amount = operands = schedules = party = trees = longest = -1
        table = self.table_of[task.group] if task.group else -1
        if task.kind == COMPUTE:
            amount, operands, longest = self._work(task)
        elif task.kind == COLLECTIVE:
            schedules = self.schedules.of(task, number) if task.size_bytes else -1
        elif task.group:
            trees = self.multicasts.of(task)
        else:
            amount, moved = self._transfer(task)
            party = self._party(task) if task.together and not self.wiring.ideal_memory else -1
        space = new_space(task)
        net = space or (0, 0)
        outside = [number for after in task.after if after.offset for number in after]
        inside = sum(not after.offset for after in task.after)
        self.tasks.append((
            KINDS[task.kind], class_of(task), PHASES.index(task.phase), STREAMS.index(task.stream or STREAMS[0]),
            int(task.leads), int(task.in_place), *self._buffers(task.takes), *self._buffers(task.gives),
            int(space is not None), *net, *self.lists.span(list(readers)), inside,
            *self.lists.span(outside), amount, operands, table, schedules, party, trees,
        ))  # fmt: skip
        self.task_list.append(task)
        self.longest_ps.append(max(longest, 0))
        self.flops.append(_flops(task, self.trace.tiles))
        return moved

    def _buffers(self, buffers: Sequence[Any]) -> tuple[int, int]:
        return self.lists.span([number for kind, size in buffers for number in (BUFFERS.index(kind), size)])

    def _work(self, task: Task) -> tuple[int, int, int]:
        """(durations, sizes of operands at a shared port, longest duration) of a compute task, by tile."""
        chiplet, element = self.package.chiplet, self.element_bytes
        holds = [hold(chiplet, work, element) for work in task.work]
        classes = task.work_of or (0,)
        longest = max(duration_ps(chiplet, task.work[number], element) for number in set(classes))
        durations = self._amounts(tuple(duration for duration, _ in holds), classes)
        if not self.wiring.shared_ports:
            return durations, -1, longest
        sizes = tuple(self.sizes.row([operands for _, operands in holds]))
        cuts = max(self.sizes.cuts(size) for size in sizes if size >= 0) if max(sizes) >= 0 else 0
        self.operand_segments = max(self.operand_segments, cuts * self.trace.tiles)
        return durations, self._amounts(sizes, classes), longest

    def _transfer(self, task: Task) -> tuple[int, int]:
        """(sizes by tile, segments in all) of a DRAM task that is no multicast."""
        if self.wiring.ideal_memory:
            return self._amounts((-1,), (0,)), 0
        numbers = self.sizes.row(task.tile_bytes)
        cuts = [self.sizes.cuts(number) if number >= 0 else 0 for number in numbers]
        alike = len(numbers) == 1
        return self._amounts(tuple(numbers), (0,) if alike else tuple(range(len(numbers)))), (
            cuts[0] * self.trace.tiles if alike else sum(cuts)
        )

    def _amounts(self, values: tuple[int, ...], classes: tuple[int, ...]) -> int:
        """The row that gives each tile the value of its class."""
        key = (values, classes)
        if key not in self._amount_of:
            self._amount_of[key] = len(self.amounts)
            row = np.array(values, dtype=np.int64)[list(classes)]
            self.amounts.append(np.broadcast_to(row, self.trace.tiles))
        return self._amount_of[key]

    def _party(self, task: Task) -> int:
        """The row that says how many tiles start together at each channel, or, in the last place, of all."""
        key = (task.together, task.tile_bytes)
        if key not in self._party_of:
            self._party_of[key] = len(self.parties)
            row = np.zeros(self.channels + 1, dtype=np.int64)
            for channel, count in self.wiring.parties(task.tile_bytes).items():
                if (channel == EVERYBODY) == (task.together == PACKAGE):
                    row[channel] = count
            self.parties.append(row)
        return self._party_of[key]

    @property
    def channels(self) -> int:
        """Numbers of channels, used or not."""
        return max(port.channel for port in self.wiring.ports) + 1

    def sent_bytes(self, number: int) -> int:
        """Bytes that a collective task sends in all."""
        task = self.task_list[number]
        if task.kind != COLLECTIVE or not task.size_bytes:
            return 0
        return self.schedules.sent_bytes(task)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The tables by name."""
        trace, wiring, lists = self.trace, self.wiring, self.lists
        group_of, position_of, groups = self._groups()
        ports = self._ports()
        ways = self._ways()
        sum_costs = self._sum_costs()
        trees, forks = self.multicasts.tables()
        port_rows = {tile: lists.once((lane,)) for tile, lane in wiring.nop_in.items()} if wiring.shared_ports else {}
        self.shared_port = np.array([port_rows.get(tile, -1) for tile in range(trace.tiles)], dtype=np.int64)
        fixed = {
            "tasks": records(tables.TASK, self.tasks), "kinds": records(tables.KIND, self.kinds),
            "sizes": records(tables.SIZE, self.sizes.rows), "cut_bytes": self.sizes.cut_bytes(),
            "holds": self.sizes.holds(), "amounts": _matrix(self.amounts, trace.tiles),
            "group_of": group_of, "position_of": position_of, "groups": groups,
            "schedules": records(tables.SCHEDULE, self.schedules.schedules),
            "stages": records(tables.STAGE, self.schedules.stages),
            "patterns": records(tables.PATTERN, self.schedules.patterns),
            "messages": records(tables.MESSAGE, self.schedules.graphs.messages),
            "joins": records(tables.JOIN, self.schedules.graphs.joins),
            "forks": forks, "trees": trees, "ports": ports,
            "port_of": np.array([port.channel for port in wiring.ports], dtype=np.int64),
            "party": _matrix(self.parties, self.channels + 1), "ways": ways, "rooms": self.rooms,
            "pools": np.array(list(POOLS.values()), dtype=np.int64), "sum_costs": sum_costs,
        }  # fmt: skip
        return fixed | {"lists": lists.whole()}

    def _groups(self) -> tuple[Numbers, Numbers, NDArray[Any]]:
        """(group of every tile, its place in it) by table, and the groups."""
        tables_count, tiles = max(1, len(self.trace.groups)), self.trace.tiles
        group_of, position_of = np.zeros((tables_count, tiles), np.int64), np.zeros((tables_count, tiles), np.int64)
        rows: list[tuple[int, ...]] = []
        for table, groups in enumerate(self.trace.groups.values()):
            for number, members in enumerate(groups):
                group_of[table, list(members)] = len(rows)
                position_of[table, list(members)] = np.arange(len(members))
                rows.append((*self.lists.span(members), number))
        self.most_groups = max((len(groups) for groups in self.trace.groups.values()), default=1)
        return group_of, position_of, records(tables.GROUP, rows)

    def _ports(self) -> NDArray[Any]:
        """Per channel the tiles behind it; in the last place those of all."""
        behind: list[list[int]] = [[] for _ in range(self.channels)]
        for tile, port in enumerate(self.wiring.ports):
            behind[port.channel].append(tile)
        everybody = list(range(self.trace.tiles))
        return records(tables.PORT, [self.lists.span(tiles) for tiles in (*behind, everybody)])

    def _ways(self) -> Numbers:
        """Per tile where its read and write routes stand, and how long they are."""
        found = np.full((self.trace.tiles, 4), -1, dtype=np.int64)
        if not self.wiring.ideal_memory:
            for tile in range(self.trace.tiles):
                read, write = self.wiring.read_route(tile), self.wiring.write_route(tile)
                found[tile] = self.lists.add(read), len(read), self.lists.add(write), len(write)
        return found

    def _sum_costs(self) -> Numbers:
        """(time, size of operands at a shared port) of adding a message of every size on the vector unit."""
        found = np.zeros((max(1, len(self.sizes.rows)), 2), dtype=np.int64)
        found[:, 1] = -1
        if self.schedules.vector_sums:
            for number, (_, _, size_bytes) in enumerate(list(self.sizes.rows)):
                work = sum_work(size_bytes, self.element_bytes)
                duration, operands = hold(self.package.chiplet, work, self.element_bytes)
                found[number] = duration, self.sizes.of(operands) if operands and self.wiring.shared_ports else -1
        return found


def _flops(task: Task, tiles: int) -> int:
    if task.work_of is None:
        return sum(work.flops for work in task.work) * tiles
    return sum(work.flops * task.work_of.count(number) for number, work in enumerate(task.work))


def _matrix(rows: Sequence[Any], width: int) -> Numbers:
    return np.array(rows, dtype=np.int64).reshape(-1, width) if len(rows) else np.zeros((1, max(1, width)), np.int64)
