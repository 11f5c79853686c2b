"""The difference of two steps, shared out to phases and classes so that the shares add up to it exactly."""

from collections.abc import Mapping
from typing import Any

from hecasim.errors import ConfigError
from hecasim.trace.log import CLASSES
from hecasim.units import PS_PER_S

Cell = tuple[str, str]
Document = Mapping[str, Any]

RESOURCE = {
    "compute": "core",
    "exposed_nop": "NoP",
    "exposed_dram": "DRAM",
    "bubble": "other tiles",
    "idle": "nothing left to do",
}
"""Class of time -> what a tile spends it on or waits for."""
SLACK = 1e-9
"""Relative error of sums that were divided and written as floats."""


def cells_ps(document: Document, name: str) -> dict[Cell, int]:
    """(phase, class) -> whole picoseconds, mean over tiles; they add up to `step_time_ps`.

    Means are rounded down, and what is missing to the step goes to those that lost most, a picosecond each.
    Raises ConfigError where the result does not add up by itself; *name* is how it was named.
    """
    step = document["step_time_ps"]
    over_tiles = _over_tiles(document, name)
    total = sum(over_tiles.values())
    if not step or total % step:
        raise ConfigError(f"{name}: tile_time_ps: found a sum of {total:,}; expected a multiple of step_time_ps")
    tiles = total // step
    cells = {cell: ps // tiles for cell, ps in over_tiles.items()}
    lost = sorted(over_tiles, key=lambda cell: -(over_tiles[cell] % tiles))
    for cell in lost[: step - sum(cells.values())]:
        cells[cell] += 1
    return cells


def _over_tiles(document: Document, name: str) -> dict[Cell, int]:
    """(phase, class) -> picoseconds summed over tiles, whole numbers again.

    A result holds the sums of each class as whole numbers, and those of each phase as mean seconds.
    """
    totals, phases = document["tile_time_ps"], document["phases"]
    tiles = round(sum(totals.values()) / document["step_time_ps"]) if document["step_time_ps"] else 0
    cells: dict[Cell, int] = {}
    for owner in CLASSES:
        column = {phase: round(parts[f"{owner}_s"] * tiles * PS_PER_S) for phase, parts in phases.items()}
        rest = totals[owner] - sum(column.values())
        if abs(rest) > SLACK * totals[owner] + len(column):
            raise ConfigError(f"{name}: phases: {owner}_s does not add up to tile_time_ps.{owner}")
        column[max(column, key=lambda phase: column[phase])] += rest
        cells |= {(phase, owner): ps for phase, ps in column.items()}
    return cells
