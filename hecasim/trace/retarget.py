"""A Trace on another grid: the same tasks and tile numbers, where every group still has a shape its collectives know.

The rule: as many tiles as before; tile t keeps its number and its place row by row; every group that a task uses must
be a rectangle again (each of its rows crossed with each of its columns; one row, one column, or one tile are too), and
every collective must accept its group on the new grid; a message goes from any tile to any other. Work and bytes per
tile stay, and so do the integers of a task alone on a tile; routes, rings and DRAM ports are those of the new grid.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hecasim.collectives import COLLECTIVES
from hecasim.errors import ConfigError
from hecasim.topologies import Topology, Tree
from hecasim.trace.task import COLLECTIVE, Trace

SHOWN = 4


def retarget(trace: Trace, grid: Topology) -> Trace:
    """*trace* for the tiles of *grid*; the trace itself where it is of as many rows and columns.

    Raises ConfigError with the groups that stand in the way, all of them by name.
    """
    rows, columns = grid.rows, grid.columns
    if (rows, columns) == (trace.rows, trace.columns):
        return trace
    was, wanted = f"{trace.rows}x{trace.columns}", f"{rows}x{columns}"
    if isinstance(grid, Tree):
        raise ConfigError(
            f"trace: written for a grid of {was}; the package is a tree of {grid.size} tiles, whose roles differ"
        )
    if rows * columns != trace.tiles:
        raise ConfigError(
            f"trace: written for a grid of {was}, {trace.tiles} tiles, and its work is cut for them; "
            f"the package has {wanted}, {rows * columns} tiles"
        )
    faults = list(_faults(trace, grid))
    if faults:
        raise ConfigError("\n".join(f"trace: written for a grid of {was}; on {wanted} {fault}" for fault in faults))
    return replace(trace, rows=rows, columns=columns)


def _faults(trace: Trace, grid: Topology) -> Iterator[str]:
    used = {task.group for kind in trace.kinds for task in kind.tasks if task.group and not task.is_message}
    for name, groups in trace.groups.items():
        broken = [members for members in groups if not _is_rectangle(members, grid.columns)] if name in used else []
        if broken:
            tiles = ", ".join(str(list(members[:8])) for members in broken[:SHOWN])
            more = f" and {len(broken) - SHOWN} more" if len(broken) > SHOWN else ""
            yield f"group '{name}' is no rectangle: tiles {tiles}{more}"
    played = {(task.algorithm, task.group): task for kind in trace.kinds for task in kind.tasks
              if task.kind == COLLECTIVE and task.size_bytes}  # fmt: skip
    for (algorithm, group), task in played.items():
        for members in trace.groups[group]:
            try:
                options = trace.options | {"tile_bytes": task.tile_bytes}
                COLLECTIVES[algorithm](grid, members, task.size_bytes, options)
            except ConfigError as error:
                yield f"group '{group}': {error}"
                break


def _is_rectangle(members: tuple[int, ...], columns: int) -> bool:
    rows = {tile // columns for tile in members}
    across = {tile % columns for tile in members}
    return len(rows) * len(across) == len(members)
