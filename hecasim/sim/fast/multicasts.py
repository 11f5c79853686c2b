"""Multicasts as tables: the tree of every port of every group, with a fork at each router."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hecasim.mapping.ports import Port, shares
from hecasim.mapping.wiring import Wiring
from hecasim.sim.fast import tables
from hecasim.sim.fast.lists import Lists, Numbers, records
from hecasim.sim.fast.sizes import Sizes
from hecasim.trace.task import Task, Trace


class Multicasts:
    """All trees of a trace; tasks of equal groups share their forks."""

    def __init__(self, trace: Trace, wiring: Wiring, lists: Lists, sizes: Sizes) -> None:
        self.trace, self.wiring, self.lists, self.sizes = trace, wiring, lists, sizes
        self.rows: list[tuple[int, int, int]] = []
        """Trees: route from the channel to the first fork, number of the share's size, source."""
        self.segments = 0
        """Segments that all tasks so far have under way at most, a task counted as often as it stands in a body."""
        self._of: dict[Any, tuple[int, int]] = {}
        self._roots: dict[tuple[Port, tuple[int, ...]], tuple[int, int]] = {}
        self._forks: list[Numbers] = []
        self._count = 0
        links = np.array(wiring.topology.links, dtype=np.int64).reshape(-1, 2)
        self._from, self._to = links[:, 0], links[:, 1]
        self._fill = np.full(trace.tiles, -1, dtype=np.int64)
        for tile, lane in wiring.dram_in.items():
            self._fill[tile] = lists.once((lane,))

    def of(self, task: Task) -> int:
        """Where it stands which trees belong to each group of a task."""
        key = (task.group, task.tile_bytes)
        if key not in self._of:
            bounds, segments = [len(self.rows)], 0
            for members in self.trace.groups[task.group]:
                segments += self._group(members, task.bytes_at(members[0]))
                bounds.append(len(self.rows))
            self._of[key] = self.lists.add(bounds), segments
        found, segments = self._of[key]
        self.segments += segments
        return found

    def _group(self, members: tuple[int, ...], size_bytes: int) -> int:
        if not size_bytes or self.wiring.ideal_memory:
            return 0
        segments = 0
        ports = sorted({self.wiring.ports[member] for member in members})
        for port, share in shares(size_bytes, ports):
            root, forks = self._root(port, members)
            route = self.lists.once((self.wiring.channels[port.channel], -1 - root))
            size = self.sizes.of(share)
            # Several groups may read through one port, and several ports serve one group: both tell segments apart.
            self.rows.append((route, size, port.tile * self.wiring.topology.size + members[0]))
            segments += 2 * forks * self.sizes.cuts(size)
        return segments

    def _root(self, port: Port, members: tuple[int, ...]) -> tuple[int, int]:
        """(first fork, forks) of the tree from a port to members."""
        key = (port, members)
        if key not in self._roots:
            self._roots[key] = self._count, self._plant(port.tile, members)
        return self._roots[key]

    def _plant(self, root: int, members: Sequence[int]) -> int:
        links = np.array(self.wiring.topology.tree(root, members), dtype=np.int64)
        tiles = np.concatenate(([root], self._to[links]))
        fork_at = np.full(self.trace.tiles, -1, dtype=np.int64)
        fork_at[tiles] = self._count + np.arange(len(tiles))
        branches = np.stack((links, -1 - fork_at[self._to[links]]), axis=1)
        begins = self.lists.add(branches.ravel())
        # Links are numbered in the order of their sources, so that those of one tile stand together.
        first = begins + 2 * np.searchsorted(self._from[links], tiles, side="left")
        end = begins + 2 * np.searchsorted(self._from[links], tiles, side="right")
        is_member = np.zeros(self.trace.tiles, dtype=np.int64)
        is_member[list(members)] = 1
        self._forks.append(np.stack((tiles, self._fill[tiles], is_member[tiles], first, end), axis=1))
        self._count += len(tiles)
        return len(tiles)

    def tables(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Trees and forks."""
        forks = np.zeros(max(1, self._count), dtype=tables.FORK)
        if self._forks:
            fields = np.concatenate(self._forks).T
            for name, values in zip(tables.FORK.names or (), fields, strict=True):
                forks[name] = values
        return records(tables.TREE, self.rows), forks
