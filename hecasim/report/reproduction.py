"""A paper's figures beside ours, for people."""

from itertools import groupby
from operator import itemgetter
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text


def reproduction(paper: str, found: dict[str, Any]) -> list[RenderableType]:
    """One table per claim, then what was assumed, then the verdict."""
    shown: list[RenderableType] = [Text(paper, style="bold")]
    for claim, rows in groupby(found["rows"], key=itemgetter("claim")):
        table = Table(box=SIMPLE_HEAD, title=claim, title_justify="left")
        for name in ("case", "paper", "ours", "gap"):
            table.add_column(name, justify="left" if name == "case" else "right")
        for row in rows:
            published = "" if row["paper"] is None else f"{row['paper']:g}"
            gap = "" if row["gap"] is None else f"{row['gap']:+.1%}"
            table.add_row(row["case"], published, f"{row['ours']:.3f}", gap)
        shown.append(table)
    assumed = Table(box=SIMPLE_HEAD, title="what it rests on", title_justify="left")
    for name in ("key", "value", "source"):
        assumed.add_column(name)
    for assumption in found["assumptions"]:
        assumed.add_row(*assumption.values())
    return [*shown, assumed, Text(found["verdict"])]
