"""Who waits for whom where not everybody waits for everybody: messages, and exchanges on a tree.

The target of a message waits for its source; on a tree chiplets wait for attention on dispatch, attention for chiplets
on combine. What goes from one tile to another passes all links between them after its sender has started: their hops,
and its bytes at the rate of the slowest. That holds for copies made at the root of a tree and at its switches alike.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hecasim.analytic.census import Counter
from hecasim.parallel.layout import Counts
from hecasim.topologies import ATTENTION, EXPERT
from hecasim.trace.task import COLLECTIVE, MESSAGES, Task

DOWN, UP = "tree.dispatch", "tree.combine"


class Reach:
    """Pairs of tiles, sender and receiver, and the least time between the start of one and the end of the other."""

    def __init__(self, task: Task, counter: Counter) -> None:
        found = list(_messages(task, counter) if task.is_message else _on_tree(task, counter))
        self.sources = np.array([source for source, _, _ in found], dtype=np.int64)
        self.targets = np.array([target for _, target, _ in found], dtype=np.int64)
        least = [counter.message_ps(counter.topology.route(source, target), size) for source, target, size in found]
        self.least_ps = np.array(least, dtype=np.int64)

    def hold_back(self, start: Counts | int, finish: Counts) -> None:
        """No receiver ends before what its senders sent has come: raises *finish* in place."""
        starts = np.broadcast_to(np.asarray(start, dtype=np.int64), finish.shape)
        np.maximum.at(finish, self.targets, starts[self.sources] + self.least_ps)


def _messages(task: Task, counter: Counter) -> Iterator[tuple[int, int, int]]:
    """(source, target, bytes) of every pair."""
    for members in counter.trace.groups[task.group]:
        if len(members) == 2:
            yield *members, task.size_bytes


def _on_tree(task: Task, counter: Counter) -> Iterator[tuple[int, int, int]]:
    """(source, target, bytes) between every attention chiplet and those of its group's expert chiplets that take part.

    Expert chiplets have the larger numbers: the entry of the pair is theirs.
    """
    roles = counter.topology.roles
    for members in counter.trace.groups[task.group]:
        roots = [tile for tile in members if roles[tile] == ATTENTION]
        leaves = [tile for tile in members if roles[tile] == EXPERT and task.bytes_at(tile)]
        for root in roots:
            for leaf in leaves:
                yield (*((root, leaf) if task.algorithm == DOWN else (leaf, root)), task.bytes_at(leaf))


def reach_of(task: Task, counter: Counter) -> Reach | None:
    """The pairs of a task, where it is an exchange in which some wait for others."""
    some = task.kind == COLLECTIVE and task.size_bytes and task.algorithm in (DOWN, UP, *MESSAGES)
    return Reach(task, counter) if some else None
