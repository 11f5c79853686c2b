"""Result documents as tables on the terminal: a comparison of methods, and the report of a single run."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hecasim.report import quantities as q
from hecasim.report.gains import at_rest_j, dynamic_j, energy_gains, was_run
from hecasim.units import PS_PER_S

Document = dict[str, Any]

# Heading, key in `breakdown` and in each phase: these classes add up to the step.
CLASSES = (
    ("compute", "compute_s"),
    ("exposed NoP", "exposed_nop_s"),
    ("exposed DRAM", "exposed_dram_s"),
    ("bubble", "bubble_s"),
    ("idle", "idle_s"),
)
WITH_HIDDEN = (("all NoP", "nop_s"), ("all DRAM", "dram_s"))
LONGEST_PATH_SHOWN = 5
GAP = Text()
TITLE: dict[str, Any] = {"title_justify": "left", "title_style": "bold"}


def comparison(study: str, rows: Sequence[Document], *, notes: bool = True) -> list[RenderableType]:
    """Show one row per method, each against the first; a plan that does not fit or run is a row too.

    Without *notes* the table alone, and why rows are missing.
    """
    done = [row for row in rows if was_run(row)]
    refused = [Text(f"{row['method']} {_trouble(row)[1]}: {row['message']}", style="red")
               for row in rows if not was_run(row)]  # fmt: skip
    if not done:
        return list(refused)
    first = rows[0] if done[0] is rows[0] else None
    columns = _comparison_columns(done, first)
    table = _table(f"{study}: one training step")
    table.add_column("method", no_wrap=True)
    for heading, _ in columns:
        table.add_column(heading, justify="right", no_wrap=True)
    cells = iter(zip(*(values for _, values in columns), strict=True))
    for row in rows:
        if not was_run(row):
            table.add_row(row["method"], _trouble(row)[0], style="red")
        else:
            table.add_row(row["inputs"]["plan"]["method"], *next(cells))
    answer = [_inputs_line(done[0]["inputs"]), GAP, table, GAP, *_energy_both_ways(rows), *refused]
    if not notes:
        return answer
    return [
        *answer,
        Text("speed-up and energy gain: the first row's step time and energy divided by this row's", style="dim"),
        *_update_share(done),
        *_lines_once("Approximations and assumptions", (line for row in done for line in _approximations(row))),
    ]


def _trouble(row: Document) -> tuple[str, str]:
    """What a row without a result says in its cell, and in a sentence."""
    return ("no fit", "does not fit") if "infeasible" in row else ("no run", "does not run")


def _update_share(done: Sequence[Document]) -> list[RenderableType]:
    """Say so where the optimizer's states fill a good part of the step: no method changes that part."""
    shares = [_over(row["phases"]["update"]["time_s"], row["step_time_s"]) or 0.0 for row in done]
    if max(shares) < LARGE_UPDATE:
        return []
    least, most = q.share(min(shares)), q.share(max(shares))
    line = f"{least} to {most} of these steps is the update (optimizer states through DRAM), which no method changes"
    return [Text(f"{line}; --set plan.optimizer_traffic=false leaves its traffic out", style="dim")]


LARGE_UPDATE = 0.2


def _comparison_columns(done: Sequence[Document], first: Document | None) -> list[tuple[str, Sequence[str]]]:
    """Give each column's heading and cells; a column has one unit, and all times have the same."""
    count = len(done)
    times = [row["step_time_s"] for row in done] + [row["breakdown"][key] for _, key in CLASSES[:3] for row in done]
    second, texts = q.in_one_unit(times, "s", q.SMALL)
    columns: list[tuple[str, Sequence[str]]] = [
        (f"{_folded(name)}\n{second}", texts[at * count : (at + 1) * count])
        for at, name in enumerate(("step", *(name for name, _ in CLASSES[:3])))
    ]
    columns[1:1] = [
        ("tokens\nper s", q.in_one_unit([row["tokens_per_s"] for row in done], "", q.PLAIN)[1]),
        ("MFU\n%", [q.share(row["mfu"]).removesuffix("%") for row in done]),
    ]
    for name, unit, prefixes, numbers in (
        ("energy", "J", q.ENERGY, [row["energy_j"]["total"] for row in done]),
        ("SRAM\n/die", "B", q.BINARY, [row["memory"]["sram_peak_bytes"] for row in done]),
        ("DRAM", "B", q.BINARY, [row["memory"]["dram_peak_bytes"] for row in done]),
    ):
        unit_text, texts = q.in_one_unit(numbers, unit, prefixes)
        columns.append((f"{name}\n{unit_text}", texts))
    for name, numbers in (
        ("speed\n-up", [row["step_time_s"] for row in done]),
        ("energy\ngain", [row["energy_j"]["total"] for row in done]),
    ):
        columns.append((name, [q.ratio(_over(numbers[0] if first else None, number)) for number in numbers]))
    return columns


def _energy_both_ways(rows: Sequence[Document]) -> list[RenderableType]:
    """Say the energy gain with and without what flows whatever is done; nothing where no energy flows so."""
    gains = energy_gains(rows)
    if gains is None or not any(at_rest_j(row) for row in rows if was_run(row)):
        return []
    lines = []
    for word in ("with", "without"):
        each = (f"{method} {q.ratio(gain[f'{word}_static'])}" for method, gain in gains.items())
        lines.append(Text(f"energy gain {word} static, PHY-idle and DRAM background energy: {', '.join(each)}"))
    return [*lines]


def single(result: Document, *, notes: bool = True) -> list[RenderableType]:
    """Show everything worth reading first of one run; without *notes* its numbers alone."""
    answer = [
        _inputs_line(result["inputs"]),
        GAP,
        _headline(result),
        *_steps(result),
        GAP,
        _breakdown(result),
        GAP,
        _side_by_side(
            _pairs("Busy", [(key.replace("_", " "), q.share(value)) for key, value in result["utilization"].items()]),
            _bounds(result),
            _energy(result["energy_j"]),
        ),
        _side_by_side(
            _memory(result["memory"]),
            _pairs("DRAM by class", [(key, q.data(value)) for key, value in result["memory"]["by_class"].items()]),
            _traffic(result["traffic"]),
        ),
        *_hardware(result),
        *_critical_path(result.get("critical_path") or []),
        *_what_if(result),
    ]
    if not notes:
        return answer
    return [
        *answer,
        *_lines_once("Approximations and assumptions", _approximations(result)),
        _simulation(result),
    ]


def _inputs_line(inputs: Document) -> Text:
    plan = inputs["plan"]
    words = [f"{inputs['model']['name']} on {inputs['package']['name']}"]
    words += [f"{word} {plan[word.replace('-', '_')]}" for word in ("batch", "micro-batch", "sequence", "precision")]
    return Text(", ".join(words), style="bold")


def _headline(result: Document) -> RenderableType:
    cells = [
        ("method", result["inputs"]["plan"]["method"]),
        ("step time", q.duration(result["step_time_s"])),
        ("tokens/s", q.count(result["tokens_per_s"])),
        ("MFU", q.share(result["mfu"])),
        ("energy per step", q.energy(result["energy_j"]["total"])),
        ("mean power", q.count((result.get("power_w") or {}).get("mean"), "W")),
        ("model work", q.count(result["flops"]["model"], "FLOP")),
    ]
    table = _table(None)
    for name, _ in cells:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_row(*(value for _, value in cells), style="bold")
    return table


def _steps(result: Document) -> list[RenderableType]:
    """Say how much steps differ that draw fresh routing; the rest of the report is about the first."""
    if "steps" not in result:
        return []
    found = result["steps"]
    mean, least, most = (q.duration(found[f"{key}_s"]) for key in ("mean", "min", "max"))
    spread = f"{(found['max_s'] - found['min_s']) / found['mean_s']:.3%}"
    return [Text(f"{found['count']} steps with fresh routing each: mean {mean}, least {least}, most {most} "
                 f"({spread} apart); all else is of the first")]  # fmt: skip


def _breakdown(result: Document) -> RenderableType:
    """Show every phase and the step, all in one unit so that sums can be seen."""
    phases = {name: phase for name, phase in result["phases"].items() if phase.get("time_s")}
    step = {"time_s": result["step_time_s"], **result["breakdown"]}
    headings = (("time", "time_s"), *CLASSES, *WITH_HIDDEN)
    numbers = [row.get(key) for row in (*phases.values(), step) for _, key in headings]
    second, texts = q.in_one_unit(numbers, "s", q.SMALL)
    rows = [texts[at : at + len(headings)] for at in range(0, len(texts), len(headings))]
    table = _table(f"Where the time goes, in {second} (mean over tiles; the first five add up to the time)")
    table.add_column("phase", no_wrap=True)
    for heading, _ in headings:
        table.add_column(_folded(heading), justify="right", no_wrap=True)
    for name, row in zip(phases, rows, strict=False):
        table.add_row(name, *row)
    table.add_section()
    table.add_row("step", *rows[-1], style="bold")
    table.add_row("", "", *(q.share(_over(step[key], step["time_s"])) for _, key in CLASSES), style="dim")
    return table


def _what_if(result: Document) -> list[RenderableType]:
    """Show what doubling each resource would give, and what each adds on the way from ideal to real."""
    if "what_if" not in result:
        return []
    step_ps = result["step_time_ps"]
    doubled = [
        (key, f"{q.duration(ps / PS_PER_S)}  {step_ps / ps:.2f}x") for key, ps in result["what_if"].items() if ps
    ]
    parts = [
        (key, f"{q.duration(ps / PS_PER_S)}  {q.share(_over(ps, step_ps)):>6}")
        for key, ps in result["waterfall_ps"].items()
    ]
    return [
        GAP,
        _side_by_side(
            _pairs("Step with a resource doubled", doubled),
            _pairs("From ideal to real: each adds", parts),
        ),
    ]


def _bounds(result: Document) -> Table:
    step_s = result["step_time_s"]
    rows = [
        (key, f"{q.duration(value)}  {q.share(_over(value, step_s)):>6}") for key, value in result["bounds_s"].items()
    ]
    return _pairs("Lower bound, share of step", rows)


def _energy(energy_j: Document) -> Table:
    total = energy_j["total"]
    rows = [(key, f"{q.energy(value)}  {q.share(_over(value, total)):>6}") for key, value in energy_j.items()]
    return _pairs("Energy per step", rows)


def _hardware(result: Document) -> list[RenderableType]:
    """Show the power that flows whatever is done, the area and the cost: those the package has numbers for."""
    step_s, parts = result["step_time_s"], result.get("energy_parts_j") or {}
    area, cost, yields = (result.get(key) or {} for key in ("area_mm2", "cost_usd", "yields"))
    tables = []
    if any(parts.values()):
        watts = [(key.replace("_", " "), _over(joules, step_s)) for key, joules in parts.items()]
        watts.append(("dynamic", _over(dynamic_j(result), step_s)))
        watts.append(("total", _over(result["energy_j"]["total"], step_s)))
        tables.append(_pairs("Mean power", [(key, q.count(value, "W")) for key, value in watts]))
    if area:
        rows = [(key.replace("_", " "), f"{value:,.1f} mm2") for key, value in area.items()]
        tables.append(_pairs("Area", rows))
    if cost:
        good = [(f"good {key}s", q.share(value)) for key, value in yields.items()]
        tables.append(
            _pairs("Cost of a package", [*((key, f"{value:,.0f} USD") for key, value in cost.items()), *good])
        )
    return [_side_by_side(*tables)] if tables else []


def _traffic(traffic: Document) -> Table:
    rows = [(f"NoP, {key}", q.data(value)) for key, value in traffic["nop_bytes"].items()]
    rows += [
        ("NoP, bytes x hops", q.data(traffic["nop_link_bytes"])),
        ("DRAM read", q.data(traffic["dram_read_bytes"])),
        ("DRAM written", q.data(traffic["dram_write_bytes"])),
        ("SRAM", q.data(traffic["sram_bytes"])),
    ]
    return _pairs("Traffic", rows)


def _memory(memory: Document) -> Table:
    rows = [
        ("SRAM per die", q.data(memory["sram_peak_bytes"])),
        ("of", q.capacity(memory["sram_capacity_bytes"])),
        ("DRAM", q.data(memory["dram_peak_bytes"])),
        ("of", q.capacity(memory["dram_capacity_bytes"])),
    ]
    return _pairs("Memory at its peak", rows)


def _critical_path(path: Sequence[Document]) -> list[RenderableType]:
    if not path:
        return []
    table = _table("Longest on the critical path")
    table.add_column("task")
    table.add_column("resource")
    table.add_column("time", justify="right")
    for part in path[:LONGEST_PATH_SHOWN]:
        table.add_row(str(part["task"]), str(part["resource"]), q.duration(part["time_s"]))
    return [table, GAP]


def _simulation(result: Document) -> Text:
    about, host = result["simulation"], result.get("host") or {}
    words = [f"{about['fidelity']} fidelity, {about['engine']} engine"]
    words += [f"{q.count(about[key])} {key}" for key in ("tasks", "transfers", "events") if about.get(key) is not None]
    words += [f"{q.count(about['folded'])} bodies skipped as repetitions"] if about.get("folded") else []
    words += [f"{q.count(about['claimed'])} collectives as rehearsed"] if about.get("claimed") else []
    words += [f"token tile {about['token_tile']}"] if about.get("token_tile") is not None else []
    words += [f"seed {about['seed']}", f"hecasim {about['version']}"]
    words += [f"{q.duration(host['wall_s'])} of wall time"] if host.get("wall_s") else []
    return Text("Simulated with " + ", ".join(words), style="dim")


def _approximations(result: Document) -> Iterable[str]:
    return (str(line) for line in result["simulation"].get("approximations") or ())


def _lines_once(title: str, lines: Iterable[str]) -> list[RenderableType]:
    unique = dict.fromkeys(lines)
    return [Text(f"{title}:"), *(Padding(Text(line), (0, 0, 0, 2)) for line in unique)] if unique else []


def _over(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None


def _folded(heading: str) -> str:
    """Put `exposed` on a line of its own: the column is as narrow as its numbers."""
    return heading.replace("exposed ", "exposed\n")


def _pairs(title: str, rows: Iterable[tuple[str, str]]) -> Table:
    table = Table(title=title, box=None, show_header=False, **TITLE)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    for name, value in rows:
        table.add_row(name, value, style="bold" if name == "total" else "")
    return table


def _side_by_side(*parts: Table) -> RenderableType:
    row = Table.grid(padding=(0, 4))
    row.add_row(*parts)
    return Padding(row, (0, 0, 1, 0))


def _table(title: str | None) -> Table:
    return Table(title=title, box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), **TITLE)
