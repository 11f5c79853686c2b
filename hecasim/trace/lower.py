"""From a derived Program to the Tasks of one body: token tiles, DRAM traffic, buffers and what waits for what.

A *unit* is one token tile of a section. The overlap rule says what may run side by side, for all methods alike:
`none`: nothing; `micro_batch`: on-package work is serial, unit after unit, but the loads of unit u may start when
unit u-2 has ended (double buffer) and its stores must have ended before unit u+2 starts; `chunk`: the work of unit u
too may start when unit u-2 has ended, so that collectives of one token tile run beside the products of the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from hecasim.mapping.buffers import Buffer, Lives, Turn, in_place, turns, weight_bytes
from hecasim.parallel.layout import Axes, Counts, tile_count
from hecasim.parallel.method import Method
from hecasim.parallel.program import NestStep, Program, Section, Step, Value, total_bytes, written_bytes
from hecasim.parallel.reshard import Group, group_size
from hecasim.parallel.sharding import tensor_of
from hecasim.trace.groups import copy_group, group_name
from hecasim.trace.sizes import collective_bytes, compact, nest_work
from hecasim.trace.task import COLLECTIVE, COMPUTE, DRAM_READ, DRAM_WRITE, After, Task

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


def in_order(after: Iterable[After]) -> tuple[After, ...]:
    """Each once, and always in the same order, so that equal tasks are equal tuples."""
    return tuple(sorted(set(after)))


class Context(NamedTuple):
    """What surrounds a body: its place in its block, and the earlier tasks it must wait for."""

    loads_weights: bool
    accumulates_first: bool
    stores_gradients: bool
    before: tuple[Unit, ...]
    """The last units before this body, latest last (at most two)."""
    inputs_written: tuple[After, ...] = ()
    """Stores, within the look-ahead, of what this body loads."""
    resumes_gradients: bool = False
    """Gradients of earlier micro-batches come back from DRAM before this one adds to them."""
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
        """The name of a group's table, which the Trace will hold."""
        name = group_name(group, self.axes)
        self.groups[name] = group
        return name

    def algorithm(self, kind: str, group: Group) -> str:
        """The collective that realises this kind of exchange in this group."""
        return self.method.algorithm(kind, whole=group_size(group) == tile_count(self.axes))


class Lowered(NamedTuple):
    """The tasks of one body, and which of them later bodies may have to wait for."""

    tasks: tuple[Task, ...]
    units: tuple[Unit, ...]
    stores: tuple[int, ...] = ()
    gradient_stores: tuple[int, ...] = ()


def lower(program: Program, context: Context, lowering: Lowering) -> Lowered:
    """The tasks of one body."""
    return _Body(program, context, lowering).build()


class _Body:
    """A body under construction."""

    def __init__(self, program: Program, context: Context, lowering: Lowering) -> None:
        self.program, self.context, self.lowering = program, context, lowering
        self.tasks: list[Task] = []
        self.units: list[Unit] = list(context.before)
        self.written: list[tuple[Turn, tuple[int, ...]]] = []
        """What every turn so far stores."""
        self.last_section: list[Unit] = []
        """Units of the section that was written last."""
        self.lives = Lives(program, lowering.token_tiles)
        self.stores: list[int] = []
        self.gradient_stores: list[int] = []
        self.resident = lowering.resident[(program.block, program.phase)]

    def build(self) -> Lowered:
        arriving: list[int] = []
        if self.context.loads_weights and self.resident:
            arriving = self._weight_reads(self.context.weights_after, take=True)
            if self.context.resumes_gradients and self.program.gradients:
                arriving.append(self._gradient_read(self.context.weights_after, 0))
        waits = self.context.gradients_after
        for turn, section in turns(self.program, self.lowering.token_tiles):
            self._unit(turn, section, arriving, waits)
            arriving, waits = [], ()  # only the first unit waits for them
        if self.context.stores_gradients and self.resident and self.program.gradients:
            self._gradient_write([end for unit in self.units[-2:] if not unit.offset for end in unit.work_ends()])
        self._release_weights()
        own = tuple(unit for unit in self.units if unit.offset == 0)
        return Lowered(tuple(self.tasks), own, tuple(self.stores), tuple(self.gradient_stores))

    # --- one unit ---------------------------------------------------------------------------------------------

    def _unit(self, turn: Turn, section: Section, arriving: Sequence[int], waits: Sequence[After]) -> None:
        """One token tile of a section: its loads, its waves one after another, its stores."""
        ready = [After(0, task) for task in (*arriving, *self._loads(turn, section))]
        ready += self._work_before(turn)
        if len(self.units) > 1:
            ready += self.units[-2].stores_end()
        ready += waits
        last: tuple[int, ...] = ()
        for wave in section.waves:
            after = tuple(After(0, task) for task in last) if last else in_order(ready)
            last = tuple(self._step(step, turn, after) for step in wave)
        if not last:  # a unit without on-package work ends when its loads have arrived
            last = tuple(task.task for task in ready if task.offset == 0)
        stores = self._stores(turn, section, tuple(After(0, task) for task in last))
        self.units.append(Unit(0, last, stores))
        self.written.append((turn, stores))
        self.last_section = [*(self.last_section if turn.part else ()), self.units[-1]]

    def _work_before(self, turn: Turn) -> list[After]:
        """What the work of a unit follows: the unit before; with `chunk` the one before that, and the last section."""
        if self.lowering.overlap != "chunk":
            return [end for unit in self.units[-1:] for end in unit.work_ends()]
        ends = [end for unit in self.units[-2:-1] for end in unit.work_ends()]
        if turn.part == 0 and turn.section > 0:
            ends += [end for unit in self.last_section for end in unit.work_ends()]
        return ends

    def _loads(self, turn: Turn, section: Section) -> list[int]:
        after: tuple[After, ...]
        if self.lowering.overlap == "none":
            after = (*self.units[-1].work_ends(), *self.units[-1].stores_end()) if self.units else ()
        else:
            after = self.units[-2].work_ends() if len(self.units) > 1 else ()
        after = in_order([*after, *self.context.inputs_written, *self._sections_written(turn)])
        made = []
        for group, values in self._by_copies(section.loads).items():
            takes = tuple(self.lives.take(value, turn) for value in values)
            sizes = total_bytes(values, turn.part, turn.parts)
            label = "read " + "+".join(tensor_of(value.name) for value in values)
            made.append(self._dram(DRAM_READ, label, "load", sizes, group, after, turn.part, takes=takes))
        if not self.resident and uses_weights(section):
            made += self._reload_weights(after, turn)
        return made

    def _sections_written(self, turn: Turn) -> list[After]:
        """Layerwise, what earlier sections of this body stored must be there before it is loaded."""
        if not self.program.layerwise:
            return []
        return [
            After(0, task)
            for other, tasks in self.written
            if other.section < turn.section and (other.part == turn.part or other.parts != turn.parts)
            for task in tasks
        ]

    def _stores(self, turn: Turn, section: Section, after: tuple[After, ...]) -> tuple[int, ...]:
        made = []
        if section.stores:
            sizes = written_bytes(section.stores, turn.part, turn.parts)
            label = "write " + "+".join(tensor_of(value.name) for value in section.stores)
            gives = tuple(self.lives.stored(value, turn) for value in section.stores)
            made.append(self._dram(DRAM_WRITE, label, "store", sizes, "", after, turn.part, gives=gives))
        self.stores += made
        if not self.resident and self.program.gradients and uses_weights(section):
            made.append(self._gradient_write(after, turn.part))
        return tuple(made)

    def _step(self, step: Step, turn: Turn, after: tuple[After, ...]) -> int:
        takes, gives = self.lives.step(step, turn)
        task = Task(
            id=len(self.tasks), kind=COMPUTE, label=step.label, block=_block_of(step, self.program.block),
            phase=self.program.phase, token_tile=turn.part, after=after, takes=takes, gives=gives,
            in_place=in_place(step),
        )  # fmt: skip
        if isinstance(step, NestStep):
            work, work_of = nest_work(step, turn.part, turn.parts)
            task = replace(task, work=work, work_of=work_of)
        else:
            task = replace(
                task, kind=COLLECTIVE, group=self.lowering.table(step.group),
                algorithm=self.lowering.algorithm(step.kind, step.group),
                size_bytes=collective_bytes(step, turn.part, turn.parts),
            )  # fmt: skip
        self.tasks.append(task)
        return task.id

    # --- weights ----------------------------------------------------------------------------------------------

    def _weight_reads(self, after: tuple[After, ...], take: bool, part: int = 0) -> list[int]:
        """The block's weights come from DRAM; if they stay, they *take* their place in the weight buffer."""
        made = []
        for group, values in self._by_copies(self.program.weights).items():
            takes = (Buffer("weights", weight_bytes(values)),) if take else ()
            sizes = total_bytes(values)
            made.append(self._dram(DRAM_READ, "read weights", "weights", sizes, group, after, part, takes=takes))
        return made

    def _reload_weights(self, after: tuple[After, ...], turn: Turn) -> list[int]:
        """Weights (and running gradients) that do not stay on the package come again for every unit."""
        made = self._weight_reads(after, take=False, part=turn.part)
        opening = self.context.accumulates_first and not self.gradient_stores
        if self.program.gradients and not opening:
            made.append(self._gradient_read(after, turn.part))
        return made

    def _gradient_read(self, after: Sequence[After], part: int) -> int:
        sizes = total_bytes(self.program.gradients)
        return self._dram(DRAM_READ, "read gradients", "weights", sizes, "", after, part)

    def _gradient_write(self, after: Sequence[After], part: int = 0) -> int:
        sizes = written_bytes(self.program.gradients)
        task = self._dram(DRAM_WRITE, "write gradients", "store", sizes, "", after, part)
        self.gradient_stores.append(task)
        return task

    def _release_weights(self) -> None:
        """Gradients are taken when a block's backward begins; the last body of a block gives both back."""
        if not self.tasks or not self.resident:
            return
        gradients = weight_bytes(self.program.gradients)
        if self.context.accumulates_first and gradients:
            first = next(task.id for task in self.tasks if task.kind in (COMPUTE, COLLECTIVE))
            self._amend(first, takes=(Buffer("gradients", gradients),))
        if self.context.stores_gradients:
            weights = sum(buffer.size_bytes for task in self.tasks for buffer in task.takes if buffer.kind == "weights")
            weights = weights or sum(weight_bytes(values) for values in self._by_copies(self.program.weights).values())
            last = self.units[-1].work[-1]
            if weights:
                self._amend(last, gives=(Buffer("weights", weights),))
            if gradients:
                self._amend(self.gradient_stores[-1], gives=(Buffer("gradients", gradients),))

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
            token_tile=part, after=in_order(after), group=group, stream=stream, tile_bytes=compact(sizes),
            takes=tuple(buffer for buffer in takes if buffer.size_bytes),
            gives=tuple(buffer for buffer in gives if buffer.size_bytes),
        )  # fmt: skip
        self.tasks.append(task)
        return task.id


def uses_weights(section: Section) -> bool:
    """Whether some product of a section has a weight: those are the products that token tiles cut."""
    nests = (step for wave in section.waves for step in wave if isinstance(step, NestStep))
    return any(gemm.tiled for nest in nests for gemm in nest.gemms)


def _block_of(step: Step, block: str) -> str:
    """Norms are reported apart from the block they open."""
    names = step.label.replace("+", " ").split()
    return "norm" if any(name in NORM_OPERATORS for name in names) else block
