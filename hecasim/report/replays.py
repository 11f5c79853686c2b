"""Replays as a table on the terminal: a row per trace and package, then what did not run and what is approximated."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from hecasim.report import quantities as q
from hecasim.units import PS_PER_S

LEAST_NAME = 14
MOST_NAMED = 4
CLASSES = (("compute\n", "compute_s"), ("exposed\nNoP ", "exposed_nop_s"), ("exposed\nDRAM ", "exposed_dram_s"))


def replay_table(rows: Sequence[dict[str, Any]], *, notes: bool = True) -> list[RenderableType]:
    """Step, exposed times, utilisation and energy of every pair, in one unit per column; *notes* say what is
    approximated.
    """
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title="replayed", title_justify="left", title_style="bold")
    for heading in ("trace", "package"):
        table.add_column(heading, overflow="fold", min_width=LEAST_NAME)  # names give way, numbers never
    done = [row for row in rows if "fault" not in row]
    columns = _columns(done)
    for heading, _ in columns:
        table.add_column(heading, justify="right", no_wrap=True)
    cells = iter(zip(*(texts for _, texts in columns), strict=True))
    for row in rows:
        trace, package = Path(row["trace"]).name, Path(row["package"]).name
        if "fault" in row:
            table.add_row(trace, package, "no run", style="red")
        else:
            table.add_row(trace, package, *next(cells))
    faults = [Text(f"{row['trace']} on {row['package'] or '?'}: {row['fault']}", style="red") for row in rows
              if "fault" in row]  # fmt: skip
    remarks = _remarks(done) if notes else []
    title = [Text(), Text("Approximations and assumptions", style="bold")] if remarks else []
    return [table, *faults, *title, *(Text(f"- {line}") for line in remarks)]


def _remarks(done: Sequence[dict[str, Any]]) -> list[str]:
    """What is approximated, each line once; where it is not said of all traces, with those it is said of."""
    traces: dict[str, dict[str, None]] = {}
    for row in done:
        for line in row["approximations"]:
            traces.setdefault(line, {})[Path(row["trace"]).name] = None
    everyone = len({Path(row["trace"]).name for row in done})
    return [line if len(names) == everyone else f"{line} ({_some(names)})" for line, names in traces.items()]


def _some(names: Collection[str]) -> str:
    return ", ".join(names) if len(names) < MOST_NAMED else f"{len(names)} traces"


def _columns(done: Sequence[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    headings = ["step\n", *(heading for heading, _ in CLASSES)]
    seconds = [[row["step_time_ps"] / PS_PER_S, *(row["breakdown"][key] for _, key in CLASSES)] for row in done]
    unit, texts = q.in_one_unit([time for times in seconds for time in times], "s", q.SMALL)
    columns = (texts[at :: len(headings)] for at in range(len(headings)))
    made = [(f"{heading}({unit})", list(column)) for heading, column in zip(headings, columns, strict=True)]
    made.append(("HFU", [q.share(row["hfu"]) for row in done]))
    unit, texts = q.in_one_unit([row["energy_j"]["total"] for row in done], "J", q.ENERGY)
    return [*made, (f"energy\n({unit})", texts)]
