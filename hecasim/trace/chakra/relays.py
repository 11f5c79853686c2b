"""Dispatch and combine on a tree for Chakra, which knows no collective of unequal members: messages, link by link.

What a tile receives comes before what it sends; a switch sends on when all it receives is there (chunk by chunk in
hecasim, whole here). For the way back the first node of an exchange on a tile says what it is, and the others whose
part they are, so that `read_chakra` makes one Task of them again.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from hecasim.collectives import COLLECTIVES
from hecasim.topologies import Topology
from hecasim.trace.task import Task, Trace

PART = "hecasim_part"
PLACE = "hecasim_place"
"""Attribute of all nodes of an exchange on a tile but the first: how many places after it."""
OWN_BYTES, MEMBERS = "hecasim_tile_bytes", "hecasim_members"
"""Attributes of the first: the tile's own entry, and the communicator group."""


class Message(NamedTuple):
    """One message of a tile, to or from another."""

    sends: bool
    other: int
    size_bytes: int


Messages = dict[int, list[Message]]
"""Tile -> what it receives, then what it sends."""


class Relays:
    """The exchanges on trees of one trace."""

    def __init__(self, trace: Trace, topology: Topology) -> None:
        self.trace, self.topology = trace, topology
        self.known: dict[tuple[Any, ...], Messages] = {}

    def of(self, task: Task, members: tuple[int, ...]) -> Messages:
        """The messages of an exchange in one group; tiles without any are left out."""
        key = (task.algorithm, members, task.tile_bytes)
        if key not in self.known:
            self.known[key] = self._expanded(task, members)
        return self.known[key]

    def _expanded(self, task: Task, members: tuple[int, ...]) -> Messages:
        options = self.trace.options | {"tile_bytes": task.tile_bytes}
        stages = COLLECTIVES[task.algorithm](self.topology, members, task.size_bytes, options)
        flows = [flow for stage in stages for pattern in stage for flow in sorted(pattern.flows().items())]
        links = [(source, target, size) for (source, target), size in flows]
        made: Messages = {}
        for source, target, size in links:
            made.setdefault(target, []).append(Message(False, source, size))
        for source, target, size in links:
            made.setdefault(source, []).append(Message(True, target, size))
        return made
