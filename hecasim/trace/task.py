"""The Trace: the Tasks of one training step, body by body, with everything a replay needs and no hardware.

A *body* is one token tile of a micro-batch through a stretch of one block in one pass. Bodies that do the same are
written once, as a `BodyKind`, and referenced in the order of play; a Task names what it waits for as (body offset,
task id in that body).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hecasim.mapping.buffers import Buffer
from hecasim.mapping.work import Work
from hecasim.trace.play import Order

DEFAULT_LEAD = 7
"""Bodies a tile may run ahead of the slowest where a trace does not say."""

COMPUTE, COLLECTIVE, DRAM_READ, DRAM_WRITE = "compute", "collective", "dram_read", "dram_write"
STREAMS = ("collective", "weights", "load", "store")
"""Classes of traffic that take turns on a link."""
PORT, PACKAGE = "port", "package"
TOGETHER = (PORT, PACKAGE)
"""Tiles that begin a DRAM task when the last of them is ready."""
SENT, STAGED = "point.send", "staged.send"
MESSAGES = (SENT, STAGED)
"""Collectives of two members, a source and a target."""


class After(NamedTuple):
    """A task of this body (offset 0) or of an earlier one."""

    offset: int
    task: int


@dataclass(frozen=True, slots=True)
class Task:
    """The smallest thing the scheduler starts, on every tile of the grid or in every group of a table.

    compute: `work` per class of tiles, `work_of` the class of each tile (None: all alike).
    collective: `algorithm` on every group of table `group`, `size_bytes` the full tensor of one group; where members
    differ (`tree.dispatch`, `tree.combine`), `tile_bytes` of the link above each tile and `size_bytes` their sum; where
    each pair does (`direct.uneven_all_to_all`), `tile_bytes` from each tile to every tile.
    dram_read / dram_write: `tile_bytes` per tile (one number: all alike), `stream` on links; a read with a
    `group` is read once per group and multicast to its members; `together`: those behind one DRAM `port`, or those
    of the whole `package`, begin when the last of them is ready.
    """

    id: int
    kind: str
    label: str
    block: str
    phase: str
    after: tuple[After, ...]
    group: str = ""
    work: tuple[Work, ...] = ()
    work_of: tuple[int, ...] | None = None
    algorithm: str = ""
    size_bytes: int = 0
    stream: str = ""
    tile_bytes: tuple[int, ...] = ()
    together: str = ""
    takes: tuple[Buffer, ...] = ()
    gives: tuple[Buffer, ...] = ()
    in_place: bool = False
    """It gives back what it reads before it takes what it makes."""

    @property
    def leads(self) -> bool:
        """Whether later bodies are issued only when it has ended: weights in advance and stores hold nobody up."""
        return self.kind != DRAM_WRITE and self.stream != "weights"

    @property
    def is_message(self) -> bool:
        return self.algorithm in MESSAGES

    def work_at(self, tile: int) -> Work:
        return self.work[self.work_of[tile] if self.work_of else 0]

    def bytes_at(self, tile: int) -> int:
        return self.tile_bytes[tile] if len(self.tile_bytes) > 1 else self.tile_bytes[0]


@dataclass(frozen=True)
class BodyKind:
    """What a body does: a block in a pass, in one of its variants (first, last, next to what)."""

    name: str
    block: str
    phase: str
    tasks: tuple[Task, ...]


@dataclass(frozen=True)
class Trace:
    """One training step."""

    rows: int
    columns: int
    groups: dict[str, tuple[tuple[int, ...], ...]]
    options: dict[str, Any]
    kinds: tuple[BodyKind, ...]
    bodies: Order
    about: dict[str, Any] = field(default_factory=dict)
    """Names, token tile, footprints and other facts that the Result repeats; no meaning for replay."""

    @property
    def tiles(self) -> int:
        return self.rows * self.columns

    @property
    def look_ahead(self) -> int:
        """A body is issued once the work and loads of all bodies so many places before it have ended everywhere.

        So no tile starts body i + lead + 1 before all have ended body i.
        """
        return int(self.options.get("lead", DEFAULT_LEAD)) + 1

    @property
    def task_count(self) -> int:
        return sum(len(kind.tasks) * times for kind, times in self.counted_kinds())

    def counted_kinds(self) -> Iterator[tuple[BodyKind, int]]:
        """Every body kind with how often it is played."""
        return zip(self.kinds, self.bodies.counts(len(self.kinds)), strict=True)
