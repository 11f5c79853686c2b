"""Placements of experts side by side, for people."""

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from hecasim.report import quantities as q

COLUMNS = (
    ("copies\nper token", "c_t"),
    ("groups\nper token", "groups_per_token"),
    ("hottest chiplet\nover mean", "hottest_over_mean"),
    ("hottest group\nover mean", "group_over_mean"),
)


def placements(document: dict[str, Any], element_bytes: int) -> list[RenderableType]:
    """Show one line per placement; after a drift also what fitting again gives and how much must move for it."""
    inputs, load, copies = document["inputs"], document["load"], document["copies"]
    sent = f"One copy per expert would be {copies['one_per_expert']} per token"
    if copies["uniform_routing"] is not None:
        sent += f"; uniform routing to one copy per chiplet gives {copies['uniform_routing']:.2f}"
    dropped = f"; capacity drops {q.share(load['dropped_share'])}" if "dropped_share" in load else ""
    return [
        Text(f"{inputs['model']} on {inputs['chiplets']} chiplets in {inputs['groups']} groups", style="bold"),
        Text(f"Routing: {inputs['routing']}; {inputs['layers']} expert layers, means over layers and seeds"),
        Text(
            f"Fitted on {inputs['tokens_fitted']:,} tokens, measured on {inputs['tokens_measured']:,} others; "
            f"experts: hottest {load['max_over_mean']:.2f} x mean, Gini {load['gini']:.2f}{dropped}"
        ),
        _table(document["placements"]),
        Text(f"{sent}. The hottest chiplet is the one that computes most token-expert pairs."),
        *_refitted(document["placements"], element_bytes),
    ]


def _table(rows: dict[str, dict[str, float]]) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("placement", no_wrap=True)
    for heading, _ in COLUMNS:
        table.add_column(heading, justify="right", no_wrap=True)
    for kind, row in rows.items():
        table.add_row(kind, *(f"{row[key]:.3f}" for _, key in COLUMNS))
    return table


def _refitted(rows: dict[str, dict[str, float]], element_bytes: int) -> list[RenderableType]:
    if not all("moved_share" in row for row in rows.values()):
        return []
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, title="\nFitted again after the drift")
    table.title_justify, table.title_style = "left", "bold"
    table.add_column("placement", no_wrap=True)
    timed = all("moving_s" in row for row in rows.values())
    headings = [*(heading for heading, _ in COLUMNS), "experts\nmoved", "to other\ngroups"]
    for heading in headings + ["time to\nmove"] * timed:
        table.add_column(heading, justify="right", no_wrap=True)
    for kind, row in rows.items():
        moved = [q.share(row["moved_share"]), q.data(row["crossing_parameters"] * element_bytes)]
        moved += [q.duration(row["moving_s"])] if timed else []
        table.add_row(kind, *(f"{row[f'refitted_{key}']:.3f}" for _, key in COLUMNS), *moved)
    how = (
        "Weights cross only to another group's DRAM; inside a group a switch hands them to another chiplet. "
        "Optimizer states would cross too."
    )
    time = " The time is that of the busiest DRAM or root link, a lower bound." if timed else ""
    return [table, Text(how + time)]
