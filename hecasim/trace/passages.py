"""The bodies of a passage: one block in one pass, token tile by token tile; equal places are lowered once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from hecasim.mapping.buffers import Lives, Turn, first_alike, turns
from hecasim.parallel.program import Program, Section
from hecasim.trace.lower import FAR_BODIES, BodyWriter, Context, Lowered, Lowering, Place, Unit, in_order
from hecasim.trace.task import After


class Passages:
    """Lowers the passages of a step; equal places are lowered once."""

    def __init__(self, programs: Mapping[tuple[str, str], Program], lowering: Lowering) -> None:
        self.programs, self.lowering = programs, lowering
        self._blocks: dict[tuple[str, str], BlockPass] = {}
        self._known: dict[tuple[str, str, Context], tuple[Lowered, ...]] = {}

    def lower(self, block: str, phase: str, context: Context) -> tuple[Lowered, ...]:
        """The bodies of one passage in order."""
        key = (block, phase, context)
        if key not in self._known:
            self._known[key] = self.of(block, phase).passage(context)
        return self._known[key]

    def of(self, block: str, phase: str) -> BlockPass:
        if (block, phase) not in self._blocks:
            self._blocks[block, phase] = BlockPass(self, self.programs[block, phase])
        return self._blocks[block, phase]


class BlockPass:
    """One block in one pass: its turns, and the places lowered so far."""

    def __init__(self, passages: Passages, program: Program) -> None:
        self.passages, self.program, self.lowering = passages, program, passages.lowering
        self.lives = Lives(program, self.lowering.token_tiles)
        self.resident = self.lowering.resident[program.block, program.phase]
        self.turns = list(turns(program, self.lowering.token_tiles))
        self.alike = first_alike(program, self.lowering.token_tiles)
        self.run_ends = self._run_ends()
        own = [number for number, (_, section) in enumerate(self.turns) if _works(section, program.phase)]
        self.first_own = own[0] if own else 0
        self._places: dict[Place, Lowered] = {}
        self._steady: dict[Any, Lowered] = {}
        self._befores: dict[tuple[Unit, ...], tuple[Unit, ...]] = {}
        self._nexts: dict[tuple[int, int], tuple[Unit, ...]] = {}

    def passage(self, context: Context) -> tuple[Lowered, ...]:
        """Its bodies in order."""
        before, made = self._one(context.before), list[Lowered]()
        stored = False
        while len(made) < len(self.turns):
            number, resumes = len(made), stored or not context.accumulates_first
            lowered = self._lowered(number, *self.turns[number], context, before, resumes=resumes)
            stored = stored or bool(lowered.unit.gradient_stores)
            beyond = self._beyond(before, lowered)
            even = beyond is before and resumes == (stored or not context.accumulates_first)
            made += [lowered] * (self._evenly(number) if even else 1)
            before = beyond
        return tuple(made)

    def _evenly(self, number: int) -> int:
        """How many bodies are like this one, if what comes before them goes on to be like what came before it."""
        if number < FAR_BODIES or self.program.reads_back:
            return 1
        others = [place for place in (self.first_own, len(self.turns) - 1) if place >= number]
        return max(1, min([self.run_ends[number], *others]) - number)

    def _run_ends(self) -> list[int]:
        """Of every turn: where those end that are of its section and as large."""
        ends: list[int] = []
        for _, run in groupby((turn.section, self._part(turn)) for turn, _ in self.turns):
            length = len(list(run))
            ends += [len(ends) + length] * length
        return ends

    def _part(self, turn: Turn) -> tuple[int, bool]:
        """What can differ between token tiles: how large they are, and which is the first."""
        return (self.alike[turn.part] if turn.parts > 1 else turn.part), turn.part == 0

    def _lowered(
        self, number: int, turn: Turn, section: Section, context: Context, before: tuple[Unit, ...], *, resumes: bool
    ) -> Lowered:
        """One body; where a passage goes on evenly, it is found by what little can differ there."""
        key = None
        if FAR_BODIES <= number < len(self.turns) - 1 and number != self.first_own:
            key = (turn.section, self._part(turn), id(before), resumes, tuple(self._sections_written(number, before)))
            if key in self._steady:
                return self._steady[key]
        place = self._place(number, turn, context, before, resumes=resumes)
        if place not in self._places:
            self._places[place] = BodyWriter(
                self.passages.programs, self.program, self.lives, self.lowering, place, section
            ).build()
        if key is not None:
            self._steady[key] = self._places[place]
        return self._places[place]

    def _one(self, before: tuple[Unit, ...]) -> tuple[Unit, ...]:
        """The one tuple that stands for all equal ones, so that it is known by its id."""
        return self._befores.setdefault(before, before)

    def _beyond(self, before: tuple[Unit, ...], lowered: Lowered) -> tuple[Unit, ...]:
        """What came before, seen from the body after the next one."""
        key = (id(before), id(lowered))
        if key not in self._nexts:
            self._nexts[key] = self._one(tuple(unit.shifted(1) for unit in (*before, lowered.unit)[1 - FAR_BODIES :]))
        return self._nexts[key]

    def _place(self, number: int, turn: Turn, context: Context, before: tuple[Unit, ...], *, resumes: bool) -> Place:
        first, last = number == 0, number == len(self.turns) - 1
        written = [*_nearer(context.inputs_written, number), *self._sections_written(number, before)]
        return Place(
            turn=turn._replace(part=self.alike[turn.part]) if turn.parts > 1 else turn, before=before,
            ready=(*context.gradients_after, *context.weights_come) if first else (),
            inputs_written=in_order(written), opens_section=turn.part == 0 and turn.section > 0,
            fetches=context.fetches if first else (),
            takes_gradients=number == self.first_own and context.accumulates_first and self.resident,
            resumes=resumes and not self.resident, closes=last and context.stores_gradients and self.resident,
        )  # fmt: skip

    def _sections_written(self, number: int, before: tuple[Unit, ...]) -> list[After]:
        """What earlier sections of this passage stored must be there before it is loaded."""
        if not self.program.reads_back:
            return []
        turn, _ = self.turns[number]
        found: list[After] = []
        for unit in before:
            earlier = number + unit.offset
            if earlier >= 0:
                other, _ = self.turns[earlier]
                if other.section < turn.section and (other.part == turn.part or other.parts != turn.parts):
                    found += unit.stores_end()
        return found


def _works(section: Section, phase: str) -> bool:
    """Whether some step of a section belongs to the pass itself (recomputation stands before it)."""
    return any((step.phase or phase) == phase for step in section.steps)


def _nearer(afters: Iterable[After], by: int) -> list[After]:
    """Seen from *by* bodies further on, those that may still be under way."""
    moved = [After(offset - by, task) for offset, task in afters]
    return [after for after in moved if after.offset > -FAR_BODIES]
