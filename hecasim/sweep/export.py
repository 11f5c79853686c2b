"""A store as a table: one line per point in the order of their numbers, the same bytes whoever computed it."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hecasim.errors import ConfigError
from hecasim.sweep.store import Row, Store

FIRST = ("number", "status", "reason")
LAST = ("key",)
LEFT_OUT = ("schema", "inputs", "host")
"""Parts of a result that are no columns: the axes say what was varied."""
MOST_DIGITS = 38  # of a decimal in Parquet

Cell = str | int | float | bool | None
Line = dict[str, Cell]


def table(store: Store) -> tuple[list[str], list[Line]]:
    """Columns (number, status, reason, axes, every number of the results by its path, key) and lines."""
    lines: list[Line] = []
    axes: dict[str, None] = {}
    numbers: dict[str, None] = {}
    for row in store.rows():
        found = dict(flat(row.document or {}))
        axes |= dict.fromkeys(row.labels)
        numbers |= dict.fromkeys(found)
        lines.append(
            {"number": row.number, "status": row.status, "reason": row.reason, **row.labels, **found, "key": row.key}
        )
    return [*FIRST, *axes, *(one for one in numbers if one not in axes), *LAST], lines


def flat(document: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Cell]]:
    """Every scalar of a result by its dotted path; lists and inputs are left out."""
    for key, value in document.items():
        if not above and key in LEFT_OUT:
            continue
        if isinstance(value, Mapping):
            yield from flat(value, f"{above}{key}.")
        elif not isinstance(value, list):
            yield f"{above}{key}", value


def value_at(row: Row, path: str) -> Any:
    """What a result says under a dotted path; None where it says nothing."""
    part: Any = row.document
    for key in path.split("."):
        part = part.get(key) if isinstance(part, Mapping) else None
    return part


def write_csv(columns: Sequence[str], lines: Iterable[Line], file: Path) -> None:
    """CSV in UTF-8 with line feeds; nothing is an empty cell, floats with every digit."""
    with file.open("w", encoding="utf-8", newline="") as page:
        writer = csv.writer(page, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_text(line.get(column)) for column in columns] for line in lines)


def _text(cell: Cell) -> Cell:
    return str(cell).lower() if isinstance(cell, bool) else cell


def write_parquet(columns: Sequence[str], lines: Sequence[Line], file: Path) -> None:
    """Parquet; integers beyond 64 bits are exact decimals (extra `parquet`)."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise ConfigError(f"{file}: Parquet needs pyarrow; `pip install 'hecasim[parquet]'` brings it") from None
    arrays = [_array(pyarrow, [line.get(column) for line in lines]) for column in columns]
    parquet.write_table(pyarrow.table(arrays, names=list(columns)), file)


def _array(arrow: Any, cells: list[Cell]) -> Any:
    """A column in the narrowest type that holds all of its cells exactly."""
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds == {bool}:
        return arrow.array(cells, arrow.bool_())
    if kinds == {int}:
        largest = max(abs(cell) for cell in cells if isinstance(cell, int))
        if largest < 2**63:
            return arrow.array(cells, arrow.int64())
        if largest < 10**MOST_DIGITS:
            from decimal import Decimal

            exact = [None if cell is None else Decimal(cell) for cell in cells]
            return arrow.array(exact, arrow.decimal128(MOST_DIGITS, 0))
    if kinds and kinds <= {int, float}:
        return arrow.array([None if cell is None else float(cell) for cell in cells], arrow.float64())
    return arrow.array([None if cell is None else str(_text(cell)) for cell in cells], arrow.string())


WRITERS = {".csv": write_csv, ".parquet": write_parquet}
