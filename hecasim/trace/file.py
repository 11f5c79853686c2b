"""The Trace as a file: JSON lines, a header and group tables, body kinds with their tasks, then the order of play."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from hecasim.trace.task import Task, Trace

SCHEMA = "hecasim.trace/1"
OMITTED_IF_EMPTY = (
    "token_tile", "group", "algorithm", "size_bytes", "stream", "tile_bytes", "takes", "gives", "in_place",
)  # fmt: skip


def lines(trace: Trace) -> Iterator[str]:
    """The file, line by line (its fields are described in traces/README.md)."""
    yield _line({
        "schema": SCHEMA, "rows": trace.rows, "columns": trace.columns, "options": trace.options,
        "about": trace.about, "kinds": len(trace.kinds), "bodies": len(trace.bodies),
    })  # fmt: skip
    for name, members in trace.groups.items():
        yield _line({"group": name, "members": members})
    for number, kind in enumerate(trace.kinds):
        yield _line({"body": number, "name": kind.name, "block": kind.block, "phase": kind.phase,
                     "tasks": len(kind.tasks)})  # fmt: skip
        for task in kind.tasks:
            yield _line(_fields(task, kind.block, kind.phase))
    for (kind_number, layer), run in groupby(trace.bodies, key=lambda body: (body.kind, body.layer)):
        yield _line({"play": kind_number, "layer": layer, "micro_batches": [body.micro_batch for body in run]})


def write(trace: Trace, path: Path) -> None:
    """Write *trace* to *path*, whole or not at all."""
    path = Path(path)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with unfinished.open("w", encoding="utf-8") as page:
            for line in lines(trace):
                page.write(line + "\n")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _fields(task: Task, block: str, phase: str) -> dict[str, Any]:
    """What a task says beyond the defaults of its body."""
    fields: dict[str, Any] = {"id": task.id, "kind": task.kind, "label": task.label, "after": task.after}
    if task.block != block:
        fields["block"] = task.block
    if task.phase != phase:
        fields["phase"] = task.phase
    for name in OMITTED_IF_EMPTY:
        value = getattr(task, name)
        if value:
            fields[name] = value
    if task.work:
        fields["work"] = [{"gemms": work.gemms, "vector_operations": work.vector_operations} for work in task.work]
    if task.work_of:
        fields["work_of"] = task.work_of
    return fields


def _line(fields: dict[str, Any]) -> str:
    return json.dumps(fields, separators=(",", ":"))
