"""The growth curves as text: the CSV file, and the page that explains it."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hecasim.bench.compare import FACTOR
from hecasim.bench.scaling import ACTIVATIONS, BASE, MODEL, PACKAGE, TOKEN_TILE

CSV_NAME, SVG_NAME, PAGE_NAME = "performance.csv", "performance.svg", "performance.md"
AXES = {
    "layers": "layers",
    "micro_batches": "micro-batches",
    "dies": "dies",
    "tokens": "tokens per sequence",
}
"""What varies, in the order of the page."""
MIB = 2**20

OPENING = f"""# Performance

How long a simulation takes and how much memory, against the size of what is simulated. This page, `{CSV_NAME}` and
`{SVG_NAME}` are made by one command, which needs matplotlib (`pip install 'hecasim[report]'`) for the drawing:

```
hecasim bench --scaling --out docs --force
```

One input varies at a time from {BASE.layers} layers, {BASE.micro_batches} micro-batches, {BASE.dies} dies and
{BASE.tokens} tokens of `{MODEL}` on `{PACKAGE}` (dies: square grids of them), method hecaton, message
fidelity, `token_tile` {TOKEN_TILE} with activation buffers of {ACTIVATIONS} (so that the tile does not change with the
axis), `capacity: warn`. Every point runs in a fresh process; points below two seconds run three times and the best
counts. Wall times belong to the machine on which the page was made; *ratio* is the CPU time over that of a bare SimPy
loop of 50,000 timeouts in the same process, which moves far less. Memory is the most the process held, of which about
{{rest}} MiB are Python and its libraries.

![wall time and memory against layers, micro-batches, dies and tokens]({SVG_NAME})

## What folded means

A *body* is one token tile of one block's section of work. At the end of every body the fast engine asks whether the
package is in a state, relative to now, in which it has been before: every pending event, queue, link, core, buffer and
pointer alike. If so, and if the kinds of the bodies still to come repeat as well, then what follows must repeat what
followed then, picosecond for picosecond, and whole periods are skipped: time is shifted, and all that only adds up
(bytes, busy and waiting times, events) grows by as many periods. Likewise a stretch that was played once from some
state and is to be played from the same one again, say in the last layer, is leapt over, to a snapshot of where it came
to. And where tiles run apart by some picoseconds in every period, always as many, periods are skipped while they do,
up to the first that would change the order of two things: what adds up grows as arithmetic series do. Those bodies are
**folded**. Nothing is approximated: `--engine plain` plays them all and gives the same step
(`pytest tests/sim/test_fold.py tests/sim/test_drifting.py`; here the last column of the tables, engine by engine).
*Events* and *transfers* are those of the whole step, folded ones included; *played* is how many bodies the engine went
through.

So time grows with what differs, not with what repeats: with more layers or micro-batches it is mostly the folded part
that grows. More dies mean more messages per body, which are played. Where tiles are unequal (a straggler, ragged
shards) they run apart until they lock, and less is folded, or nothing where they do not run apart evenly. In bodies
that are played, the fast engine plays no collective that nobody disturbs: it has been rehearsed once, alone; its
messages count as events all the same. What is left runs over tables of integers, compiled by numba (compiled before,
and not counted here).
"""

CLOSING = f"""
## Regression

`hecasim bench` (`make bench`) runs fixed cases, each method and fidelity among them, and compares them with
`hecasim/bench/stored.json`: integers (the step, time by class, bytes, FLOPs, memory, events, the longest chain) must be
equal; the ratio to the bare SimPy loop may grow to {FACTOR} times the stored one. It leaves with 5 otherwise and names
the case and the numbers. A change that is meant to move numbers runs `hecasim bench --update`, and the diff of that
file is reviewed.
"""


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """All points, a line each."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def read_csv(text: str) -> list[dict[str, Any]]:
    """The rows that `csv_text` wrote."""
    return [{key: _value(value) for key, value in row.items()} for row in csv.DictReader(io.StringIO(text))]


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def page(rows: Iterable[Mapping[str, Any]]) -> str:
    """The page: a pure function of the CSV's rows."""
    found = list(rows)
    tables = [_table(axis, [row for row in found if row["axis"] == axis]) for axis in AXES]
    rest = round(statistics.median(row["rest_bytes"] for row in found) / MIB)
    return OPENING.replace("{rest}", str(rest)) + "".join(tables) + CLOSING


def _table(axis: str, rows: list[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    name = AXES[axis]
    lines = [
        f"\n## Against {name}\n",
        f"| {name} | engine | wall s | ratio | memory MiB | bodies | played | events | transfers | step ps |",
        "|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|",
        *(_line(row, row[axis]) for row in sorted(rows, key=lambda row: (row[axis], row["engine"]))),
    ]
    return "\n".join(lines) + "\n"


def _line(row: Mapping[str, Any], value: int) -> str:
    played = row["bodies"] - row["bodies_folded"]
    return (
        f"| {value} | {row['engine']} | {row['wall_s']:.2f} | {row['ratio']:.4g} | {row['peak_bytes'] / MIB:.0f} "
        f"| {row['bodies']:,} | {played:,} | {row['events']:,} | {row['transfers']:,} | {row['step_time_ps']:,} |"
    )
