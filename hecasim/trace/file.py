"""The Trace as a file: JSON lines, a header and group tables, body kinds with their tasks, then the
order of play.

`write` and `read` go line by line; a name that ends in `.gz` is compressed. `read` gives back the Trace written.
"""

from __future__ import annotations

import gzip
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import IO, Any

from hecasim.trace.fields import task_fields
from hecasim.trace.reading import SCHEMA, read
from hecasim.trace.repeats import Repeat, Stretch, folded
from hecasim.trace.runs import counted
from hecasim.trace.task import Trace

__all__ = ["SCHEMA", "lines", "read", "write"]


def lines(trace: Trace) -> Iterator[str]:
    """The file, line by line (its fields are described in traces/README.md)."""
    about = dict(trace.about)
    head = {"schema": SCHEMA} | {key: about.pop(key) for key in ("version", "hashes") if key in about}
    yield _line(head | {
        "rows": trace.rows, "columns": trace.columns, "options": trace.options, "about": about,
        "kinds": len(trace.kinds), "passages": len(trace.bodies.passages), "plays": len(trace.bodies.plays),
    })  # fmt: skip
    for name, members in trace.groups.items():
        yield _line({"group": name, "members": members})
    for number, kind in enumerate(trace.kinds):
        yield _line({"body": number, "name": kind.name, "block": kind.block, "phase": kind.phase,
                     "tasks": len(kind.tasks)})  # fmt: skip
        for task in kind.tasks:
            yield _line(task_fields(task, kind.block, kind.phase))
    for number, passage in enumerate(trace.bodies.passages):
        yield _line({"passage": number, "runs": passage})
    runs = groupby(trace.bodies.plays, key=lambda play: (play.passage, play.layer))
    plays = [Stretch(passage, layer, tuple(play.micro_batch for play in run)) for (passage, layer), run in runs]
    for play in folded(plays):
        if isinstance(play, Repeat):
            yield _line({"repeat": play.length, "times": play.times, "layer": play.layer,
                         "micro_batch": play.micro_batch})  # fmt: skip
        else:
            yield _line({"play": play.passage, "layer": play.layer, "micro_batches": counted(play.micro_batches)})


def write(trace: Trace, path: Path) -> None:
    """Write *trace* to *path*, whole or not at all."""
    path = Path(path)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with _page(unfinished, compressed=path.suffix == ".gz") as page:
            for line in lines(trace):
                page.write(line + "\n")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def _page(path: Path, *, compressed: bool) -> Iterator[IO[str]]:
    """A file to write text to; a compressed one holds neither name nor time, so that equal traces are equal files."""
    if not compressed:
        with path.open("w", encoding="utf-8") as page:
            yield page
        return
    with (
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed,
        io.TextIOWrapper(packed, encoding="utf-8") as page,
    ):
        yield page


def _line(fields: dict[str, Any]) -> str:
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
