"""The rows of layers.csv while a step is played: noted task by task, and repeated where whole periods are skipped."""

from __future__ import annotations

from dataclasses import replace

from hecasim.trace.log import LayerRow, Log
from hecasim.trace.play import Repetition, series
from hecasim.trace.task import COLLECTIVE, COMPUTE, Task

Key = tuple[int, str, str]
"""Layer, phase and block."""
Page = dict[Key, LayerRow]


class Rows:
    """Adds to the rows of a Log, and remembers since when, so that a stretch of the step can be repeated."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self._pages: list[Page] = [{}]

    def note(
        self, layer: int, task: Task, start_ps: int, end_ps: int, compute_ps: int = 0, flops: int = 0, sent: int = 0
    ) -> None:
        """A task of the first micro-batch has ended everywhere."""
        lasts = end_ps - start_ps
        nop_ps = lasts if task.kind == COLLECTIVE else 0
        dram_ps = lasts if task.kind not in (COLLECTIVE, COMPUTE) else 0
        row = LayerRow(start_ps, end_ps, compute_ps, nop_ps, dram_ps, flops, sent)
        _add(self._pages[-1], (layer, task.phase, task.block), row)

    def mark(self) -> int:
        """A place from which a repetition may begin."""
        page = self._pages[-1]
        for key, row in page.items():
            _add(self.log.layers, key, row)
        if page:
            self._pages.append({})
        return len(self._pages) - 1

    def repeat(self, since: int, how: Repetition, later_ps: int, until: int | None = None) -> None:
        """What was noted since a mark (until another) happens again, *later_ps* later each time.

        Other micro-batches have no rows.
        """
        self.mark()
        if how.micro_batches:
            return
        times, layers = how.times, how.layers
        stretch, page = self._stretch(since, until), self._pages[-1]
        for (layer, phase, block), row in stretch.items():
            if layers:
                for turn in range(1, times + 1):
                    _add(page, (layer + turn * layers, phase, block), _moved(row, turn * later_ps))
            else:
                many = LayerRow(
                    row.start_ps + later_ps, row.end_ps + times * later_ps,
                    *(times * count for count in _sums(row)),
                )  # fmt: skip
                _add(page, (layer, phase, block), many)
        self.mark()

    def drift(self, since: int, between: int, how: Repetition) -> None:
        """What was noted since the second of two marks happens again, but for what it has moved since the first.

        Each time everything moves as much again, in one layer.
        """
        self.mark()
        if how.micro_batches:
            return
        before, times = self._stretch(since, between), how.times
        page = self._pages[-1]
        for key, row in self._stretch(between, None).items():
            earlier = before[key]
            sums = [series(count, count - counted, times)
                    for count, counted in zip(_sums(row), _sums(earlier), strict=True)]  # fmt: skip
            start, end = 2 * row.start_ps - earlier.start_ps, row.end_ps + times * (row.end_ps - earlier.end_ps)
            _add(page, key, LayerRow(start, end, *sums))
        self.mark()

    def _stretch(self, since: int, until: int | None) -> Page:
        """All that was noted between two marks."""
        stretch: Page = {}
        for page in self._pages[since:until]:
            for key, row in page.items():
                _add(stretch, key, row)
        return stretch


def _sums(row: LayerRow) -> tuple[int, ...]:
    return row.compute_ps, row.nop_ps, row.dram_ps, row.flops, row.nop_bytes


def _moved(row: LayerRow, by_ps: int) -> LayerRow:
    return replace(row, start_ps=row.start_ps + by_ps, end_ps=row.end_ps + by_ps)


def _add(page: Page, key: Key, row: LayerRow) -> None:
    known = page.get(key)
    if known is None:
        page[key] = replace(row)
        return
    known.start_ps = min(known.start_ps, row.start_ps)
    known.end_ps = max(known.end_ps, row.end_ps)
    known.compute_ps += row.compute_ps
    known.nop_ps += row.nop_ps
    known.dram_ps += row.dram_ps
    known.flops += row.flops
    known.nop_bytes += row.nop_bytes
