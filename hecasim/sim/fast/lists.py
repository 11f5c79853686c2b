"""Rows of numbers one behind another, in one array that records point into."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


class Lists:
    """The rows written so far; equal short ones are written once."""

    def __init__(self) -> None:
        self._numbers = array("q")
        self._known: dict[tuple[int, ...], int] = {}

    @property
    def length(self) -> int:
        """How many numbers stand there."""
        return len(self._numbers)

    def add(self, numbers: Sequence[int] | Numbers) -> int:
        """Write a row; where it begins."""
        begins = len(self._numbers)
        self._numbers.extend(numbers)
        return begins

    def span(self, numbers: Sequence[int] | Numbers) -> tuple[int, int]:
        """Write a row; where it begins and ends."""
        return self.add(numbers), self.length

    def once(self, numbers: Iterable[int]) -> int:
        """Where such a row begins; written if there is none."""
        key = tuple(numbers)
        if key not in self._known:
            self._known[key] = self.add(key)
        return self._known[key]

    def spans(self, rows: Sequence[Sequence[int]]) -> int:
        """Write rows one behind another, then where each begins and, last, where all end; where these stand."""
        bounds = [self.length]
        for row in rows:
            self.add(row)
            bounds.append(self.length)
        return self.add(bounds)

    def whole(self) -> Numbers:
        """All of it."""
        return np.array(self._numbers or (0,), dtype=np.int64)


def records(kind: np.dtype[Any], rows: Sequence[Sequence[int]]) -> NDArray[Any]:
    """Records of a kind from their fields in order; at least one, so that no table is empty."""
    if not len(rows):
        return np.zeros(1, dtype=kind)
    return np.array(rows, dtype=np.int64).view(kind).reshape(-1)
