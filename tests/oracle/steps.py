"""One layer on ideal packages: run it or count it, and its closed forms (Hecaton closed forms, derived).

Widths: h hidden, q of the fused query, key and value, w of key and value alone, f inner. T tokens, e bytes per element,
N = R C dies. Bytes are given per die in units of T e / N.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from math import gcd
from typing import Any

from hecasim import load_model, load_package, load_plan, simulate
from hecasim.analytic.census import Counter
from hecasim.sim import replay
from hecasim.specs import ModelSpec, PackageSpec
from hecasim.trace import Trace, assemble, prepare
from hecasim.trace.log import Log
from hecasim.trace.play import Body, Order, Play, order_of
from hecasim.trace.task import COLLECTIVE, BodyKind, Task

LLAMAS = ("tinyllama-1.1b", "llama2-7b", "llama2-70b", "llama3.1-405b")
PASSES = ("forward", "backward")
BLOCKS = ("attention", "ffn")
GATES = 2
E = 2
PS_PER_US = 10**6


@lru_cache(maxsize=64)
def oracle(rows: int, columns: int, **changes: Any) -> PackageSpec:
    """An ideal package of any grid: 32 GB/s links of 10 ns, 10 TFLOP/s, all else free; `__` stands for a dot."""
    grid = {"topology.rows": rows, "topology.columns": columns}
    return load_package("oracle_8x8", grid | {key.replace("__", "."): value for key, value in changes.items()})


@lru_cache(maxsize=64)
def one_layer(model: str, **changes: Any) -> ModelSpec:
    """One layer with a small vocabulary: the head is no part of these closed forms."""
    return load_model(model, {"layers": 1, "vocab": 2048, **changes})


def plan_of(method: str, batch: int, sequence: int, **options: Any) -> Any:
    """One micro-batch in one token tile."""
    return load_plan({
        "method": method, "batch": batch, "micro_batch": batch, "sequence": sequence, "token_tile": batch * sequence,
        "attention": "materialised", "optimizer": "none", "capacity": "warn", "options": options,
    })  # fmt: skip


def layer_rows(package: PackageSpec, model: ModelSpec, plan: Any) -> dict[tuple[str, str], dict[str, int]]:
    """(block, pass) -> the row of layers.csv of layer 0 of a whole simulated step."""
    page = simulate(package, model, plan).tables()["layers.csv"]
    rows = {}
    for row in csv.DictReader(io.StringIO(page)):
        if row["layer"] == "0":
            names = {key: int(value) for key, value in row.items() if key not in ("phase", "block")}
            rows[row["block"], row["phase"]] = names
    return rows


def alone(trace: Trace, block: str, phase: str) -> Trace:
    """Only the passage that takes *block* of layer 0 through *phase*; what it waited for outside has passed."""
    passages = trace.bodies.passages
    number = next(play.passage for play in trace.bodies.plays if _is(trace.kinds[passages[play.passage][0].kind], block,
                                                                     phase))  # fmt: skip
    return replace(trace, bodies=Order((passages[number],), (Play(0, 0, 0),)))


def _is(kind: BodyKind, block: str, phase: str) -> bool:
    return kind.block == block and kind.phase == phase


def replay_alone(package: PackageSpec, trace: Trace, block: str, phase: str) -> Log:
    return replay(alone(trace, block, phase), package)


def trace_of(package: PackageSpec, model: ModelSpec, plan: Any) -> Trace:
    return assemble(prepare(package, model, plan))


def moves_attention_operands(task: Task) -> bool:
    """Re-layouts and gathers around core attention: nothing else all-to-alls, or moves K and V without Q."""
    kind, _, names = task.label.partition(" ")
    tensors = {name.removeprefix("d ") for name in names.split("+")}
    return kind == "all_to_all" or (tensors <= {"key", "value"})


def counted(
    package: PackageSpec, trace: Trace, *, operands: bool = True
) -> dict[tuple[str, str], tuple[int, int, dict[str, int]]]:
    """(block, pass) -> bytes sent by all dies, bytes times hops, and the bytes of each collective by its label."""
    counter = Counter(trace, package)
    found: dict[tuple[str, str], tuple[int, int, dict[str, int]]] = {}
    for kind, times in trace.counted_kinds():
        if kind.block not in BLOCKS:
            continue
        for task in kind.tasks:
            if task.kind != COLLECTIVE or task.block not in BLOCKS or (not operands and moves_attention_operands(task)):
                continue
            one = counter.count(task)
            sent, crossed, labels = found.get((task.block, task.phase), (0, 0, {}))
            labels = labels | {task.label: labels.get(task.label, 0) + one.sent_bytes * times}
            crossed += int(one.link_bytes.sum()) * times
            found[task.block, task.phase] = (sent + one.sent_bytes * times, crossed, labels)
    return found


# --- one hand-made task ---------------------------------------------------------------------------------------------

WHOLE_MESSAGES = 2**40


def one_task(package: PackageSpec, task: Task, groups: dict[str, Any], **options: Any) -> Trace:
    """A trace of nothing but *task*; messages are not cut into segments unless it is said."""
    base = {
        "ring": "unidirectional", "colours": "sequential", "chunks": 8, "segment_bytes": WHOLE_MESSAGES,
        "dram_map": "row", "element_bytes": E,
    }  # fmt: skip
    grid = package.topology
    body = BodyKind("alone", task.block, task.phase, (task,))
    return Trace(grid.rows, grid.columns, groups, base | options, (body,), order_of([Body(0, 0, 0)]))


def collective(package: PackageSpec, algorithm: str, members: Any, size_bytes: int, **options: Any) -> Log:
    """Replay one collective among *members*; every other tile is a group of its own, with nothing to do."""
    return collectives(package, algorithm, [members], size_bytes, **options)


def collectives(package: PackageSpec, algorithm: str, groups: Any, size_bytes: int, **options: Any) -> Log:
    """Replay one collective in several groups at once."""
    groups = tuple(tuple(members) for members in groups)
    busy = {tile for members in groups for tile in members}
    tiles = package.topology.rows * package.topology.columns
    table = (*groups, *((tile,) for tile in range(tiles) if tile not in busy))
    task = Task(0, COLLECTIVE, algorithm, "attention", "forward", (), group="g", algorithm=algorithm,
                size_bytes=size_bytes)  # fmt: skip
    return replay(one_task(package, task, {"g": table}, **options), package)


# --- closed forms ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Widths:
    """Widths of a model."""

    h: int
    w: int
    f: int
    heads: int
    kv: int

    @classmethod
    def of(cls, model: ModelSpec) -> Widths:
        return cls(model.hidden, 2 * model.kv_heads * model.head_dim, model.inner, model.heads, model.kv_heads)

    @property
    def q(self) -> int:
        return self.h + self.w

    @property
    def group(self) -> int:
        return self.heads // self.kv


@dataclass(frozen=True)
class Core:
    """How core attention is cut: factors of the dies on the query heads of one K/V head, and left over behind heads."""

    copies: int
    """Ways in which columns (all dies, in one dimension) cut the heads that share one K/V head."""
    over_sequences: int
    """Left over from the heads, taken by whole sequences."""
    over_tokens: int
    """Left over from heads and sequences, taken by the tokens of a sequence."""
    rows: int = 1
    """Rows on the heads that share one K/V head, or on the tokens of one sequence."""

    @property
    def left(self) -> int:
        return self.over_sequences * self.over_tokens


def hecaton_core(widths: Widths, rows: int, columns: int, batch: int) -> Core:
    kv = gcd(columns, widths.kv)
    copies = gcd(columns // kv, widths.group)
    left = columns // kv // copies
    rest = rows // gcd(rows, batch)
    rest //= gcd(rest, widths.kv // kv)
    return Core(copies, 1, left, rest)


def flat_core(widths: Widths, dies: int, batch: int) -> Core:
    kv = gcd(dies, widths.kv)
    copies = gcd(dies // kv, widths.group)
    left = dies // kv // copies
    sequences = gcd(left, batch)
    return Core(copies, sequences, left // sequences)


def core_bytes(widths: Widths, core: Core, kv_rule: str, regather: bool) -> dict[str, Fraction]:
    """Q, context, K and V on their way into and out of core attention: (x - 1)/x by all-to-all, (x - 1) gathered."""
    x = Fraction(core.left - 1, core.left)
    keys = widths.w * (core.copies if kv_rule == "replicate" else 1)
    gathered = core.over_tokens * core.rows * (core.copies if kv_rule == "gather" else 1)
    shifted = Fraction(core.over_sequences - 1, core.over_sequences)
    one_way = keys * (shifted + gathered - 1)
    return {"forward": 2 * x * widths.h + one_way, "backward": (4 if regather else 2) * x * widths.h
            + (2 if regather else 1) * one_way}  # fmt: skip


def _with_core(units: dict[tuple[str, str], Any], core: dict[str, Fraction]) -> dict[tuple[str, str], Fraction]:
    return {
        (block, phase): Fraction(value) + (core[phase] if block == "attention" else 0)
        for (block, phase), value in units.items()
    }


def hecaton_bytes(
    widths: Widths, rows: int, columns: int, batch: int = 0, kv_rule: str = "gather", regather: bool = True
) -> dict[tuple[str, str], Fraction]:
    """The two weight products of each block; with a *batch* also what core attention moves."""
    h, f = widths.h, widths.f
    r, c = rows - 1, columns - 1
    core = hecaton_core(widths, rows, columns, batch) if batch else Core(1, 1, 1)
    q = h + widths.w * (core.copies if kv_rule == "replicate" else 1)
    units = {
        ("attention", "forward"): 2 * c * h + r * (q + h),
        ("ffn", "forward"): 2 * c * h + r * (GATES + 1) * f,
        ("attention", "backward"): (2 + regather) * c * h + r * ((1 + regather) * h + q),
        ("ffn", "backward"): (2 + regather) * c * h + r * (GATES + 1 + regather) * f,
    }
    return _with_core(units, core_bytes(widths, core, kv_rule, regather))


def flat_bytes(
    widths: Widths, dies: int, batch: int, kv_rule: str, regather: bool, *, sequence_parallel: bool
) -> dict[tuple[str, str], Fraction]:
    """All-reduce of T h per block and pass, or scatter and gather of it and a second gather for dW."""
    back = 2 + regather if sequence_parallel else 2
    units = {(block, phase): (2 if phase == "forward" else back) * (dies - 1) * widths.h
             for block in BLOCKS for phase in PASSES}  # fmt: skip
    return _with_core(units, core_bytes(widths, flat_core(widths, dies, batch), kv_rule, regather))


def optimus_bytes(
    widths: Widths, n: int, tokens: int, kv_rule: str = "gather", regather: bool = True
) -> dict[tuple[str, str], Fraction]:
    """(n - 1)(A + B): A = T(2h) and T(h + f) activations, B = h(q + h) and (g + 1) h f weights; twice that backward.

    Keys shared by several columns are gathered, or projected in copies whose weight gradients are then summed.
    """
    copies = gcd(n // gcd(n, widths.kv), widths.group)
    gathered = widths.w * (copies - 1) if kv_rule == "gather" else 0
    summed = 0 if kv_rule == "gather" else Fraction(2 * (copies - 1) * widths.h * widths.w, tokens)
    h, q, f = widths.h, widths.h + widths.w * (1 if kv_rule == "gather" else copies), widths.f
    moved = {
        "attention": (2 * h, Fraction(h * (q + h), tokens), gathered, summed),
        "ffn": (h + f, Fraction((GATES + 1) * h * f, tokens), 0, 0),
    }
    units = {}
    for block, (activations, weights, keys, sums) in moved.items():
        units[block, "forward"] = (n - 1) * (activations + weights) + keys
        units[block, "backward"] = (n - 1) * ((1 + regather) * activations + 2 * weights) + (1 + regather) * keys + sums
    return units
