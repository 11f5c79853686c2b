"""Regression benchmarks for people: a line per case."""

from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table


def benches(cases: Sequence[dict[str, Any]], factor: float) -> list[RenderableType]:
    """Show whether each case's integers match and how its speed stands to the stored one."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("case", no_wrap=True)
    table.add_column("integers", no_wrap=True)
    for heading in ("time in\nbare loops", "stored", "now over\nstored"):
        table.add_column(heading, justify="right", no_wrap=True)
    for case in cases:
        stored = case["stored_ratio"]
        integers = "match" if case["integers_match"] else "not stored" if stored is None else "differ"
        change = "" if stored is None else f"{case['ratio'] / stored:.2f}"
        mark = " slow" if stored is not None and case["ratio"] > factor * stored else ""
        table.add_row(case["name"], integers, f"{case['ratio']:.4g}", "" if stored is None else f"{stored:.4g}",
                      change + mark)  # fmt: skip
    about = f"A bare loop: 50,000 timeouts of SimPy, timed beside each case; allowed: {factor} times the stored ratio."
    return [table, about]
