"""How the fields of a Task stand in a file, derived from the dataclass: a new field of a known type needs no line here.

A field that has its default is left out. What a type looks like in the file stands in `BY_TYPE`; a field that needs
narrower checks than its type has a line in `BY_NAME`. Two words exist in files only: kind `send` (see SEND), and
`tile`, which stands for rows in which one tile has something and all others nothing (see `alone`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any, NamedTuple

from hecasim.collectives import COLLECTIVES, PER_PAIR, UNEQUAL
from hecasim.mapping.buffers import Buffer
from hecasim.mapping.sram import POOLS
from hecasim.mapping.work import Work
from hecasim.trace import checking, runs
from hecasim.trace.alone import TILE, expanded, shortened
from hecasim.trace.checking import LARGEST_SIZE, Fault, each, items, keys, refuse, whole, word
from hecasim.trace.log import PHASES
from hecasim.trace.task import (
    COLLECTIVE,
    COMPUTE,
    DRAM_READ,
    DRAM_WRITE,
    SENT,
    STREAMS,
    TOGETHER,
    After,
    BodyKind,
    Task,
)

LARGEST_TILES = 2**16
"""Also numbers in a row, so that a table of all pairs is one of at most 256 tiles."""
LARGEST_TASKS = 10**6
FARTHEST_BODY = 10**9
"""How many bodies back a task may look."""
LARGEST_FLOPS = 10**17
"""Of one task on one tile: a day of 1 TFLOP/s."""
BUFFER_KINDS = tuple(POOLS)
SEND = "send"
"""The kind, in a file, of a collective whose algorithm is SENT."""
KINDS = (COMPUTE, COLLECTIVE, SEND, DRAM_READ, DRAM_WRITE)
OF_KIND = {
    "work": (COMPUTE,), "work_of": (COMPUTE,), "algorithm": (COLLECTIVE,), "size_bytes": (COLLECTIVE, SEND),
    "group": (COLLECTIVE, SEND, DRAM_READ), "stream": (DRAM_READ, DRAM_WRITE),
    "tile_bytes": (COLLECTIVE, DRAM_READ, DRAM_WRITE), TILE: (COMPUTE, DRAM_READ, DRAM_WRITE),
    "together": (DRAM_READ, DRAM_WRITE),
}  # fmt: skip
"""Fields that only some kinds of task have."""
NEEDED = {COMPUTE: ("work",), COLLECTIVE: ("group", "algorithm"), SEND: ("group", "size_bytes"),
          DRAM_READ: ("stream", "tile_bytes"), DRAM_WRITE: ("stream", "tile_bytes")}  # fmt: skip


class Form(NamedTuple):
    """How a value is written and read."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


def _after(value: object) -> After:
    offset, task = items(value, 2, 2)
    return After(whole(offset, -FARTHEST_BODY, 0), whole(task, 0, LARGEST_TASKS))


def _afters(value: object) -> tuple[After, ...]:
    made = each(value, _after)
    if len(set(made)) < len(made):
        refuse(value, "each task once")
    return made


def _buffer(value: object) -> Buffer:
    kind, size = items(value, 2, 2)
    return Buffer(word(kind, BUFFER_KINDS), whole(size, 1, LARGEST_SIZE))


def _work(value: object) -> Work:
    given = keys(value, ("gemms", "vector_operations"))
    read = checking.fields(given, {
        "gemms": lambda shapes: each(shapes, lambda shape: each(shape, lambda size: whole(size, 1), 4, 4)),
        "vector_operations": lambda count: whole(count, 0, LARGEST_SIZE),
    })  # fmt: skip
    work = Work(read["gemms"], read["vector_operations"])
    if work.flops > LARGEST_FLOPS:
        raise Fault("gemms", f"found {work.flops} FLOPs on one tile; expected at most {LARGEST_FLOPS}")
    return work


def _numbers(value: object) -> tuple[int, ...]:
    return runs.read(value, LARGEST_TILES, LARGEST_SIZE)


BY_TYPE: dict[str, Form] = {
    "int": Form(_same, lambda value: whole(value, 0, LARGEST_SIZE)),
    "str": Form(_same, checking.text),
    "bool": Form(_same, checking.truth),
    "tuple[int, ...]": Form(runs.written, _numbers),
    "tuple[int, ...] | None": Form(runs.written, _numbers),
    "tuple[After, ...]": Form(_same, _afters),
    "tuple[Buffer, ...]": Form(_same, lambda value: each(value, _buffer)),
    "tuple[Work, ...]": Form(lambda works: [work._asdict() for work in works], lambda value: each(value, _work, 1)),
}
"""Type of a Task's field, as annotated -> how it stands in the file."""
BY_NAME: dict[str, Callable[[Any], Any]] = {
    "id": lambda value: whole(value, 0, LARGEST_TASKS),
    "kind": lambda value: word(value, KINDS),
    "phase": lambda value: word(value, PHASES),
    "algorithm": lambda value: word(value, COLLECTIVES),
    "stream": lambda value: word(value, STREAMS[1:]),
    "together": lambda value: word(value, TOGETHER),
}
"""Field -> its own reader, where the type says too little."""

READERS: dict[str, Callable[[Any], Any]] = {
    field.name: BY_NAME.get(field.name, BY_TYPE[str(field.type)].read) for field in fields(Task)
}
DEFAULTS: dict[str, Any] = {field.name: field.default for field in fields(Task) if field.default is not MISSING}
ALWAYS = ("id", "kind", "label", "after")
WRITERS: dict[str, Callable[[Any], Any]] = {field.name: BY_TYPE[str(field.type)].write for field in fields(Task)}


def task_fields(task: Task, block: str, phase: str) -> dict[str, Any]:
    """What a task says beyond the defaults of its body."""
    given: dict[str, Any] = {name: WRITERS[name](getattr(task, name)) for name in ALWAYS}
    home = DEFAULTS | {"block": block, "phase": phase}
    for name, write in WRITERS.items():
        value = getattr(task, name)
        if name not in given and value != home[name]:
            given[name] = write(value)
    if task.algorithm == SENT:
        del given["algorithm"]
        given |= {"kind": SEND, "size_bytes": task.size_bytes}
    return shortened(given, task)


def read_task(line: Mapping[str, Any], kind: BodyKind, groups: Mapping[str, Any], tiles: int) -> Task:
    """The task of a line; *kind* is the body it stands in (its name, block and phase)."""
    read = checking.fields(keys(line, ALWAYS, (*READERS, TILE)), READERS)
    _check_kind(read["kind"], line)
    if read["kind"] == SEND:
        read |= {"kind": COLLECTIVE, "algorithm": SENT}
    home: dict[str, Any] = {"block": kind.block, "phase": kind.phase}
    task = Task(**(home | (expanded(read, line[TILE], tiles) if TILE in line else read)))
    for name, (offset, before) in ((f"after[{at}]", one) for at, one in enumerate(task.after)):
        if not offset and before >= task.id:
            raise Fault(name, f"found task {before}; expected one before this, 0 to {task.id - 1}")
    if task.group or "group" in line:
        try:
            word(task.group, groups)
        except Fault as fault:
            raise fault.below("group") from None
    if task.is_message and any(len(members) > 2 for members in groups[task.group]):
        raise Fault("group", f"found '{task.group}' with more than two members; expected pairs, source and target")
    unequal = task.algorithm in UNEQUAL
    if task.kind == COLLECTIVE and bool(task.tile_bytes) != unequal:
        raise Fault("tile_bytes", f"missing; {task.algorithm} needs it" if unequal else
                    f"not a field of a collective whose members are alike ({task.algorithm})")  # fmt: skip
    if task.algorithm == PER_PAIR:
        _check_pairs(task, groups[task.group], tiles)
    else:
        _check_rows(task, tiles)
    return task


def _check_pairs(task: Task, groups: Sequence[Sequence[int]], tiles: int) -> None:
    """A table of all pairs, of which only those within a group have bytes, and in all as many as the task says."""
    table = task.tile_bytes
    if len(table) != tiles**2:
        raise Fault("tile_bytes", f"found {len(table)} numbers; expected one per source and target ({tiles**2})")
    sent = sum(table[source * tiles + target] for members in groups for source in members for target in members
               if source != target)  # fmt: skip
    if sent != sum(table):
        raise Fault("tile_bytes", f"{sum(table) - sent} bytes stay on their tile or leave their group; expected none")
    if sent != task.size_bytes:
        raise Fault("size_bytes", f"found {task.size_bytes}; expected the sum of tile_bytes ({sent})")


def _check_kind(kind: str, line: Mapping[str, Any]) -> None:
    for name in line:
        if kind not in OF_KIND.get(name, KINDS):
            raise Fault(name, f"not a field of a {kind}")
    for name in NEEDED[kind]:
        if name not in line:
            raise Fault(name, f"missing; a {kind} needs it")


def _check_rows(task: Task, tiles: int) -> None:
    """Rows of numbers are one for all tiles or one per tile."""
    if task.tile_bytes and len(task.tile_bytes) not in (1, tiles):
        raise Fault("tile_bytes", f"found {len(task.tile_bytes)} numbers; expected 1, or one per tile ({tiles})")
    if "tile_bytes" in NEEDED[task.kind] and not task.tile_bytes:
        raise Fault("tile_bytes", f"found no number; expected 1, or one per tile ({tiles})")
    if task.work_of is None:
        if len(task.work) > 1:
            raise Fault("work_of", f"missing; {len(task.work)} classes of work need the class of every tile")
        return
    if len(task.work_of) != tiles:
        raise Fault("work_of", f"found {len(task.work_of)} numbers; expected one per tile ({tiles})")
    if max(task.work_of) >= len(task.work):
        raise Fault("work_of", f"found class {max(task.work_of)}; expected 0 to {len(task.work) - 1}")
