"""Two results side by side: which inputs differ, what moved and by how much, in which phase, class and resource."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from hecasim.errors import ConfigError
from hecasim.report import quantities as q
from hecasim.report.attribution import RESOURCE, cells_ps
from hecasim.trace.log import CLASSES
from hecasim.units import PS_PER_S

Document = Mapping[str, Any]
Answer = dict[str, Any]

SCHEMA = "hecasim.result/1"
LARGEST_FILE = 256 << 20
NEEDED = ("inputs", "step_time_ps", "tile_time_ps", "phases")
COMPARED = ("tokens_per_s", "mfu", "waits_s", "utilization", "traffic", "energy_j", "memory.sram_peak_bytes",
            "memory.dram_peak_bytes", "bounds_s", "flops.executed")  # fmt: skip
MOST_INPUTS_SHOWN = 20
MOST_ROWS = 60
LEAST_SHOWN = 0.0005
"""A smaller share would be shown as zero percent."""
TITLE: dict[str, Any] = {"title_justify": "left", "title_style": "bold"}


def read_result(file: Path) -> dict[str, Any]:
    """The document of a result.json or the study.json of a comparison; ConfigError where it is neither."""
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise ConfigError(f"{file}: larger than {LARGEST_FILE >> 20} MiB; expected a result")
        document = json.loads(file.read_text(encoding="utf-8"), parse_constant=_no_number)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: not JSON: {error}") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{file}: expected the JSON object of a result")
    return document


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is not accepted")


def checked(document: Any, name: str) -> Document:
    """*document* if it is a result; ConfigError names what is missing."""
    if not isinstance(document, Mapping) or document.get("schema") != SCHEMA:
        found = document.get("schema") if isinstance(document, Mapping) else document
        raise ConfigError(f"{name}: schema: found {str(found)[:60]}; expected {SCHEMA}")
    for key in NEEDED:
        if key not in document:
            raise ConfigError(f"{name}: {key}: required key is missing")
    try:
        cells_ps(document, name)
        dict(_numbers(document))
        dict(_leaves(document["inputs"]))
    except (KeyError, TypeError, AttributeError, ValueError, ZeroDivisionError, OverflowError) as error:
        raise ConfigError(f"{name}: not a whole result: {type(error).__name__}: {error}") from None
    return document


def compare(first: Document, second: Document, names: Sequence[str]) -> Answer:
    """Everything that moved from *first* to *second*; `attribution` adds up to the change of the step exactly."""
    cells = [cells_ps(document, name) for document, name in zip((first, second), names, strict=True)]
    numbers = [dict(_numbers(document)) for document in (first, second)]
    paths = [one for one in numbers[0] if one in numbers[1]]
    given = [dict(_leaves(document["inputs"])) for document in (first, second)]
    return {
        "a": names[0],
        "b": names[1],
        "step_time_ps": _moved(first["step_time_ps"], second["step_time_ps"]),
        "inputs": {
            key: {"a": given[0].get(key), "b": given[1].get(key)}
            for key in dict.fromkeys([*given[0], *given[1]])
            if given[0].get(key) != given[1].get(key)
        },
        "attribution": [
            {"phase": phase, "class": owner, "resource": RESOURCE[owner], "a_ps": cells[0].get((phase, owner), 0),
             "b_ps": cells[1].get((phase, owner), 0),
             "change_ps": cells[1].get((phase, owner), 0) - cells[0].get((phase, owner), 0)}
            for phase, owner in dict.fromkeys([*cells[0], *cells[1]])
        ],
        "numbers": {path: _moved(numbers[0][path], numbers[1][path]) for path in paths},
    }  # fmt: skip


def compare_rows(first: Mapping[str, Any], second: Mapping[str, Any], names: Sequence[str]) -> Answer:
    """Rows of two sweeps or comparisons by their labels; a row that is not done is its status."""
    common = [label for label in first if label in second]
    if not common:
        raise ConfigError(f"{names[0]} and {names[1]}: no row of one has the labels of a row of the other")
    rows = []
    for label in common:
        one, other = first[label], second[label]
        if isinstance(one, str) or isinstance(other, str):
            states = {side: row if isinstance(row, str) else "done" for side, row in (("a", one), ("b", other))}
            rows.append({"row": label, "status": states, "step_time_ps": None, "most": None})
            continue
        answer = compare(one, other, [f"{name}: {label}" for name in names])
        most = max(answer["attribution"], key=lambda cell: abs(cell["change_ps"]))
        rows.append({"row": label, "status": {"a": "done", "b": "done"}, "step_time_ps": answer["step_time_ps"],
                     "most": most if most["change_ps"] else None})  # fmt: skip
    return {"a": names[0], "b": names[1], "rows": rows, "only_a": [one for one in first if one not in second],
            "only_b": [one for one in second if one not in first]}  # fmt: skip


def _moved(before: Any, after: Any) -> Answer:
    return {"a": before, "b": after, "change": after - before}


def _numbers(document: Document) -> Iterator[tuple[str, int | float]]:
    for path in COMPARED:
        part: Any = document
        for key in path.split("."):
            part = part.get(key) if isinstance(part, Mapping) else None
        for below, value in _leaves(part) if isinstance(part, Mapping) else [("", part)]:
            if isinstance(value, int | float) and not isinstance(value, bool):
                yield (f"{path}.{below}" if below else path), value
    chain: dict[str, float] = {}
    for task in document.get("critical_path") or []:
        chain[task["resource"]] = chain.get(task["resource"], 0.0) + task["time_s"]
    yield from ((f"critical_path_s.{resource}", chain[resource]) for resource in sorted(chain))


def _leaves(tree: Document, above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def comparison_tables(answer: Answer) -> list[RenderableType]:
    """Two results for people."""
    step = answer["step_time_ps"]
    parts: list[RenderableType] = [
        Text(f"A: {answer['a']}\nB: {answer['b']}"),
        Text(
            f"step {q.duration(step['a'] / PS_PER_S)} -> {q.duration(step['b'] / PS_PER_S)}, "
            f"{_change(step)}; B is {q.ratio(step['a'] / step['b'])} as fast" if step["b"] else "no step",
            style="bold",
        ),
        Text(),
    ]  # fmt: skip
    if not answer["inputs"]:
        parts.append(Text("the inputs are the same"))
    for key, sides in list(answer["inputs"].items())[:MOST_INPUTS_SHOWN]:
        parts.append(Text(f"  {key}: {sides['a']} -> {sides['b']}"))
    if len(answer["inputs"]) > MOST_INPUTS_SHOWN:
        parts.append(Text(f"  and {len(answer['inputs']) - MOST_INPUTS_SHOWN} other inputs"))
    return [*parts, Text(), _matrix(answer), Text(), _moves(answer["numbers"])]


def _matrix(answer: Answer) -> Table:
    """Show the change of every phase and class; rows and columns add up."""
    changes = {(cell["phase"], cell["class"]): cell["change_ps"] for cell in answer["attribution"]}
    phases = [phase for phase in dict.fromkeys(phase for phase, _ in changes)
              if any(changes[phase, owner] for owner in CLASSES)]  # fmt: skip
    rows = {phase: [changes[phase, owner] for owner in CLASSES] for phase in phases}
    rows["step"] = [sum(changes[one] for one in changes if one[1] == owner) for owner in CLASSES]
    numbers = [number / PS_PER_S for row in rows.values() for number in (*row, sum(row))]
    second, texts = q.in_one_unit(numbers, "s", q.SMALL)
    table = _table(f"B - A in {second}, mean over tiles: what the step's change is made of")
    table.add_column("phase")
    for owner in CLASSES:
        table.add_column(f"{owner.replace('_', ' ')}\n({RESOURCE[owner]})", justify="right", no_wrap=True)
    table.add_column("all", justify="right", no_wrap=True)
    width = len(CLASSES) + 1
    for at, phase in enumerate(rows):
        if phase == "step":
            table.add_section()
        cells = texts[at * width : (at + 1) * width]
        table.add_row(phase, *cells, style="bold" if phase == "step" else "")
    return table


def _moves(numbers: Mapping[str, Answer]) -> RenderableType:
    moved = {path: one for path, one in numbers.items() if one["change"]}
    if not moved:
        return Text("no other number moved")
    table = _table("What else moved")
    for heading in ("number", "A", "B", "change"):
        table.add_column(heading, justify="left" if heading == "number" else "right", no_wrap=True)
    for path, one in moved.items():
        table.add_row(path, f"{one['a']:,.6g}", f"{one['b']:,.6g}", _change(one))
    return table


def _change(one: Answer) -> str:
    if not one["change"]:
        return "same"
    share = one["change"] / one["a"] if one["a"] else 0.0
    return "new" if not share else f"{share:+.1%}" if abs(share) >= LEAST_SHOWN else f"{share:+.0e}"


def rows_tables(answer: Answer) -> list[RenderableType]:
    """Rows of two stores for people, the largest change first."""
    ranked = sorted(answer["rows"], key=_by_change)
    table = _table(f"{len(ranked)} rows in both")
    for heading in ("row", "A", "B", "change", "mostly in"):
        table.add_column(heading, justify="right" if heading in ("A", "B", "change") else "left", overflow="fold")
    for row in ranked[:MOST_ROWS]:
        step, most = row["step_time_ps"], row["most"]
        if step is None:
            table.add_row(row["row"], row["status"]["a"], row["status"]["b"], "", "", style="red")
            continue
        where = f"{most['phase']}, {most['class'].replace('_', ' ')} ({most['resource']})" if most else "nowhere"
        before, after = (q.duration(step[side] / PS_PER_S) for side in ("a", "b"))
        table.add_row(row["row"], before, after, _change(step), where)
    parts: list[RenderableType] = [Text(f"A: {answer['a']}\nB: {answer['b']}"), Text(), table]
    if len(ranked) > MOST_ROWS:
        parts.append(Text(f"the {MOST_ROWS} largest changes of {len(ranked)} rows", style="dim"))
    alone = {side.upper(): len(answer[f"only_{side}"]) for side in ("a", "b")}
    return [*parts, *(Text(f"{count} rows are only in {side}", style="dim") for side, count in alone.items() if count)]


def _by_change(row: Answer) -> float:
    step = row["step_time_ps"]
    return float("-inf") if step is None else -abs(step["change"] / step["a"])


def _table(title: str) -> Table:
    return Table(title=title, box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), **TITLE)
