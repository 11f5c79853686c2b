"""A damaged store made good: the rows whose checksum holds move to a new one, the old file stays beside it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from hecasim.sweep.store import FILE, OUTCOMES, Store, outcome_is_whole

MOST_ROWS = 2_000_000
GIVE_UP_AFTER = 10_000
"""Neighbouring rows that cannot be read before the search for further ones ends."""


class Recovery(NamedTuple):
    """What was done: how many rows were kept, and where the damaged file is now."""

    kept: int
    damaged: Path


def recover(folder: Path) -> Recovery:
    """Put a new store in place of the damaged one in *folder*, with every outcome that checks by its own checksum.

    Points and the description of the study are not taken over: whoever resumes the study describes it again.
    """
    damaged = _set_aside(folder / FILE)
    rows = list(_readable(damaged))
    with Store.create(folder) as store:
        store.put_rows(rows)
    return Recovery(len(rows), damaged)


def _set_aside(file: Path) -> Path:
    """Rename the damaged file and what SQLite keeps beside it."""
    number = 1
    while (damaged := file.with_name(f"store.damaged-{number}.sqlite")).exists():
        number += 1
    for ending in ("-wal", "-shm", ""):
        beside = file.with_name(file.name + ending)
        if beside.exists():
            beside.rename(damaged.with_name(damaged.name + ending))
    return damaged


def _readable(file: Path) -> Iterator[tuple[Any, ...]]:
    """Outcomes of a broken file, each once: read forward until it breaks, then row by row beyond the break."""
    seen: set[str] = set()
    last = 0
    for rowid, one in _forward(file):
        last = rowid
        if outcome_is_whole(one) and one[0] not in seen:
            seen.add(one[0])
            yield one
    unreadable = 0
    row: tuple[Any, ...] | None
    with closing(sqlite3.connect(file, isolation_level=None)) as base:
        for rowid in range(last + 1, MOST_ROWS):
            try:
                row = base.execute(f"{OUTCOMES} WHERE rowid = ?", (rowid,)).fetchone()
            except sqlite3.Error:
                row = None
            unreadable = unreadable + 1 if row is None else 0
            if unreadable > GIVE_UP_AFTER:
                return
            if row is not None and outcome_is_whole(row) and row[0] not in seen:
                seen.add(row[0])
                yield row


def _forward(file: Path) -> Iterator[tuple[int, tuple[Any, ...]]]:
    try:
        with closing(sqlite3.connect(file, isolation_level=None)) as base:
            asked = OUTCOMES.replace("SELECT", "SELECT rowid,")
            for rowid, *row in base.execute(f"{asked} ORDER BY rowid"):
                yield rowid, tuple(row)
    except sqlite3.Error:
        return
