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
        for name in ("case", "paper", "ours", "gap", "uncalibrated"):
            table.add_column(name, justify="left" if name == "case" else "right")
        for row in rows:
            published = "" if row["paper"] is None else f"{row['paper']:g}"
            gap = "" if row["gap"] is None else f"{row['gap']:+.1%}"
            before = "" if row["uncalibrated"] is None else f"{row['uncalibrated']:.3f}"
            table.add_row(row["case"], published, f"{row['ours']:.3f}", gap, before)
        shown.append(table)
    assumed = Table(box=SIMPLE_HEAD, title="what it rests on", title_justify="left")
    for name in ("key", "value", "source"):
        assumed.add_column(name)
    for assumption in found["assumptions"]:
        assumed.add_row(*assumption.values())
    verdict = [Text(claim) for claim in found["verdict"].split("; ")]
    return [*shown, assumed, *_sensitivity(found["sensitivity"]), Text("what holds", style="bold"), *verdict]


def _sensitivity(found: dict[str, Any]) -> list[RenderableType]:
    """What one changed parameter does."""
    if not found["rows"]:
        return []
    table = Table(box=SIMPLE_HEAD, title=f"one parameter changed ({found['of']})", title_justify="left")
    table.add_column("changed")
    for name in ("baseline", *found["rows"][0]["ratios"]):
        table.add_column(name, justify="right")
    for row in found["rows"]:
        table.add_row(row["changed"], f"{row['baseline_s']:.3f} s", *(f"{one:.3f}" for one in row["ratios"].values()))
    return [table]


def calibration(study: dict[str, Any]) -> list[RenderableType]:
    """How calibrated parameters were found, and how far what they were found on is off."""
    shown: list[RenderableType] = []
    for fit in study["fits"]:
        words = ", ".join(f"{key} {value:g}" for key, value in fit["setting"].items())
        title = f"{words}: root mean square error {fit['error']:.1%}"
        table = Table(box=SIMPLE_HEAD, title=title, title_justify="left")
        for name in ("case", "paper", "ours", "gap"):
            table.add_column(name, justify="left" if name == "case" else "right")
        for case in fit["cases"]:
            table.add_row(case["case"], f"{case['paper']:g} s", f"{case['ours']:.3f} s", f"{case['gap']:+.1%}")
        shown.append(table)
    stored = "as stored" if study["as_stored"] else f"stored is {study['stored']}"
    return [*shown, Text(f"taken: the first of these ({stored})")]
