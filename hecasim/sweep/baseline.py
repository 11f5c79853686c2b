"""By which row another is divided: the one that passes the study's baseline and agrees in all other axes."""

from collections.abc import Mapping, Sequence
from typing import Any

from hecasim.specs import Spec, filters
from hecasim.sweep.lookup import measured
from hecasim.sweep.point import DONE
from hecasim.sweep.points import KINDS
from hecasim.sweep.store import Row


def baselines(baseline: str, rows: Sequence[Row]) -> dict[int, Row]:
    """Number of a row -> the row by which it is divided; rows without one are left out."""
    condition = filters.parse(baseline)
    asked = set(filters.keys(condition))
    base_of: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        if row.status == DONE and filters.holds(condition, _values(row.labels)):
            base_of.setdefault(_rest(row, asked), row)
    return {row.number: base_of[rest] for row in rows if (rest := _rest(row, asked)) in base_of}


def _rest(row: Row, asked: set[str]) -> tuple[Any, ...]:
    """The labels in which a row and its baseline agree."""
    return tuple(value for key, value in row.labels.items() if key not in asked)


def _values(labels: Mapping[str, Any]) -> Any:
    return lambda path: measured(path, labels, KINDS, _nothing)


def _nothing(root: str) -> Spec:
    raise filters.FilterError(f"{root}: expected keys of axes")
