"""Sizes of messages and transfers: how each is cut into segments, and how long each cut keeps a lane."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hecasim.mapping.wiring import LaneSpec
from hecasim.sim.fast.lists import Numbers
from hecasim.sim.lane import Span, segments_of, serialisation_ps


class Sizes:
    """Numbers for sizes and cuts; equal cuts are one."""

    def __init__(self, segment_bytes: int, lanes: Sequence[LaneSpec]) -> None:
        self.segment_bytes = segment_bytes
        self.rates = list(dict.fromkeys(lane.bytes_per_s for lane in lanes))
        self.rate_of = {rate: number for number, rate in enumerate(self.rates)}
        self.rows: list[tuple[int, int, int]] = []
        """(first cut, cuts, bytes) by number."""
        self._numbers: dict[int, int] = {}
        self._spans: list[Span] = []

    def of(self, size_bytes: int) -> int:
        """The number of a size."""
        number = self._numbers.get(size_bytes)
        if number is None:
            number = self._numbers[size_bytes] = len(self.rows)
            spans = segments_of(size_bytes, self.segment_bytes)
            self.rows.append((len(self._spans), len(spans), size_bytes))
            self._spans += spans
        return number

    def cuts(self, number: int) -> int:
        """How many segments a size is cut into."""
        return self.rows[number][1]

    def row(self, sizes_bytes: Sequence[int]) -> list[int]:
        """The numbers of sizes, -1 for nothing."""
        return [self.of(size) if size else -1 for size in sizes_bytes]

    def cut_bytes(self) -> Numbers:
        """Bytes of every cut."""
        return np.array([end - first for first, end in self._spans] or [0], dtype=np.int64)

    def holds(self) -> Numbers:
        """(cut, rate) -> how long it keeps a lane, in ps."""
        found = [[serialisation_ps(span, rate) for rate in self.rates] for span in self._spans]
        return np.array(found or [[0] * max(1, len(self.rates))], dtype=np.int64).reshape(-1, max(1, len(self.rates)))
