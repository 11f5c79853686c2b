"""The rows of a sweep as a table on the terminal: the best first, or next to the row by which they are divided."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from hecasim.report import quantities as q
from hecasim.units import PS_PER_S

COLUMNS = ("step_time_s", "tokens_per_s", "mfu", "energy_j.total")
STEP = "step_time_ps"
SHARES = frozenset({"mfu", "hfu", "utilization"})
MOST_ROWS = 60
MOST_REASONS = 5
LONGEST_HEADING = 9
LINE = "\n"
REFUSED = {"infeasible": "no fit", "failed": "failed"}

# Ending of a key -> unit, its prefixes, and what brings the value to that unit.
UNITS: dict[str, tuple[str, q.Prefixes, float]] = {
    "s": ("s", q.SMALL, 1.0),
    "ps": ("s", q.SMALL, 1 / PS_PER_S),
    "bytes": ("B", q.BINARY, 1.0),
    "j": ("J", q.ENERGY, 1.0),
    "w": ("W", q.ENERGY, 1.0),
}


class SweepRow(Protocol):
    """What the table needs of a row of a store."""

    @property
    def number(self) -> int:
        """Where the point stands in the study."""

    @property
    def labels(self) -> Mapping[str, Any]:
        """Axis -> value."""

    @property
    def status(self) -> str:
        """One of done, infeasible, failed."""

    @property
    def reason(self) -> str:
        """Why it is not done."""

    @property
    def document(self) -> Mapping[str, Any] | None:
        """The result of a row that is done."""


def rows_table(
    study: str, rows: Sequence[SweepRow], *, columns: Sequence[str] = (), base: Mapping[int, SweepRow] | None = None
) -> list[RenderableType]:
    """Show *columns* (paths of the result) of every row; *base* gives the row by which each is divided."""
    columns = columns or COLUMNS
    ordered = sorted(rows, key=lambda row: row.number if base is not None else _by_step(row))[:MOST_ROWS]
    axes = list(dict.fromkeys(key for row in rows for key in row.labels))
    table = Table(title=f"{study}: {len(rows)} rows", box=SIMPLE_HEAD, show_edge=False, pad_edge=False,
                  padding=(0, 1, 0, 0), title_justify="left", title_style="bold")  # fmt: skip
    for axis in axes:
        table.add_column(axis.rpartition(".")[2].replace("_", " "), overflow="fold")
    texts = []
    for path in columns:
        heading, cells = _column(path, ordered)
        table.add_column(heading, justify="right", no_wrap=True)
        texts.append(cells)
        if base is not None:
            table.add_column("ratio", justify="right", no_wrap=True, style="dim")
            texts.append([_ratio(row, base.get(row.number), path) for row in ordered])
    group: SweepRow | None = None
    for at, row in enumerate(ordered):
        if base is not None and at and base.get(row.number) is not group:
            table.add_section()
        group = base.get(row.number) if base is not None else None
        cells = [column[at] for column in texts]
        if row.status in REFUSED:
            cells = [REFUSED[row.status], *([""] * (len(texts) - 1))]
        table.add_row(*(Text(str(row.labels.get(axis, ""))) for axis in axes), *cells,
                      style="red" if row.status in REFUSED else "")  # fmt: skip
    return [table, *_notes(rows, ordered, columns, base)]


def _by_step(row: SweepRow) -> tuple[bool, int, int]:
    """Sorts by step time; what has none comes last."""
    step = (row.document or {}).get(STEP)
    return step is None, step or 0, row.number


def value_of(document: Any, path: str) -> float | None:
    """The number of a result under a dotted path; None where there is none."""
    for key in path.split("."):
        document = document.get(key) if isinstance(document, Mapping) else None
    return document if isinstance(document, int | float) and not isinstance(document, bool) else None


def _column(path: str, rows: Sequence[SweepRow]) -> tuple[str, list[str]]:
    """Heading with its unit, and the cells: a column has one unit."""
    numbers = [value_of(row.document, path) for row in rows]
    words = path.split(".")
    if SHARES & set(words):
        return f"{words[-1].replace('_', ' ')}\n%", [q.share(number).removesuffix("%") for number in numbers]
    ending = next((word.rpartition("_")[2] for word in reversed(words) if word.rpartition("_")[2] in UNITS), "")
    per_s = words[-1].endswith("_per_s")
    unit, prefixes, scale = UNITS[ending] if ending and not per_s else ("", q.DECIMAL, 1.0)
    text, cells = q.in_one_unit([None if one is None else one * scale for one in numbers], unit, prefixes)
    shown = words[-1] if "_" in words[-1] or len(words) == 1 else " ".join(words[-2:])
    name = " ".join(word for word in shown.replace("_", " ").split() if word not in UNITS or per_s)
    # A long heading stands on two lines: the column is as narrow as its numbers.
    return f"{name.replace(' ', LINE, 1) if len(name) > LONGEST_HEADING else name}\n{text}", cells


def _ratio(row: SweepRow, base: SweepRow | None, path: str) -> str:
    over = value_of(base.document, path) if base else None
    mine = value_of(row.document, path)
    return q.ratio(mine / over) if over and mine is not None else q.NOTHING


def _notes(
    rows: Sequence[SweepRow], shown: Sequence[SweepRow], columns: Sequence[str], base: Mapping[int, SweepRow] | None
) -> list[RenderableType]:
    """Say what the table leaves out, and why rows are not done."""
    lines: list[RenderableType] = []
    if base:
        lines.append(Text("ratio: this row divided by the baseline row that agrees in the other axes", style="dim"))
    if len(shown) < len(rows):
        lines.append(Text(f"the first {len(shown)} of {len(rows)} rows", style="dim"))
    done = [row for row in rows if row.document is not None]
    lines += [
        Text(f"{path}: no result has this number", style="red")
        for path in columns
        if done and all(value_of(row.document, path) is None for row in done)
    ]
    reasons: dict[tuple[str, str], list[SweepRow]] = {}
    for row in rows:
        if row.reason:
            reasons.setdefault((row.status, row.reason), []).append(row)
    for (status, reason), which in list(reasons.items())[:MOST_REASONS]:
        first = ", ".join(f"{key.rpartition('.')[2]} {value}" for key, value in which[0].labels.items())
        many = f" and {len(which) - 1} more" if len(which) > 1 else ""
        lines.append(Text(f"{status}, {first}{many}: {reason}", style="red"))
    if len(reasons) > MOST_REASONS:
        lines.append(Text(f"and {len(reasons) - MOST_REASONS} other reasons", style="red"))
    return lines
