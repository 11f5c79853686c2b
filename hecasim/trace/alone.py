"""A task of one tile alone, in a file: `tile` in place of rows in which all other tiles have nothing.

In memory such a task has two classes of work, its own and none, or a row of bytes with one entry; only those rows are
written short, so that what is read is what was written.
"""

from __future__ import annotations

from typing import Any

from hecasim.mapping.work import Work
from hecasim.trace.checking import Fault, whole
from hecasim.trace.task import COMPUTE, Task

TILE = "tile"
NO_WORK = Work((), 0)


def shortened(given: dict[str, Any], task: Task) -> dict[str, Any]:
    """The fields of a task with `tile` in place of its rows, where only one tile has anything to do."""
    row = task.work_of if task.kind == COMPUTE else task.tile_bytes
    if not row or len(row) < 2 or task.group:
        return given
    busy = [tile for tile, value in enumerate(row) if value]
    if len(busy) != 1:
        return given
    short = {TILE: busy[0]}
    if task.kind != COMPUTE:
        return given | short | {"tile_bytes": [row[busy[0]]]}
    if task.work[0] != NO_WORK or len(task.work) != 2:
        return given
    return {key: value for key, value in given.items() if key != "work_of"} | short | {"work": given["work"][1:]}


def expanded(read: dict[str, Any], tile: object, tiles: int) -> dict[str, Any]:
    """The fields of a task with the rows that `tile` stands for."""
    try:
        place = whole(tile, 0, tiles - 1)
    except Fault as fault:
        raise fault.below(TILE) from None
    for name in ("work_of", "group"):
        if name in read:
            raise Fault(name, "stands beside tile; expected one of them")
    name = "work" if "work" in read else "tile_bytes"
    if len(read[name]) != 1:
        raise Fault(name, f"found {len(read[name])} entries; expected one, that of tile {place}")
    if tiles == 1:
        return read
    if name == "work":
        work_of = tuple(int(one == place) for one in range(tiles))
        return read | {"work": (NO_WORK, *read["work"]), "work_of": work_of}
    return read | {"tile_bytes": tuple(read["tile_bytes"][0] * (one == place) for one in range(tiles))}
