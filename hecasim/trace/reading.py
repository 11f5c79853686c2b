"""A trace file read back, line by line, every field checked: a fault is a ConfigError with file, line and key path.

Limits, so that no file can fill the memory: the constants here and in `source`, `header`, `ordering` and `fields`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hecasim.errors import ConfigError
from hecasim.specs.find import shown as shown_path
from hecasim.trace.checking import Fault, each, fields, keys, text, whole, word
from hecasim.trace.fields import LARGEST_TASKS, read_task
from hecasim.trace.header import SCHEMA, read_header
from hecasim.trace.log import PHASES
from hecasim.trace.ordering import check_outside, read_passages, read_plays
from hecasim.trace.play import Order
from hecasim.trace.source import Source, names
from hecasim.trace.task import BodyKind, Task, Trace

__all__ = ["SCHEMA", "read"]

LARGEST_GROUPS = 4096
LARGEST_ROWS = 2 * 10**7
"""Numbers in rows of bytes or classes per tile, equal rows counted once."""
KEPT_ONCE = ("tile_bytes", "work_of", "work", "takes", "gives", "after", "label")
LARGEST_POOL = 2**17
"""Values remembered, so that equal ones are kept once; after so many different ones they are forgotten."""

Groups = dict[str, tuple[tuple[int, ...], ...]]


def read(path: Path | str) -> Trace:
    """The Trace in the file *path*, equal to the one that was written.

    Raises ConfigError with the line and the key path of the first fault.
    """
    path = Path(path)
    source = Source(path)
    try:
        return _trace(source)
    except Fault as fault:
        where = f"{shown_path(path)}:{max(1, source.number)}: {fault.path or 'line'}"
        raise ConfigError(f"{where}: {fault.what}") from None
    except OSError as error:
        raise ConfigError(f"{shown_path(path)}: cannot be read: {error.strerror or error}") from None


def _trace(source: Source) -> Trace:
    """The whole file, top to bottom."""
    header = read_header(source.next("a header"))
    groups = _groups(source, header.rows * header.columns)
    reader = _Tasks(source, groups, header.rows * header.columns)
    kinds = tuple(reader.kind(number, header.kinds) for number in range(header.kinds))
    passages = read_passages(source, header.kinds, header.passages)
    plays = read_plays(source, header.passages, header.plays)
    order = Order(passages, [play for stretch, _ in plays for play in stretch.plays()])
    check_outside(source, kinds, order, plays)
    return Trace(header.rows, header.columns, groups, header.options, kinds, order, header.about)


def _groups(source: Source, tiles: int) -> Groups:
    """The group tables, each of which names every tile of the grid once."""
    groups: Groups = {}
    readers = {
        "group": text,
        "members": lambda members: each(members, lambda one: each(one, _tile(tiles), 1, tiles), 1, tiles),
    }
    while (line := source.peek()) is not None and "group" in line and "id" not in line:
        made = fields(keys(source.next("a group table"), tuple(readers)), readers)
        name: str = made["group"]
        if name in groups or not name:
            raise Fault("group", f"found {name!a}; expected a name that no table before has")
        if len(groups) == LARGEST_GROUPS:
            raise Fault("group", f"more than {LARGEST_GROUPS} tables")
        _check_members(made["members"], tiles)
        groups[name] = made["members"]
    return groups


def _tile(tiles: int) -> Callable[[object], int]:
    return lambda value: whole(value, 0, tiles - 1)


def _check_members(members: Sequence[tuple[int, ...]], tiles: int) -> None:
    seen = bytearray(tiles)
    for number, group in enumerate(members):
        for place, tile in enumerate(group):
            if seen[tile]:
                raise Fault(f"members[{number}][{place}]", f"tile {tile} stands twice; expected every tile once")
            seen[tile] = 1
    if not all(seen):
        raise Fault("members", f"tile {seen.index(0)} is in no group; expected every tile of the grid once")


class _Tasks:
    """Reads the body kinds of a file, one after another."""

    def __init__(self, source: Source, groups: Groups, tiles: int) -> None:
        self.source, self.groups, self.tiles = source, groups, tiles
        self.pool: dict[Any, Any] = {}
        """Equal values, and equal tasks, are kept once."""
        self.row_numbers = self.count = 0

    def kind(self, number: int, count: int) -> BodyKind:
        """The next body kind with its tasks, number *number* of *count*."""
        head = self._head(number, count)
        kind = BodyKind(head["name"], head["block"], head["phase"], ())
        tasks: list[Task] = []
        while len(tasks) < head["tasks"]:
            line = self.source.next(f"task {len(tasks)} of {head['tasks']}")
            if "id" in line:
                tasks.append(self._task(line, kind, len(tasks)))
            else:
                raise Fault("", f"expected task {len(tasks)} of {kind.name}, found a line with {names(line)}")
        return BodyKind(kind.name, kind.block, kind.phase, tuple(tasks))

    def _head(self, number: int, count: int) -> dict[str, Any]:
        line = self.source.next(f"body kind {number} of {count}")
        if "body" not in line:
            raise Fault("", f"expected body kind {number} of {count}, found a line with {names(line)}")
        readers: Mapping[str, Callable[[Any], Any]] = {
            "body": whole,
            "name": text,
            "block": text,
            "phase": lambda phase: word(phase, PHASES),
            "tasks": lambda tasks: whole(tasks, 1, LARGEST_TASKS),
        }
        head = fields(keys(line, tuple(readers)), readers)
        if head["body"] != number:
            raise Fault("body", f"found {head['body']}; expected {number}, they count up")
        self.count += head["tasks"]
        if self.count > LARGEST_TASKS:
            raise Fault("tasks", f"{self.count} tasks so far; expected at most {LARGEST_TASKS} in a file")
        return head

    def _task(self, line: dict[str, Any], kind: BodyKind, number: int) -> Task:
        task = read_task(line, kind, self.groups, self.tiles)
        if task.id != number:
            raise Fault("id", f"found {task.id}; expected {number}, they count up")
        if task in self.pool:
            same: Task = self.pool[task]
            return same
        for name in KEPT_ONCE:
            value = getattr(task, name)
            if value not in self.pool:
                self.row_numbers += len(value) if name in ("tile_bytes", "work_of") and value else 0
            object.__setattr__(task, name, self.pool.setdefault(value, value))
        if self.row_numbers > LARGEST_ROWS:
            raise Fault("", f"more than {LARGEST_ROWS} numbers in rows per tile")
        if len(self.pool) > LARGEST_POOL:
            self.pool.clear()
        self.pool[task] = task
        return task
