"""A pass under construction: its sections so far, and what has been exchanged in it already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hecasim.parallel.layout import Layout
from hecasim.parallel.program import ExchangeStep, Program, Section, Step
from hecasim.parallel.reshard import Exchange, Group, exchanges
from hecasim.parallel.sharding import Sharding, value_name
from hecasim.workload.operators import Level, Operand, Operator


class Wish(NamedTuple):
    """A tensor, or its gradient, that stands in one layout and is needed in another."""

    tensor: str
    have: Layout
    want: Layout
    gradient: bool = False


class Walk:
    """Goes through the levels of a block in one pass and writes its program, wave by wave."""

    def __init__(self, sharding: Sharding, phase: str) -> None:
        setting = sharding.setting
        self.sharding = sharding
        self.program = Program(sharding.block.kind, phase, [], rounds=setting.method.rounds, panels=setting.chunks)
        self._brought: dict[tuple[str, bool], dict[Layout, None]] = {}

    def enter(self, level: Level) -> None:
        """Core attention needs all tokens at once; every other level streams, and neighbours share a section.

        In the layerwise schedule every level is a section of its own.
        """
        tiled = not any(operator.is_core for operator in level)
        if self.sharding.setting.layerwise:
            self.program.sections.append(Section(tiled))
        self.enter_section(tiled)

    def enter_section(self, tiled: bool) -> None:
        if not self.program.sections or self.program.sections[-1].tiled != tiled:
            self.program.sections.append(Section(tiled))

    def add(self, *steps: Step) -> None:
        """One wave: these steps may run side by side."""
        if steps:
            self.program.sections[-1].waves.append(steps)

    def note(self, tensor: str, layout: Layout) -> None:
        """A tensor stands in *layout* without having been brought there."""
        self._brought.setdefault((tensor, False), {})[layout] = None

    def bring_operands(self, operands: Iterable[tuple[Operator, Operand]]) -> None:
        """Move tensors from where they rest to where these operators need them."""
        rest, need = self.sharding.rest, self.sharding.need
        self.bring(
            [Wish(operand.tensor, rest[operand.tensor], need(operator, operand)) for operator, operand in operands]
        )

    def bring(self, wishes: Sequence[Wish]) -> None:
        """Fulfil wishes, each tensor and layout once; moves of one stage, kind and group are one collective."""
        stages: list[dict[tuple[str, Group], list[tuple[Wish, Exchange]]]] = []
        for wish in wishes:
            known = self._brought.setdefault((wish.tensor, wish.gradient), {})
            if wish.want in known or wish.want == wish.have:
                continue
            known[wish.want] = None
            for stage, move in enumerate(exchanges(wish.have, wish.want, self.sharding.axes)):
                if stage == len(stages):
                    stages.append({})
                stages[stage].setdefault((move.kind, move.group), []).append((wish, move))
        for moves_of in stages:
            self.add(*(self._collective(kind, group, moves) for (kind, group), moves in moves_of.items()))

    def _collective(self, kind: str, group: Group, moves: Sequence[tuple[Wish, Exchange]]) -> ExchangeStep:
        sharding = self.sharding
        names = "+".join(f"{'d ' if wish.gradient else ''}{wish.tensor}" for wish, _ in moves)
        return ExchangeStep(
            kind=kind,
            group=group,
            label=f"{kind} {names}",
            moved=tuple(
                sharding.amount(wish.tensor, move.after if kind == "reduce_scatter" else move.before)
                for wish, move in moves
            ),
            reads=tuple(value_name(wish.tensor, move.before, wish.gradient) for wish, move in moves),
            makes=tuple(sharding.value(wish.tensor, move.after, wish.gradient) for wish, move in moves),
        )
