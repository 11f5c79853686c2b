"""When each value of a body takes SRAM and when it gives it back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from hecasim.parallel.program import ExchangeStep, NestStep, Program, Step, Value


class Buffer(NamedTuple):
    """Bytes of SRAM of one class, per tile: weights, gradients, activations or gathered."""

    kind: str
    size_bytes: int


def tensor_of(name: str) -> str:
    """The tensor (or gradient) of a value's name, without its layout."""
    return name.split(" [")[0]


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
    if not values:
        return 0
    total = values[0].amount.bytes()
    for value in values[1:]:
        total = total + value.amount.bytes()
    return int(total.max())


class Lives:
    """When each value of a body takes SRAM and when it gives it back.

    A value that waits for a later section waits as one slice per copy: a residual that every tile holds
    is kept as 1/N and added before the sums are spread.
    """

    def __init__(self, program: Program, token_tiles: int) -> None:
        self.program, self.token_tiles = program, token_tiles
        self.window = _windows(program)
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

    def _bytes(self, value: Value, number: int, part: int, parts: int) -> int:
        """Largest tile's bytes of a value; of one that passes in rounds only two panels are held."""
        size, members = int(value.amount.bytes(part, parts).max()), self.window.get(value.name, 1)
        return size if members <= 2 else -(-2 * size // members)

    def _slice(self, value: Value, size: int) -> int:
        return -(-size // value.layout.copies)

    def take(self, value: Value, number: int, part: int, parts: int) -> Buffer:
        return Buffer(_buffer_kind(value), self._bytes(value, number, part, parts))

    def stored(self, value: Value, number: int, part: int, parts: int) -> Buffer:
        """What the end of a store gives back, if nothing reads the value later."""
        here = self.last_section.get(value.name) == number
        known = value.name in self.values
        return Buffer(_buffer_kind(value), self._bytes(value, number, part, parts) if here and known else 0)

    def step(self, step: Step, number: int, part: int, parts: int) -> tuple[tuple[Buffer, ...], tuple[Buffer, ...]]:
        takes = [Buffer(_buffer_kind(value), self._taken(value, step, number, part, parts)) for value in step.makes]
        waves = self.program.sections[number].waves
        place = next(index for index, wave in enumerate(waves) if any(step is other for other in wave))
        gives = []
        for name in dict.fromkeys(held for read in step.reads for held in self._held(read)):
            value = self.values[name]
            if self.readers.get((number, name)) != place or not self._first_reader(name, place, number, step):
                continue
            gives += self._gives(value, number, part, parts)
        for value in step.makes:
            if value.name not in self.last_section:  # nobody reads it: the space is only a landing place
                gives.append(Buffer(_buffer_kind(value), self._bytes(value, number, part, parts)))
        return _joined(takes), _joined(gives)

    def _taken(self, value: Value, step: Step, number: int, part: int, parts: int) -> int:
        """New space of a made value: none where it adds in place, the rest of it where a slice has waited."""
        if self.maker[(number, value.name)] is not step:
            return 0
        size = self._bytes(value, number, part, parts)
        born, last = self.made_in[value.name], self.last_section.get(value.name, number)
        if number != born:
            return size - self._slice(value, size)
        if last != born and (number, value.name) not in self.readers:
            return self._slice(value, size)
        return size

    def _first_reader(self, name: str, place: int, number: int, step: Step) -> bool:
        """Two steps of one wave may read a value; the first of them gives it back."""
        wave = self.program.sections[number].waves[place]
        return next(other for other in wave if any(name in self._held(read) for read in other.reads)) is step

    def _gives(self, value: Value, number: int, part: int, parts: int) -> list[Buffer]:
        kind, born, last = _buffer_kind(value), self.made_in[value.name], self.last_section[value.name]
        crosses = last != born
        if number == last:
            if self.program.sections[number].tiled or self.program.sections[born].tiled is False:
                size = self._bytes(value, number, part, parts)
            else:  # made tile by tile, used as a whole
                size = sum(
                    self._waiting(value, born, tile) for tile in range(self.token_tiles)
                )
                return [Buffer(kind, size)]
            return [Buffer(kind, self._slice(value, size) if crosses else size)]
        if number == born and crosses:  # from here on it waits as a slice
            size = self._bytes(value, number, part, parts)
            return [Buffer(kind, size - self._slice(value, size))]
        return []

    def _waiting(self, value: Value, born: int, tile: int) -> int:
        return self._slice(value, self._bytes(value, born, tile, self.token_tiles))


def _windows(program: Program) -> dict[str, int]:
    """Values that are gathered, or made and scattered, in rounds: name -> panels they come in.

    A tile of a round travels in `panels` chunks; the product takes them up as they come, two at a time.
    """
    found: dict[str, int] = {}
    for step in program.steps if program.rounds else ():
        if isinstance(step, ExchangeStep) and step.kind in ("all_gather", "reduce_scatter"):
            members = math.prod(atom.size for atom in step.group)
            whole = [value.name for value in step.makes] if step.kind == "all_gather" else step.reads
            found |= dict.fromkeys(whole, members * program.panels)
    return found


def _buffer_kind(value: Value) -> str:
    return "gathered" if value.layout.partial or value.layout.copies > 1 else "activations"


def _joined(buffers: Sequence[Buffer]) -> tuple[Buffer, ...]:
    sizes: dict[str, int] = {}
    for kind, size in buffers:
        sizes[kind] = sizes.get(kind, 0) + size
    return tuple(Buffer(kind, size) for kind, size in sizes.items() if size)
