"""Full recomputation: a block's forward pass once more in front of its backward, as one program.

Forward stores only the block's input. Before the backward of a micro-batch the whole forward runs again, from that
input; what it makes for backward (the residuals) is *kept* in SRAM until backward has read it, or goes through DRAM
for this one micro-batch. Where it is kept, the last streaming section of the forward and the first of the backward are
one: a token tile goes forward and straight back, so most residuals stand for one token tile only.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from hecasim.parallel.program import RECOMPUTE, Program, Section, Step, Value
from hecasim.parallel.sharding import tensor_of

AGAIN = "again "
"""What a tensor of the second forward pass is called, so that it is not taken for one of the backward pass."""


def recomputing(forward: Program, backward: Program, residuals: Collection[str], kept: bool) -> Program:
    """*backward* with *forward* (which stores its *residuals*, by name) in front of it."""
    names = _Names(forward, residuals if kept else ())
    sections = [names.section(section) for section in forward.sections]
    if not kept:
        return replace(backward, sections=sections + backward.sections, reads_back=True)
    following = [
        replace(section, loads=[value for value in section.loads if value.name not in residuals])
        for section in backward.sections
    ]
    if sections[-1].tiled and following[0].tiled:
        following[0] = _one(sections.pop(), following[0])
    return replace(backward, sections=sections + following)


def can_keep(forward: Program, residuals: Collection[str]) -> bool:
    """Whether the forward pass makes every residual in the very layout in which backward reads it."""
    return set(residuals) <= {value.name for step in forward.steps for value in step.makes}


def _one(first: Section, second: Section) -> Section:
    return Section(True, first.waves + second.waves, first.loads + second.loads, first.stores + second.stores)


class _Names:
    """Names of the second forward pass: those of *kept* values stay, all others say that they are made again."""

    def __init__(self, program: Program, kept: Collection[str]) -> None:
        self.unchanged = {*kept, *(value.name for value in program.weights)}
        """Values that both passes share: those that are kept, and the weights as they rest."""
        values = [value for section in program.sections for value in section.loads]
        values += [value for step in program.steps for value in step.makes]
        self.of_tensor: dict[str, dict[str, None]] = {}
        """Tensor -> names of all its values."""
        for value in values:
            self.of_tensor.setdefault(tensor_of(value.name), {})[value.name] = None

    def section(self, section: Section) -> Section:
        """*section* under its new names; only values that are not kept are stored."""
        return Section(
            section.tiled,
            [tuple(self._step(step) for step in wave) for wave in section.waves],
            [self._value(value) for value in section.loads],
            [self._value(value) for value in section.stores if value.name not in self.unchanged],
        )

    def _step(self, step: Step) -> Step:
        reads = tuple(dict.fromkeys(new for name in step.reads for new in self._read(name)))
        return replace(step, phase=RECOMPUTE, reads=reads, makes=tuple(self._value(value) for value in step.makes))

    def _read(self, name: str) -> list[str]:
        """A value, or all that stand for the same tensor where *name* is a free slice of one."""
        known = self.of_tensor.get(tensor_of(name), {})
        if name in self.unchanged or not known:
            return [name]
        return [self._name(name)] if name in known else [self._name(other) for other in known]

    def _value(self, value: Value) -> Value:
        return replace(value, name=self._name(value.name))

    def _name(self, name: str) -> str:
        return name if name in self.unchanged else f"{AGAIN}{name}"
