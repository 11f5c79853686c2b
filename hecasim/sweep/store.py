"""The store of a sweep: one SQLite file in which a row is there whole or not at all, keyed by what it depends on.

`outcomes` holds one row per content hash (see `point.content_key`) with a checksum of its own; `points` says which
outcome each point of the study has; `about` describes the study. The view `rows` is for people with an SQL shell.
Outcomes of earlier studies stay, so that a repeat costs nothing. Nothing is read before the file has been checked.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hecasim.errors import ConfigError
from hecasim.sweep.point import STATUSES, Outcome, Point, compact

FILE = "store.sqlite"
SCHEMA = "hecasim.store/1"
MAGIC = b"SQLite format 3\0"
APPLICATION_ID = 0x48454341  # "HECA", at byte 68 of the file
FORMAT = 1
TABLES = (
    "CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE outcomes (key TEXT PRIMARY KEY, status TEXT NOT NULL, reason TEXT NOT NULL, "
    "inputs TEXT NOT NULL, document TEXT, checksum TEXT NOT NULL)",
    "CREATE TABLE points (number INTEGER PRIMARY KEY, key TEXT NOT NULL, labels TEXT NOT NULL, checksum TEXT NOT NULL)",
    "CREATE VIEW rows AS SELECT number, labels, status, reason, "
    "json_extract(document, '$.step_time_ps') AS step_time_ps, "
    "json_extract(document, '$.tokens_per_s') AS tokens_per_s, json_extract(document, '$.mfu') AS mfu, "
    "json_extract(document, '$.energy_j.total') AS energy_j, "
    "json_extract(document, '$.traffic.dram_read_bytes') AS dram_read_bytes, "
    "json_extract(document, '$.traffic.dram_write_bytes') AS dram_write_bytes, key "
    "FROM points LEFT JOIN outcomes USING (key) ORDER BY number",
)


class DamagedStore(ConfigError):
    """A store of ours that cannot be trusted as it is; `recovery.recover` keeps the rows that check."""


@dataclass(frozen=True)
class Row:
    """One point and what came of it; *document* is a result without `host`, and None unless it is done."""

    number: int
    labels: dict[str, Any]
    key: str
    status: str
    reason: str
    inputs: dict[str, Any]
    document: dict[str, Any] | None


def checksum(*texts: str | int | None) -> str:
    """SHA-256 of a row."""
    return hashlib.sha256(compact(texts).encode(errors="surrogatepass")).hexdigest()


class Store:
    """An open store; use it as a context manager."""

    def __init__(self, file: Path, connection: sqlite3.Connection) -> None:
        self.file = file
        self._base = connection

    @classmethod
    def create(cls, folder: Path) -> Self:
        """A new, empty store in *folder*, which appears there complete."""
        file, partial = folder / FILE, folder / f".partial-{FILE}"
        if file.exists() or file.is_symlink():
            raise ConfigError(f"{file}: already there")
        for leftover in folder.glob(f"{partial.name}*"):  # of a process that was killed here
            leftover.unlink()
        base = _connect(partial)
        base.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        base.execute(f"PRAGMA user_version = {FORMAT}")
        for statement in TABLES:
            base.execute(statement)
        base.close()
        partial.rename(file)
        return cls.open(folder)

    @classmethod
    def open(cls, place: Path, *, read_only: bool = False) -> Self:
        """The store in a folder, or of that file, checked from end to end.

        Raises ConfigError where there is none or the file is not ours, DamagedStore where it is ours and broken.
        """
        file = place / FILE if place.is_dir() else place
        _check_header(file)
        read_only = read_only or not os.access(file.parent, os.W_OK)
        try:
            base = _connect(file, read_only=read_only)
        except sqlite3.Error as error:
            raise _damaged(file, str(error)) from None
        store = cls(file, base)
        try:
            store._check()
        except sqlite3.Error as error:
            base.close()
            raise _damaged(file, str(error)) from None
        except BaseException:
            base.close()
            raise
        return store

    def _check(self) -> None:
        """Refuse a foreign schema, a broken structure, and rows that are not as they were written."""
        statements = self._base.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        if {str(sql) for (sql,) in statements} != set(TABLES):
            raise _damaged(self.file, "its tables are not those of a store")
        faults = [str(text) for (text,) in self._base.execute("PRAGMA integrity_check(1)")]
        if faults != ["ok"]:
            raise _damaged(self.file, faults[0])
        wrong = sum(not outcome_is_whole(row) for row in self._base.execute(OUTCOMES))
        wrong += sum(not point_is_whole(row) for row in self._base.execute(POINTS))
        if wrong:
            raise _damaged(self.file, f"{wrong} rows are not as they were written")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._base.close()

    def describe(self, about: Mapping[str, Any], points: Sequence[Point]) -> None:
        """Say which study this is and which points it has; in one step, in place of what was said before."""
        rows = [(point.number, point.key, compact(point.labels)) for point in points]
        with self._transaction():
            self._base.execute("DELETE FROM about")
            self._base.execute("DELETE FROM points")
            named = [(name, compact(value)) for name, value in ({"schema": SCHEMA} | dict(about)).items()]
            self._base.executemany("INSERT INTO about VALUES (?, ?)", named)
            self._base.executemany("INSERT INTO points VALUES (?, ?, ?, ?)", [(*row, checksum(*row)) for row in rows])

    def about(self) -> dict[str, Any]:
        """What `describe` was told."""
        return {name: json.loads(value) for name, value in self._base.execute("SELECT name, value FROM about")}

    def put(self, point: Point, outcome: Outcome) -> None:
        """Keep what came of a point: after this call it is there whole, whatever happens."""
        row = (point.key, outcome.status, outcome.reason, compact(point.inputs), outcome.document)
        self._base.execute("INSERT OR REPLACE INTO outcomes VALUES (?, ?, ?, ?, ?, ?)", (*row, checksum(*row)))

    def put_rows(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Keep outcomes that another store held, each with its checksum."""
        with self._transaction():
            self._base.executemany("INSERT OR IGNORE INTO outcomes VALUES (?, ?, ?, ?, ?, ?)", rows)

    def forget(self, status: str) -> None:
        """Drop the outcomes of a status, so that their points count as missing."""
        self._base.execute("DELETE FROM outcomes WHERE status = ?", (status,))

    def known(self) -> set[str]:
        """The keys of all outcomes, also of other studies."""
        return {str(key) for (key,) in self._base.execute("SELECT key FROM outcomes")}

    def counts(self) -> dict[str, int]:
        """How many points of the study have each status."""
        found = dict(
            self._base.execute("SELECT status, count(*) FROM points JOIN outcomes USING (key) GROUP BY status")
        )
        return {status: int(found.get(status, 0)) for status in STATUSES}

    def size(self) -> int:
        """How many points the study has."""
        return int(self._base.execute("SELECT count(*) FROM points").fetchone()[0])

    def rows(self) -> Iterator[Row]:
        """Every point that has an outcome, in the order of their numbers."""
        asked = (
            "SELECT number, labels, key, status, reason, inputs, document "
            "FROM points JOIN outcomes USING (key) ORDER BY number"
        )
        for number, labels, key, status, reason, inputs, document in self._base.execute(asked):
            read = None if document is None else json.loads(document)
            yield Row(number, json.loads(labels), key, status, reason, json.loads(inputs), read)

    def _transaction(self) -> _Transaction:
        return _Transaction(self._base)


OUTCOMES = "SELECT key, status, reason, inputs, document, checksum FROM outcomes"
POINTS = "SELECT number, key, labels, checksum FROM points"


def outcome_is_whole(row: Sequence[Any]) -> bool:
    """Whether an outcome is as it was written."""
    *texts, kept = row
    right = all(isinstance(text, str) for text in (*texts[:4], kept)) and isinstance(texts[4], str | None)
    return right and texts[1] in STATUSES and checksum(*texts) == kept


def point_is_whole(row: Sequence[Any]) -> bool:
    """Whether a point is as it was written."""
    *values, kept = row
    return (
        isinstance(values[0], int) and all(isinstance(text, str) for text in values[1:]) and checksum(*values) == kept
    )


def _connect(file: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode: every statement outside a transaction is one."""
    if read_only and not os.access(file.parent, os.W_OK):  # where the files beside a WAL cannot be made
        base = sqlite3.connect(f"{file.absolute().as_uri()}?immutable=1", uri=True, isolation_level=None)
    else:
        base = sqlite3.connect(file, isolation_level=None, timeout=30)
    base.execute("PRAGMA trusted_schema = OFF")
    if read_only:
        base.execute("PRAGMA query_only = ON")
    else:
        base.execute("PRAGMA journal_mode = WAL")
        base.execute("PRAGMA synchronous = NORMAL")  # a killed process loses nothing; a power cut the last rows at most
    return base


def _check_header(file: Path) -> None:
    """Refuse what is not a store without opening it as one."""
    if file.is_symlink():
        raise ConfigError(f"{file}: a link stands there; expected the store itself")
    if not file.is_file():
        raise ConfigError(f"{file}: no such store; `hecasim sweep STUDY --out DIR` makes one")
    try:
        with file.open("rb") as raw:
            header = raw.read(100)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from None
    if header[:16] != MAGIC or header[68:72] != APPLICATION_ID.to_bytes(4, "big"):
        raise ConfigError(f"{file}: not a store of hecasim; nothing was read or changed")
    if header[60:64] != FORMAT.to_bytes(4, "big"):
        raise ConfigError(f"{file}: a store of another format than {FORMAT}; use the hecasim that wrote it")


def _damaged(file: Path, why: str) -> DamagedStore:
    return DamagedStore(
        f"{file}: damaged ({' '.join(why.split())}); "
        "`--resume` with the study that made it keeps the rows that check and runs the others again"
    )


class _Transaction:
    """All of the statements inside, or none."""

    def __init__(self, base: sqlite3.Connection) -> None:
        self._base = base

    def __enter__(self) -> None:
        self._base.execute("BEGIN IMMEDIATE")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._base.execute("COMMIT" if kind is None else "ROLLBACK")
