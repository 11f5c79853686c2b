"""Chakra execution traces as a Trace: one body whose tasks are the nodes, equal ones of several ranks together.

Rank r is tile r. Nodes of several ranks that do the same kind of thing after the same tasks become one Task with the
bytes or work of every tile. Where members of one collective wait for different things, each waits for all of them;
how often is said in the notes, as are nodes that cannot be replayed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hecasim.errors import ConfigError
from hecasim.mapping.work import Work
from hecasim.trace.chakra.matching import Unit, in_order
from hecasim.trace.chakra.nodes import Node, read_ranks
from hecasim.trace.chakra.tasks import Draft, draft_of, task_of
from hecasim.trace.checking import Fault
from hecasim.trace.fields import LARGEST_TILES
from hecasim.trace.header import read_options
from hecasim.trace.play import Body, order_of
from hecasim.trace.task import After, BodyKind, Trace

OPTIONS = {"ring": "unidirectional", "colours": "sequential", "chunks": 8, "segment_bytes": 256 * 1024,
           "dram_map": "row", "element_bytes": 2}  # fmt: skip
"""Of a trace that hecasim did not write (the defaults of a plan)."""


def read_chakra(
    directory: Path,
    rows: int | None = None,
    columns: int | None = None,
    work_of_runtime: Callable[[int], Work] | None = None,
) -> Trace:
    """The Trace of the execution traces in *directory*, on a grid of rows x columns (default: as written, or a row).

    `work_of_runtime` turns the microseconds of a compute node that has no `num_ops` into work; without it such nodes
    are refused. Raises ConfigError with rank and node.
    """  # fmt: skip
    directory = Path(directory)
    ranks = read_ranks(directory)
    count = len(ranks.nodes)
    grid = ranks.grid or {"rows": 1, "columns": count, "options": OPTIONS}
    rows, columns = (rows, columns) if rows and columns else (grid["rows"], grid["columns"])
    if rows * columns != count or count > LARGEST_TILES:
        raise ConfigError(f"{directory}: traces of {count} ranks; found a grid of {rows}x{columns}")
    try:
        options = read_options(grid["options"])
    except Fault as fault:
        raise ConfigError(f"{directory}: options: {fault.path}: {fault.what}") from None
    assembly = _Assembly(count, work_of_runtime)
    for unit in in_order(ranks):
        assembly.add(unit)
    if not assembly.drafts:
        raise ConfigError(f"{directory}: no node that can be replayed")
    groups = assembly.groups()
    tasks = tuple(task_of(draft, number, count) for number, draft in enumerate(assembly.drafts))
    unsupported = [f"left out {times} x {name}" for name, times in sorted(ranks.unsupported.items())]
    kind = BodyKind("chakra", tasks[0].block, tasks[0].phase, tasks)
    about = {"source": "Chakra execution traces", "notes": [*unsupported, *assembly.notes()]}
    return Trace(rows, columns, groups, options, (kind,), order_of([Body(0, 0, 0)]), about)


class _Assembly:
    """Tasks under construction: units join a task that does the same after the same tasks."""

    def __init__(self, tiles: int, work_of_runtime: Callable[[int], Work] | None) -> None:
        self.tiles, self.work_of_runtime = tiles, work_of_runtime
        self.drafts: list[Draft] = []
        self.number: dict[Unit, int] = {}
        self.open: dict[tuple[Any, ...], list[int]] = {}
        self.uneven = self.timed = 0

    def add(self, unit: Unit) -> None:
        waits = {rank: sorted({self.number[other] for other in units}) for rank, units in unit.waits.items()}
        if len({tuple(numbers) for numbers in waits.values()}) > 1:
            self.uneven += 1
        after = tuple(After(0, number) for number in sorted({one for numbers in waits.values() for one in numbers}))
        draft = draft_of(unit, after, self._runtime)
        for number in self.open.get(draft.key, ()):
            if self.drafts[number].tiles.isdisjoint(draft.tiles):
                self.drafts[number].join(draft)
                self.number[unit] = number
                return
        self.number[unit] = len(self.drafts)
        self.open.setdefault(draft.key, []).append(len(self.drafts))
        self.drafts.append(draft)

    def _runtime(self, node: Node) -> Work:
        if self.work_of_runtime is None:
            raise ConfigError(node.says("has a duration but no num_ops; name a package, whose core then decides"))
        self.timed += 1
        return self.work_of_runtime(node.micros)

    def groups(self) -> dict[str, tuple[tuple[int, ...], ...]]:
        """The group tables that the tasks name; the names that hecasim wrote where they fit, else g0, g1, ..."""
        tables: dict[str, tuple[tuple[int, ...], ...]] = {}
        names: dict[tuple[tuple[int, ...], ...], str] = {}
        for draft in self.drafts:
            if not draft.groups:
                continue
            named = {tile for members in draft.groups for tile in members}
            alone = [(tile,) for tile in range(self.tiles) if tile not in named]
            table = tuple(sorted([*draft.groups, *alone], key=min))
            if table not in names:
                wish = draft.group
                names[table] = wish if wish and wish not in tables else f"g{len(tables)}"
                tables[names[table]] = table
            draft.group = names[table]
        return tables

    def notes(self) -> list[str]:
        made = []
        if self.uneven:
            made.append(f"{self.uneven} collectives have members that wait for different tasks: each waits for all")
        if self.timed:
            made.append(f"{self.timed} compute nodes have a duration only: taken as work that lasts so long")
        return made
