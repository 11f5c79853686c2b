"""Who waits for whom in an exchange on a tree: chiplets for attention on dispatch, attention for chiplets on combine.

What goes between an attention chiplet and an expert chiplet passes all links between them after its sender has started:
their hops, and its bytes at the rate of the slowest. That holds for copies made at the root and at the switch alike.
"""

from __future__ import annotations

import numpy as np

from hecasim.analytic.census import Counter
from hecasim.parallel.layout import Counts
from hecasim.topologies import ATTENTION, EXPERT
from hecasim.trace.task import COLLECTIVE, Task

DOWN, UP = "tree.dispatch", "tree.combine"


class Reach:
    """Pairs of tiles, sender and receiver, and the least time between the start of one and the end of the other."""

    def __init__(self, task: Task, counter: Counter) -> None:
        roles, pairs = counter.topology.roles, []
        for members in counter.trace.groups[task.group]:
            roots = [tile for tile in members if roles[tile] == ATTENTION]
            leaves = [tile for tile in members if roles[tile] == EXPERT and task.bytes_at(tile)]
            pairs += [(root, leaf) if task.algorithm == DOWN else (leaf, root)
                      for root in roots for leaf in leaves if len(members) > 1]  # fmt: skip
        self.sources = np.array([source for source, _ in pairs], dtype=np.int64)
        self.targets = np.array([target for _, target in pairs], dtype=np.int64)
        self.least_ps = np.array(
            [
                # Expert chiplets have the larger numbers: the entry of the pair is theirs.
                counter.message_ps(counter.topology.route(source, target), task.bytes_at(max(source, target)))
                for source, target in pairs
            ],
            dtype=np.int64,
        )

    def hold_back(self, start: Counts | int, finish: Counts) -> None:
        """No receiver ends before what its senders sent has come: raises *finish* in place."""
        starts = np.broadcast_to(np.asarray(start, dtype=np.int64), finish.shape)
        np.maximum.at(finish, self.targets, starts[self.sources] + self.least_ps)


def reach_of(task: Task, counter: Counter) -> Reach | None:
    """The pairs of a task, where it is an exchange on a tree."""
    rooted = task.kind == COLLECTIVE and task.size_bytes and task.algorithm in (DOWN, UP)
    return Reach(task, counter) if rooted else None
