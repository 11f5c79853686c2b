"""From one token tile of a derived Program to a body: its tasks, DRAM traffic, buffers and what waits for what.

A *body* is one token tile of a section. The overlap rule says what may run side by side, for all methods alike:
`none`: nothing; `micro_batch`: on-package work is serial, body after body, but the loads of body u may start when the
work of body u-2 has ended (double buffer) and its stores must have ended before the work of body u+2 starts; `chunk`:
the work of body u too may start when that of body u-2 has ended, so that collectives of one token tile run beside the
products of the next.

So a body's load starts no earlier than the stores of the body four places before have ended: a read after write has
to be named only where the write lies less than FAR_BODIES back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from hecasim.mapping.buffers import Buffer, Lives, Turn, weight_bytes
from hecasim.parallel.layout import Axes, Counts, tile_count
from hecasim.parallel.method import Method
from hecasim.parallel.program import NestStep, Program, Section, Step, Value, total_bytes, written_bytes
from hecasim.parallel.reshard import Group, group_size
from hecasim.parallel.sharding import tensor_of
from hecasim.trace.groups import copy_group, group_name
from hecasim.trace.sizes import collective_bytes, compact, nest_work
from hecasim.trace.task import COLLECTIVE, COMPUTE, DRAM_READ, DRAM_WRITE, PORT, After, Task

NORM_OPERATORS = ("norm_statistics", "row_statistics", "norm")


FAR_BODIES = 4
"""From so many bodies back every store has ended when a load starts."""


class Unit(NamedTuple):
    """What later bodies wait for: the last work tasks, the stores and the gradient stores of one, `offset` away."""

    offset: int
    work: tuple[int, ...]
    stores: tuple[int, ...]
    gradient_stores: tuple[int, ...] = ()

    def shifted(self, by: int) -> Unit:
        return self._replace(offset=self.offset - by)

    def work_ends(self) -> tuple[After, ...]:
        return tuple(After(self.offset, task) for task in self.work)

    def stores_end(self) -> tuple[After, ...]:
        return tuple(After(self.offset, task) for task in self.stores)

    def gradients_stored(self) -> tuple[After, ...]:
        return tuple(After(self.offset, task) for task in self.gradient_stores)


def in_order(after: Iterable[After]) -> tuple[After, ...]:
    """Each once, and always in the same order, so that equal tasks are equal tuples."""
    return tuple(sorted(set(after)))


class Fetch(NamedTuple):
    """Weights to bring in, and the gradients summed so far if they are to be `resumed`; what that waits for."""

    block: str
    phase: str
    resumed: bool
    after: tuple[After, ...]


class Context(NamedTuple):
    """What surrounds a passage: its place in its block, and the earlier tasks that its bodies must wait for.

    Offsets count from its first body.
    """

    accumulates_first: bool
    stores_gradients: bool
    before: tuple[Unit, ...]
    """The last bodies before this passage, latest last (at most FAR_BODIES - 1)."""
    inputs_written: tuple[After, ...] = ()
    """Stores of what this passage loads, where they may still be under way."""
    fetches: tuple[Fetch, ...] = ()
    """Weights that the first body brings in: its own, or those of the passage to come."""
    weights_come: tuple[After, ...] = ()
    """The reads of this passage's weights in an earlier body."""
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
    """The tasks of one body, what later bodies may wait for, and the reads of weights among them, in order."""

    tasks: tuple[Task, ...]
    unit: Unit
    fetched: tuple[tuple[int, ...], ...] = ()


class Place(NamedTuple):
    """All that one body of a passage depends on: equal places have equal tasks."""

    turn: Turn
    """With the first token tile that is as large."""
    before: tuple[Unit, ...]
    ready: tuple[After, ...] = ()
    """What its work waits for beyond the bodies before."""
    inputs_written: tuple[After, ...] = ()
    opens_section: bool = False
    fetches: tuple[Fetch, ...] = ()
    takes_gradients: bool = False
    resumes: bool = False
    """Gradients that do not stay come back for it."""
    closes: bool = False
    """The last body with this block's weights: gradients leave, both are given back."""


class BodyWriter:
    """A body under construction."""

    def __init__(
        self, programs: Mapping[tuple[str, str], Program], program: Program, lives: Lives, lowering: Lowering,
        place: Place, section: Section,
    ) -> None:  # fmt: skip
        self.programs, self.program, self.lives, self.lowering = programs, program, lives, lowering
        self.place, self.section, self.turn = place, section, place.turn
        self.resident = lowering.resident[program.block, program.phase]
        self.tasks: list[Task] = []
        self.gradient_stores: list[int] = []

    def build(self) -> Lowered:
        """Its loads, its waves one after another, its stores."""
        fetched = tuple(self._fetch(fetch) for fetch in self.place.fetches)
        own = (self.program.block, self.program.phase)
        arriving = [task for tasks, fetch in zip(fetched, self.place.fetches, strict=True)
                    if (fetch.block, fetch.phase) == own for task in tasks]  # fmt: skip
        ready = [After(0, task) for task in (*arriving, *self._loads())]
        ready += self._work_before()
        if len(self.place.before) > 1:
            ready += self.place.before[-2].stores_end()
        ready += self.place.ready
        last: tuple[int, ...] = ()
        for wave in self.section.waves:
            after = tuple(After(0, task) for task in last) if last else in_order(ready)
            last = tuple(self._step(step, after) for step in wave)
        assert last, f"a section of {self.program.block} {self.program.phase} has no work"
        stores = self._stores(tuple(After(0, task) for task in last))
        self._keep_weights(last)
        unit = Unit(0, last, stores, tuple(self.gradient_stores))
        return Lowered(tuple(self.tasks), unit, fetched)

    # --- what it waits for ------------------------------------------------------------------------------------

    def _work_before(self) -> list[After]:
        """What its work follows: the body before; with `chunk` the one before that, and the whole last section."""
        before = self.place.before
        if self.lowering.overlap != "chunk":
            return [end for unit in before[-1:] for end in unit.work_ends()]
        ends = [end for unit in before[-2:-1] for end in unit.work_ends()]
        if self.place.opens_section:  # its last two bodies: the others have ended before these
            ends += [end for unit in before[-1:] for end in unit.work_ends()]
        return ends

    def _loads(self) -> list[int]:
        before, turn = self.place.before, self.turn
        after: tuple[After, ...]
        if self.lowering.overlap == "none":
            after = (*before[-1].work_ends(), *before[-1].stores_end()) if before else ()
        else:
            after = before[-2].work_ends() if len(before) > 1 else ()
        after = in_order([*after, *self.place.inputs_written])
        made = []
        for group, values in self._by_copies(self.section.loads).items():
            takes = tuple(self.lives.take(value, turn) for value in values)
            sizes = total_bytes(values, turn.part, turn.parts)
            label = "read " + "+".join(tensor_of(value.name) for value in values)
            phase = self._phase()
            made.append(self._dram(DRAM_READ, label, "load", sizes, group, after, takes=takes, phase=phase))
        if not self.resident and uses_weights(self.section):
            made += self._reload_weights(after)
        return made

    def _phase(self) -> str:
        """The pass that the section's DRAM traffic counts to: its steps' one, else the program's own."""
        phases = {step.phase for step in self.section.steps}
        return phases.pop() if len(phases) == 1 else ""

    def _stores(self, after: tuple[After, ...]) -> tuple[int, ...]:
        made, turn, section = [], self.turn, self.section
        if section.stores:
            sizes = written_bytes(section.stores, turn.part, turn.parts)
            label = "write " + "+".join(tensor_of(value.name) for value in section.stores)
            gives = tuple(self.lives.stored(value, turn) for value in section.stores)
            made.append(self._dram(DRAM_WRITE, label, "store", sizes, "", after, gives=gives, phase=self._phase()))
        if not self.resident and self.program.gradients and uses_weights(section, own=True):
            made.append(self._gradient_write(after))
        return tuple(made)

    def _step(self, step: Step, after: tuple[After, ...]) -> int:
        turn = self.turn
        space = self.lives.step(step, turn)
        task = Task(
            id=len(self.tasks), kind=COMPUTE, label=step.label, block=_block_of(step, self.program.block),
            phase=step.phase or self.program.phase, after=after,
            takes=space.takes, gives=space.gives, in_place=space.in_place,
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

    def _fetch(self, fetch: Fetch) -> tuple[int, ...]:
        """A block's weights come from DRAM and take their place in the weight buffer."""
        program = self.programs[fetch.block, fetch.phase]
        made = self._weight_reads(program, fetch.after, take=True)
        if fetch.resumed and program.gradients:
            made.append(self._gradient_read(program, fetch.after))
        return tuple(made)

    def _weight_reads(self, program: Program, after: tuple[After, ...], take: bool, phase: str = "") -> list[int]:
        made = []
        for group, values in self._by_copies(program.weights).items():
            takes = (Buffer("weights", weight_bytes(values)),) if take else ()
            task = self._dram(
                DRAM_READ, "read weights", "weights", total_bytes(values), group, after, takes=takes,
                phase=phase or program.phase, block=program.block,
            )  # fmt: skip
            made.append(task)
        return made

    def _reload_weights(self, after: tuple[After, ...]) -> list[int]:
        """Weights (and running gradients) that do not stay on the package come again for every body."""
        made = self._weight_reads(self.program, after, take=False, phase=self._phase())
        if self.place.resumes and self.program.gradients and uses_weights(self.section, own=True):
            made.append(self._gradient_read(self.program, after))
        return made

    def _gradient_read(self, program: Program, after: Sequence[After]) -> int:
        sizes = total_bytes(program.gradients)
        return self._dram(
            DRAM_READ, "read gradients", "weights", sizes, "", after, phase=program.phase, block=program.block
        )

    def _gradient_write(self, after: Sequence[After]) -> int:
        task = self._dram(DRAM_WRITE, "write gradients", "store", written_bytes(self.program.gradients), "", after)
        self.gradient_stores.append(task)
        return task

    def _keep_weights(self, last: tuple[int, ...]) -> None:
        """Gradients are taken when a block's backward begins; the last body of a block gives weights and both back."""
        program = self.program
        gradients = weight_bytes(program.gradients)
        if self.place.takes_gradients and gradients:
            work = (task for task in self.tasks if task.kind in (COMPUTE, COLLECTIVE))
            first = next(task.id for task in work if task.phase == program.phase)
            self._amend(first, takes=(Buffer("gradients", gradients),))
        if not self.place.closes:
            return
        if gradients:
            ends = [After(0, task) for task in last]
            if self.lowering.overlap == "chunk":  # the body before may still be at work
                own = self.place.before[-1:] if self.place.turn.section or self.place.turn.parts > 1 else ()
                ends += [end for unit in own for end in unit.work_ends()]
            self._gradient_write(in_order(ends))
            self._amend(self.gradient_stores[-1], gives=(Buffer("gradients", gradients),))
        weights = sum(weight_bytes(values) for values in self._by_copies(program.weights).values())
        if weights:
            self._amend(last[-1], gives=(Buffer("weights", weights),))

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
        self, kind: str, label: str, stream: str, sizes: Counts, group: str, after: Sequence[After],
        takes: tuple[Buffer, ...] = (), gives: tuple[Buffer, ...] = (), phase: str = "", block: str = "",
    ) -> int:  # fmt: skip
        task = Task(
            id=len(self.tasks), kind=kind, label=label, block=block or self.program.block,
            phase=phase or self.program.phase, after=in_order(after), group=group, stream=stream,
            tile_bytes=compact(sizes), together="" if group else PORT,
            takes=tuple(buffer for buffer in takes if buffer.size_bytes),
            gives=tuple(buffer for buffer in gives if buffer.size_bytes),
        )  # fmt: skip
        self.tasks.append(task)
        return task.id


def uses_weights(section: Section, own: bool = False) -> bool:
    """Whether some product of a section (of the program's *own* pass) has a weight: those that token tiles cut."""
    nests = (step for step in section.steps if isinstance(step, NestStep) and not (own and step.phase))
    return any(gemm.tiled for nest in nests for gemm in nest.gemms)


def _block_of(step: Step, block: str) -> str:
    """Norms are reported apart from the block they open."""
    names = step.label.replace("+", " ").split()
    return "norm" if any(name in NORM_OPERATORS for name in names) else block
