"""When each value of a body takes SRAM and when it gives it back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from hecasim.parallel.layout import Counts
from hecasim.parallel.program import ExchangeStep, NestStep, Program, Section, Step, Value, Wave, total_bytes
from hecasim.parallel.reshard import group_size
from hecasim.parallel.sharding import tensor_of


class Buffer(NamedTuple):
    """Bytes of SRAM of one class, per tile: weights, gradients, activations or gathered."""

    kind: str
    size_bytes: int


class Space(NamedTuple):
    """What a step takes when it starts and gives back when it ends; *in place* it gives back first."""

    takes: tuple[Buffer, ...]
    gives: tuple[Buffer, ...]
    in_place: bool


Alike = int | tuple[bool, ...]
"""Equal for token tiles of equal sizes (see Lives)."""


class Turn(NamedTuple):
    """One token tile's turn in one section: token tile `part` of `parts` (0 of 1 where all tokens go at once)."""

    section: int
    part: int
    parts: int


def turns(program: Program, token_tiles: int) -> Iterator[tuple[Turn, Section]]:
    """The turns of one passage, in order."""
    for number, section in enumerate(program.sections):
        parts = token_tiles if section.tiled else 1
        for part in range(parts):
            yield Turn(number, part, parts), section


def first_alike(program: Program, token_tiles: int) -> tuple[int, ...]:
    """For each token tile the first one that is as large: where tokens do not divide, tiles differ by one token."""
    ends = {0}
    for section in program.sections:
        if section.tiled:
            for tokens in _token_counts(section):
                ends.update(np.unique(tokens % token_tiles).tolist())
    found, first = [], 0
    for part in range(token_tiles):
        first = part if part in ends else first
        found.append(first)
    return tuple(found)


def _token_counts(section: Section) -> Iterator[Counts]:
    """Tokens on every tile of all that token tiles cut in a section."""
    values = [*section.loads, *section.stores, *(value for step in section.steps for value in step.makes)]
    amounts = [value.amount for value in values]
    for step in section.steps:
        if isinstance(step, NestStep):
            amounts += [load.amount for load in step.vectors]
            yield from ({"m": gemm.m, "n": gemm.n, "k": gemm.k}[gemm.tiled] for gemm in step.gemms if gemm.tiled)
        else:
            amounts += step.moved
    yield from (amount.tokens for amount in amounts if amount.tokens is not None)


RESIDUALS = ("x", "again x", "d x")
"""A residual that every tile holds may wait as one slice each: it is added before the sums are spread."""


def in_place(step: Step) -> bool:
    """Whether a step gives back what it reads before it takes what it makes.

    Elementwise passes, all-reduces and all-to-alls overwrite what they read. So does core attention, the one nest whose
    products token tiles do not cut: the context replaces Q, and in backward dQ replaces dO while Q and O pass through.
    """
    if isinstance(step, NestStep):
        return all(gemm.tiled is None for gemm in step.gemms)
    return step.kind in ("all_reduce", "all_to_all")


def weight_bytes(values: Sequence[Value]) -> int:
    """Largest tile's bytes of some weights or weight gradients."""
    return int(total_bytes(values).max()) if values else 0


class Lives:
    """When each value of a body takes SRAM and when it gives it back.

    A residual that waits for a later section waits as one slice per copy (see RESIDUALS).
    """

    def __init__(self, program: Program, token_tiles: int) -> None:
        self.program, self.token_tiles = program, token_tiles
        self.window = _windows(program)
        self.known_bytes: dict[tuple[str, int, Alike], int] = {}
        self.known_spaces: dict[tuple[int, int, int, Alike], Space] = {}
        self.last_section: dict[str, int] = {}
        self.readers: dict[tuple[int, str], int] = {}
        self.values: dict[str, Value] = {}
        self.made_in: dict[str, int] = {}
        self.maker: dict[tuple[int, str], Step] = {}
        """First step of a section that makes (or adds to) a value."""
        for number, section in enumerate(program.sections):
            for value in section.loads:
                self._born(value, number)
            for wave in section.waves:
                for step in wave:
                    for value in step.makes:
                        self._born(value, number)
                        self.maker.setdefault((number, value.name), step)
        for number, section in enumerate(program.sections):
            for place, wave in enumerate(section.waves):
                for step in wave:
                    for name in step.reads:
                        self._read(name, number, place)
            for value in section.stores:
                self._read(value.name, number, len(section.waves))

        tokens = [value.amount.tokens for value in self.values.values() if value.amount.tokens is not None]
        self.even = all(bool((counts == counts[0]).all()) for counts in tokens)
        """Whether all tiles hold equally many tokens of each value: then most token tiles are alike."""
        self.lengths = sorted({int(counts[0]) for counts in tokens})

    def _alike(self, part: int, parts: int) -> Alike:
        """Equal for token tiles of which every value has equally many bytes."""
        return tuple(part < length % parts for length in self.lengths) if self.even else part

    def _born(self, value: Value, number: int) -> None:
        self.values.setdefault(value.name, value)
        self.made_in.setdefault(value.name, number)

    def _read(self, name: str, number: int, place: int) -> None:
        for held in self._held(name):
            if self.made_in[held] <= number:
                self.last_section[held] = max(number, self.last_section.get(held, 0))
                self.readers[(number, held)] = place

    def _held(self, name: str) -> list[str]:
        """The value itself, or, where a slice of it is free, whatever stands for the same tensor."""
        if name in self.values:
            return [name]
        return [held for held in self.values if tensor_of(held) == tensor_of(name)]

    def _bytes(self, value: Value, part: int, parts: int) -> int:
        """Largest tile's bytes of a value; of one that passes in rounds only two panels are held."""
        key = (value.name, parts, self._alike(part, parts))
        if key not in self.known_bytes:
            size, members = int(value.amount.bytes(part, parts).max()), self.window.get(value.name, 1)
            self.known_bytes[key] = size if members <= 2 else -(-2 * size // members)
        return self.known_bytes[key]

    def take(self, value: Value, turn: Turn) -> Buffer:
        """The space that a load of *value* fills."""
        return Buffer(_buffer_kind(value), self._bytes(value, turn.part, turn.parts))

    def stored(self, value: Value, turn: Turn) -> Buffer:
        """What the end of a store gives back, if nothing reads the value later."""
        here = self.last_section.get(value.name) == turn.section
        known = value.name in self.values
        return Buffer(_buffer_kind(value), self._bytes(value, turn.part, turn.parts) if here and known else 0)

    def step(self, step: Step, turn: Turn) -> Space:
        """What a step takes when it starts and gives back when it ends."""
        key = (id(step), turn.section, turn.parts, self._alike(turn.part, turn.parts))
        if key not in self.known_spaces:
            self.known_spaces[key] = self._space(step, turn)
        return self.known_spaces[key]

    def _space(self, step: Step, turn: Turn) -> Space:
        """What a step takes and gives back.

        What nobody reads only needs a landing place: on what a step in place has read, if there is room, else its own.
        """
        takes = [Buffer(_buffer_kind(value), self._taken(value, step, turn)) for value in step.makes
                 if value.name in self.last_section]  # fmt: skip
        waves = self.program.sections[turn.section].waves
        place = next(index for index, wave in enumerate(waves) if any(step is other for other in wave))
        gives = []
        for name in dict.fromkeys(held for read in step.reads for held in self._held(read)):
            if self.readers.get((turn.section, name)) == place and self._first_reader(name, waves[place]) is step:
                gives += self._gives(self.values[name], turn)
        landing = [Buffer(_buffer_kind(value), self._bytes(value, turn.part, turn.parts)) for value in step.makes
                   if value.name not in self.last_section]  # fmt: skip
        if in_place(step) and _total(landing) <= _total(gives) - _total(takes):
            return Space(_joined(takes), _joined(gives), in_place=True)
        return Space(_joined(takes + landing), _joined(gives + landing), in_place(step) and not landing)

    def _taken(self, value: Value, step: Step, turn: Turn) -> int:
        """New space of a made value: none where it adds in place, the rest of it where a slice has waited."""
        number = turn.section
        if self.maker[(number, value.name)] is not step:
            return 0
        size = self._bytes(value, turn.part, turn.parts)
        born, last = self.made_in[value.name], self.last_section.get(value.name, number)
        if number != born:
            return size - _slice(value, size)
        if last != born and (number, value.name) not in self.readers:
            return _slice(value, size)
        return size

    def _first_reader(self, name: str, wave: Wave) -> Step:
        """Two steps of one wave may read a value; the first of them gives it back."""
        return next(step for step in wave if any(name in self._held(read) for read in step.reads))

    def _gives(self, value: Value, turn: Turn) -> list[Buffer]:
        """What is free once the last reader of *value* in this section has ended."""
        kind, born, last = _buffer_kind(value), self.made_in[value.name], self.last_section[value.name]
        sections, size = self.program.sections, self._bytes(value, turn.part, turn.parts)
        if turn.section == last:
            if sections[born].tiled and not sections[last].tiled:  # made tile by tile, used as a whole
                tiles = range(self.token_tiles)
                waiting = sum(_slice(value, self._bytes(value, tile, self.token_tiles)) for tile in tiles)
                return [Buffer(kind, waiting)]
            return [Buffer(kind, size if last == born else _slice(value, size))]
        if turn.section == born:  # from here on it waits as a slice
            return [Buffer(kind, size - _slice(value, size))]
        return []


def _windows(program: Program) -> dict[str, int]:
    """Values that are gathered, or made and scattered, in rounds: name -> panels they come in.

    A tile of a round travels in `panels` chunks; the product takes them up as they come, two at a time.
    """
    found: dict[str, int] = {}
    for step in program.steps if program.rounds else ():
        if isinstance(step, ExchangeStep) and step.kind in ("all_gather", "reduce_scatter"):
            members = group_size(step.group)
            whole = [value.name for value in step.makes] if step.kind == "all_gather" else step.reads
            found |= dict.fromkeys(whole, members * program.panels)
    return found


def _slice(value: Value, size: int) -> int:
    """What waits of a value between sections: of a residual one part per copy, of anything else the whole."""
    return -(-size // value.layout.copies) if tensor_of(value.name) in RESIDUALS else size


def _buffer_kind(value: Value) -> str:
    return "gathered" if value.layout.partial or value.layout.copies > 1 else "activations"


def _total(buffers: Sequence[Buffer]) -> int:
    return sum(buffer.size_bytes for buffer in buffers)


def _joined(buffers: Sequence[Buffer]) -> tuple[Buffer, ...]:
    sizes: dict[str, int] = {}
    for kind, size in buffers:
        sizes[kind] = sizes.get(kind, 0) + size
    return tuple(Buffer(kind, size) for kind, size in sizes.items() if size)
