"""Long rows of numbers written short: what repeats is written once, with how often.

In a row of sizes `[value, times]` stands for so many equal values, and `[[...], times]` for a whole pattern; in a row
of micro-batches `[first, count]` stands for so many numbers that count up.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from hecasim.trace.checking import LARGEST_NUMBER, Fault, items, refuse, whole

SHORTEST_RUN = 3


def written(values: Sequence[int]) -> list[Any]:
    """Numbers as they stand in the file, equal ones and whole patterns together."""
    count = len(values)
    for period in range(2, count // 2 + 1):
        if (
            count % period == 0
            and values[period] == values[0]
            and tuple(values[:period]) * (count // period) == tuple(values)
        ):
            return _runs(values) if len(set(values)) == 1 else [[_runs(values[:period]), count // period]]
    return _runs(values)


def _runs(values: Sequence[int]) -> list[Any]:
    made: list[Any] = []
    for value, run in groupby(values):
        times = len(list(run))
        made += [[value, times]] if times >= SHORTEST_RUN else [value] * times
    return made


def read(value: object, most: int, high: int, inside: bool = False) -> tuple[int, ...]:
    """The numbers of a written row: at most *most* of them, each from 0 to *high*."""
    made: list[int] = []
    for at, one in enumerate(items(value)):
        try:
            if isinstance(one, list):
                what, times = _pair(one, most)
                if isinstance(what, list) and not inside:
                    pattern = list(read(what, most, high, inside=True))
                else:
                    pattern = [whole(what, 0, high)]
                _room(len(made) + len(pattern) * times, most)
                made += pattern * times
            else:
                made.append(whole(one, 0, high))
        except Fault as fault:
            raise fault.below(f"[{at}]") from None
        _room(len(made), most)
    return tuple(made)


def counted(values: Sequence[int]) -> list[Any]:
    """Numbers as they stand in the file, those that count up together."""
    made: list[Any] = []
    for _, run in groupby(enumerate(values), key=lambda item: item[1] - item[0]):
        numbers = [number for _, number in run]
        made += [[numbers[0], len(numbers)]] if len(numbers) >= SHORTEST_RUN else numbers
    return made


def read_counted(value: object, most: int) -> tuple[int, ...]:
    """The numbers of a row that may count up: at most *most* of them."""
    made: list[int] = []
    for at, one in enumerate(items(value, 1)):
        try:
            if isinstance(one, list):
                first, times = _pair(one, most)
                _room(len(made) + times, most)
                made += range(whole(first), first + times)
            else:
                made.append(whole(one))
        except Fault as fault:
            raise fault.below(f"[{at}]") from None
        _room(len(made), most)
    return tuple(made)


def _pair(value: list[Any], most: int) -> tuple[Any, int]:
    if len(value) != 2:
        refuse(value, "a number, or [value, times]")
    if type(value[1]) is int and value[1] > most:
        _room(value[1], most)
    return value[0], whole(value[1], 1, LARGEST_NUMBER)


def _room(count: int, most: int) -> None:
    if count > most:
        raise Fault("", f"found at least {count} numbers; expected at most {most}")
