"""Bodies of a step under construction: tasks by role, each waiting for the last tasks of the roles it names.

A *role* is a name such as `attention` or `home 2`; a task that is written under it is what later tasks mean by it.
Roles may be given other names (`alias`), and groups of roles one name (`gather`). In a serial step every task also
waits for the one written before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hecasim.mapping.work import Work
from hecasim.trace.play import Body
from hecasim.trace.task import COLLECTIVE, COMPUTE, STAGED, After, BodyKind, Task

Place = tuple[int, int]
"""A body and a task in it."""

IDLE = Work((), 0)
LAST = "the task before"


class Writer:
    """Writes tasks into bodies, one body after another."""

    def __init__(self, tiles: int, *, serial: bool) -> None:
        self.tiles, self.serial = tiles, serial
        self.kinds: list[BodyKind] = []
        self.bodies: list[Body] = []
        self.tasks: list[Task] = []
        self.groups: dict[str, tuple[tuple[int, ...], ...]] = {}
        self.phase, self.block = "forward", "embedding"
        self._known: dict[str, tuple[Place, ...]] = {}

    def alias(self, name: str, role: str) -> None:
        """From now on *name* means what *role* means now; nothing if that is nothing."""
        self._known[name] = self._known.get(role, ())

    def gather(self, name: str, roles: Sequence[str]) -> None:
        """From now on *name* means all that *roles* mean now."""
        self._known[name] = tuple(place for role in roles for place in self._known.get(role, ()))

    def knows(self, role: str) -> bool:
        """Whether anything was written under this role."""
        return bool(self._known.get(role))

    def compute(self, role: str, label: str, works: Sequence[Work], after: Sequence[str]) -> None:
        """Local work, one per tile."""
        classes = list(dict.fromkeys(works))
        of = tuple(classes.index(work) for work in works)
        self.task(COMPUTE, role, label, after, work=tuple(classes), work_of=of if len(classes) > 1 else None)

    def move(
        self, kind: str, role: str, label: str, sizes: Sequence[int], after: Sequence[str], stream: str, *,
        chained: bool = True,
    ) -> None:  # fmt: skip
        """Every tile's own bytes from or to DRAM."""
        self.task(kind, role, label, after, chained=chained, tile_bytes=tuple(sizes), stream=stream)

    def send(
        self, role: str, label: str, pairs: Sequence[tuple[int, int]], size: int, after: Sequence[str], *,
        chained: bool = True,
    ) -> None:  # fmt: skip
        """*size* bytes of a DRAM transfer from one tile to another, in every pair."""
        table = "send " + " ".join(f"{source}-{target}" for source, target in pairs)
        if table not in self.groups:
            named = {tile for pair in pairs for tile in pair}
            self.groups[table] = (*pairs, *((tile,) for tile in range(self.tiles) if tile not in named))
        self.task(COLLECTIVE, role, label, after, chained=chained, group=table, algorithm=STAGED,
                  size_bytes=size)  # fmt: skip

    def task(self, kind: str, role: str, label: str, after: Sequence[str], *, chained: bool = True,
             **fields: Any) -> None:  # fmt: skip
        """Any task; *chained* ones are what a serial step does one after another."""
        chained = chained and self.serial
        waits = {self._after(place) for one in (*after, *((LAST,) if chained else ()))
                 for place in self._known.get(one, ())}  # fmt: skip
        task = Task(id=len(self.tasks), kind=kind, label=label, block=self.block, phase=self.phase,
                    after=tuple(sorted(waits)), **fields)  # fmt: skip
        self._known[role] = ((len(self.bodies), task.id),)
        if chained:
            self._known[LAST] = self._known[role]
        self.tasks.append(task)

    def _after(self, place: Place) -> After:
        body, task = place
        return After(body - len(self.bodies), task)

    def close(self, layer: int, micro_batch: int) -> None:
        """The body is written."""
        if not self.tasks:
            return
        kind = BodyKind(f"{self.phase}.{self.block}.{len(self.kinds)}", self.block, self.phase, tuple(self.tasks))
        self.kinds.append(kind)
        self.bodies.append(Body(len(self.kinds) - 1, layer, micro_batch))
        self.tasks = []
