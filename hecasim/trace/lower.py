"""From a derived Program to the Tasks of one body: token tiles, DRAM traffic, buffers and what waits for what.

A *unit* is one token tile of a section. On-package work of a tile is serial, unit after unit; the overlap rule
says how far DRAM traffic may run beside it: with `micro_batch` the loads of unit u may start when unit u-2 has
ended (double buffer) and its stores must have ended before unit u+2 starts; with `none` everything is serial.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from hecasim.mapping.buffers import Buffer, Lives, in_place, tensor_of, weight_bytes
from hecasim.parallel.layout import Axes, Counts
from hecasim.parallel.method import Method
from hecasim.parallel.program import ExchangeStep, NestStep, Program, Section, Step, Value
from hecasim.parallel.reshard import Group
from hecasim.trace.groups import copy_group, group_name, group_size
from hecasim.trace.task import COLLECTIVE, COMPUTE, DRAM_READ, DRAM_WRITE, After, Task, Work

NORM_OPERATORS = ("norm_statistics", "row_statistics", "norm")


class Unit(NamedTuple):
    """What later units wait for: the last work tasks and the stores of one unit, `offset` bodies away."""

    offset: int
    work: tuple[int, ...]
    stores: tuple[int, ...]

    def shifted(self, by: int) -> Unit:
        return self._replace(offset=self.offset - by)

    def work_ends(self) -> tuple[After, ...]:
        return tuple(After(self.offset, task) for task in self.work)

    def stores_end(self) -> tuple[After, ...]:
        return tuple(After(self.offset, task) for task in self.stores)


class Context(NamedTuple):
    """What surrounds a body: its place in its block, and the earlier tasks it must wait for."""

    loads_weights: bool
    accumulates_first: bool
    stores_gradients: bool
    before: tuple[Unit, ...]
    """The last units before this body, latest last (at most two)."""
    inputs_written: tuple[After, ...] = ()
    """Stores, within the look-ahead, of what this body loads."""
    weights_after: tuple[After, ...] = ()
    gradients_after: tuple[After, ...] = ()


@dataclass
class Lowering:
    """Shared choices of a run, and the group tables its tasks name."""

    method: Method
    axes: Axes
    token_tiles: int
    overlap: str
    resident: dict[tuple[str, str], bool]
    groups: dict[str, Group] = field(default_factory=dict)

    def table(self, group: Group) -> str:
        name = group_name(group, self.axes)
        self.groups[name] = group
        return name


class Lowered(NamedTuple):
    tasks: tuple[Task, ...]
    units: tuple[Unit, ...]
    stores: tuple[int, ...]
    gradient_stores: tuple[int, ...]


def lower(program: Program, context: Context, lowering: Lowering) -> Lowered:
    """The tasks of one body."""
    return _Body(program, context, lowering).build()


class _Body:
    def __init__(self, program: Program, context: Context, lowering: Lowering) -> None:
        self.program, self.context, self.lowering = program, context, lowering
        self.tasks: list[Task] = []
        self.units: list[Unit] = list(context.before)
        self.lives = Lives(program, lowering.token_tiles)
        self.stores: list[int] = []
        self.gradient_stores: list[int] = []
        self.resident = lowering.resident[(program.block, program.phase)]

    def build(self) -> Lowered:
        weights = self._load_weights() if self.context.loads_weights and self.resident else ()
        for number, section in enumerate(self.program.sections):
            parts = self.lowering.token_tiles if section.tiled else 1
            for part in range(parts):
                first = number == 0 and part == 0
                self._unit(number, section, part, parts, weights if first else ())
        if self.context.stores_gradients and self.resident:
            self._store_gradients(self.units[-1].work_ends())
        self._release_weights()
        own = tuple(unit for unit in self.units if unit.offset == 0)
        return Lowered(tuple(self.tasks), own, tuple(self.stores), tuple(self.gradient_stores))

    # --- one unit ---------------------------------------------------------------------------------------------

    def _unit(self, number: int, section: Section, part: int, parts: int, weights: tuple[int, ...]) -> None:
        loads = (*weights, *self._loads(number, section, part, parts))
        ready = [After(0, task) for task in loads]
        if self.units:
            ready += self.units[-1].work_ends()
        if len(self.units) > 1:
            ready += self.units[-2].stores_end()
        if number == 0 and part == 0:
            ready += self.context.gradients_after
        last: tuple[int, ...] = ()
        for wave in section.waves:
            after = tuple(After(0, task) for task in last) if last else _sorted(ready)
            last = tuple(self._step(step, number, part, parts, after) for step in wave)
        if not last:  # a unit without on-package work ends when its loads have arrived
            last = tuple(task.task for task in ready if task.offset == 0)
        stores = self._unit_stores(number, section, part, parts, tuple(After(0, task) for task in last))
        self.units.append(Unit(0, last, stores))

    def _loads(self, number: int, section: Section, part: int, parts: int) -> tuple[int, ...]:
        after: tuple[After, ...]
        if self.lowering.overlap == "none":
            after = (*self.units[-1].work_ends(), *self.units[-1].stores_end()) if self.units else ()
        else:
            after = self.units[-2].work_ends() if len(self.units) > 1 else ()
        after = _sorted([*after, *self.context.inputs_written])
        made = []
        for group, values in self._by_copies(section.loads).items():
            takes = tuple(self.lives.take(value, number, part, parts) for value in values)
            sizes = _sum([value.amount.bytes(part, parts) for value in values])
            label = "read " + "+".join(tensor_of(value.name) for value in values)
            made.append(self._dram(DRAM_READ, label, "load", sizes, group, after, part, takes=takes))
        if not self.resident:
            made += self._reload_weights(after, part)
        return tuple(made)

    def _unit_stores(
        self, number: int, section: Section, part: int, parts: int, after: tuple[After, ...]
    ) -> tuple[int, ...]:
        made = []
        if section.stores:
            sizes = _sum([_own_share(value, part, parts) for value in section.stores])
            label = "write " + "+".join(tensor_of(value.name) for value in section.stores)
            gives = tuple(self.lives.stored(value, number, part, parts) for value in section.stores)
            made.append(self._dram(DRAM_WRITE, label, "store", sizes, "", after, part, gives=gives))
        self.stores += made
        if not self.resident and self.program.gradients:
            made.append(self._gradient_write(after))
        return tuple(made)

    def _step(self, step: Step, number: int, part: int, parts: int, after: tuple[After, ...]) -> int:
        takes, gives = self.lives.step(step, number, part, parts)
        common = {
            "id": len(self.tasks), "label": step.label, "block": _block_of(step, self.program.block),
            "phase": self.program.phase, "token_tile": part, "after": after, "takes": takes, "gives": gives,
            "in_place": in_place(step),
        }  # fmt: skip
        if isinstance(step, NestStep):
            work, work_of = _work(step, part, parts)
            task = Task(kind=COMPUTE, work=work, work_of=work_of, **common)
        else:
            whole = group_size(step.group) == _tiles(self.lowering.axes)
            task = Task(
                kind=COLLECTIVE, group=self.lowering.table(step.group), size_bytes=collective_bytes(step, part, parts),
                algorithm=self.lowering.method.algorithm(step.kind, whole), **common,
            )  # fmt: skip
        self.tasks.append(task)
        return task.id

    # --- weights ----------------------------------------------------------------------------------------------

    def _load_weights(self) -> tuple[int, ...]:
        return tuple(self._weight_read(self.context.weights_after, take=True))

    def _weight_read(self, after: tuple[After, ...], take: bool) -> list[int]:
        made = []
        for group, values in self._by_copies(self.program.weights).items():
            sizes = _sum([value.amount.bytes() for value in values])
            takes = (Buffer("weights", weight_bytes(values)),) if take else ()
            made.append(self._dram(DRAM_READ, "read weights", "weights", sizes, group, after, 0, takes=takes))
        return made

    def _reload_weights(self, after: tuple[After, ...], part: int) -> list[int]:
        """Weights (and running gradients) that do not stay on the package come again for every unit."""
        made = self._weight_read(after, take=False) if self.program.weights else []
        opening = self.context.accumulates_first and part == 0
        if self.program.gradients and not opening:
            sizes = _sum([value.amount.bytes() for value in self.program.gradients])
            made.append(self._dram(DRAM_READ, "read gradients", "weights", sizes, "", after, part))
        return made

    def _gradient_write(self, after: tuple[After, ...]) -> int:
        sizes = _sum([_own_share(value) for value in self.program.gradients])
        task = self._dram(DRAM_WRITE, "write gradients", "store", sizes, "", after, 0)
        self.gradient_stores.append(task)
        return task

    def _store_gradients(self, after: tuple[After, ...]) -> None:
        if self.program.gradients:
            self._gradient_write(after)

    def _release_weights(self) -> None:
        """Gradients are taken when a block's backward begins; the last body of a block gives both back."""
        if not self.tasks or not self.resident:
            return
        gradients = weight_bytes(self.program.gradients)
        if self.context.accumulates_first and gradients:
            self._amend(self.units_first_work(), takes=(Buffer("gradients", gradients),))
        if self.context.stores_gradients:
            weights = sum(buffer.size_bytes for task in self.tasks for buffer in task.takes if buffer.kind == "weights")
            weights = weights or sum(weight_bytes(values) for values in self._by_copies(self.program.weights).values())
            last = self.units[-1].work[-1]
            if weights:
                self._amend(last, gives=(Buffer("weights", weights),))
            if gradients:
                self._amend(self.gradient_stores[-1], gives=(Buffer("gradients", gradients),))

    def units_first_work(self) -> int:
        return next(task.id for task in self.tasks if task.kind in (COMPUTE, COLLECTIVE))

    def _amend(self, number: int, takes: tuple[Buffer, ...] = (), gives: tuple[Buffer, ...] = ()) -> None:
        task = self.tasks[number]
        self.tasks[number] = replace(task, takes=task.takes + takes, gives=task.gives + gives)

    # --- DRAM -------------------------------------------------------------------------------------------------

    def _by_copies(self, values: Sequence[Value]) -> dict[str, list[Value]]:
        """Values whose copies stand on the same groups of tiles are read together, once per group."""
        found: dict[str, list[Value]] = {}
        for value in values:
            group = copy_group(value.layout, self.lowering.axes)
            found.setdefault(self.lowering.table(group) if group else "", []).append(value)
        return found

    def _dram(
        self, kind: str, label: str, stream: str, sizes: Counts, group: str, after: Sequence[After], part: int,
        takes: tuple[Buffer, ...] = (), gives: tuple[Buffer, ...] = (),
    ) -> int:  # fmt: skip
        task = Task(
            id=len(self.tasks), kind=kind, label=label, block=self.program.block, phase=self.program.phase,
            token_tile=part, after=_sorted(after), group=group, stream=stream, tile_bytes=compact(sizes),
            takes=tuple(buffer for buffer in takes if buffer.size_bytes),
            gives=tuple(buffer for buffer in gives if buffer.size_bytes),
        )  # fmt: skip
        self.tasks.append(task)
        return task.id


# --- sizes --------------------------------------------------------------------------------------------------------


def _work(step: NestStep, part: int, parts: int) -> tuple[tuple[Work, ...], tuple[int, ...] | None]:
    """Work per class of tiles with equal shapes."""
    if not step.gemms and not step.vectors:
        return (Work((), 0),), None
    columns: list[Counts] = []
    for gemm in step.gemms:
        dims = {"m": gemm.m, "n": gemm.n, "k": gemm.k}
        if gemm.tiled:
            whole = dims[gemm.tiled]
            dims[gemm.tiled] = whole // parts + (part < whole % parts)
        columns += [gemm.count, dims["m"], dims["n"], dims["k"]]
    operations = np.zeros_like(step.vectors[0].amount.features if step.vectors else step.gemms[0].m)
    for load in step.vectors:
        operations = operations + np.ceil(load.amount.elements(part, parts) * load.operations).astype(np.int64)
    columns.append(operations)
    table, inverse = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
    classes = tuple(_work_of_row([int(cell) for cell in row]) for row in table)
    return classes, (tuple(int(number) for number in inverse) if len(classes) > 1 else None)


def _work_of_row(row: list[int]) -> Work:
    shapes = [(row[i], row[i + 1], row[i + 2], row[i + 3]) for i in range(0, len(row) - 1, 4)]
    return Work(tuple(shape for shape in shapes if min(shape) > 0), row[-1])


def collective_bytes(step: ExchangeStep, part: int, parts: int) -> int:
    """Full tensor of one group: the largest member sets the size of every ring step."""
    members = group_size(step.group)
    total = 0
    for amount in step.moved:
        held = int(amount.bytes(part, parts).max())
        total += held if step.kind == "all_reduce" else held * members
    return total


def _own_share(value: Value, part: int = 0, parts: int = 1) -> Counts:
    """What a tile writes: one of several copies of the same numbers writes each part."""
    return -(-value.amount.bytes(part, parts) // value.layout.copies)


def _sum(sizes: Sequence[Counts]) -> Counts:
    total = sizes[0]
    for size in sizes[1:]:
        total = total + size
    return total


def compact(sizes: Counts) -> tuple[int, ...]:
    values = [int(size) for size in sizes]
    return (values[0],) if len(set(values)) == 1 else tuple(values)


def _sorted(after: Sequence[After]) -> tuple[After, ...]:
    return tuple(sorted(set(after)))


def _tiles(axes: Axes) -> int:
    count = 1
    for _, size in axes:
        count *= size
    return count


def _block_of(step: Step, block: str) -> str:
    """Norms are reported apart from the block they open."""
    names = step.label.replace("+", " ").split()
    return "norm" if any(name in NORM_OPERATORS for name in names) else block
