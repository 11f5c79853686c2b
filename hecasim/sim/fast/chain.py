"""The longest chain of a folded run: why the step ended when it did, through all that was skipped.

A skipped stretch is a played one again: where the chain enters it at its end decides where it leaves it at its
beginning, and which task that is says where it enters the stretch before. So the chain of any number of equal periods
is walked on the one that was played; ways that come round again are not walked twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from numpy.typing import NDArray

Name = tuple[str, str]
Spans = Counter[Name]
NONE: Mapping[int, int] = {}


class Fold(NamedTuple):
    """A stretch of the engine's clock that happened so many times more, all of them at one picosecond of that clock."""

    begin_ps: int
    end_ps: int
    at_ps: int
    times: int
    within: range
    """The folds between its beginning and its end, by number."""
    twins: Mapping[int, int]
    """Causes known at its beginning, and the same ones where it began again."""
    entries: Mapping[int, int] = {}
    """Causes known where it had happened again, and the same ones at its end; others are the same in both places."""
    moves: Mapping[int, int] = {}
    """Of a stretch that drifts: how much later each of its causes is in every further period, where that is not 0."""


class Causes:
    """The causes that a run has left, and what to call their tasks."""

    def __init__(self, table: NDArray[Any], names: Sequence[Name]) -> None:
        self.released = table["released_ps"]
        self.before = table["before"]
        self.task = table["task"]
        self.names = names


class _Walk(NamedTuple):
    """A stretch of the chain: what it spent, and the cause and end at which it goes on."""

    spans: Spans
    cause: int
    end_ps: int


class Chain:
    """Walks from the end of the step to its beginning."""

    def __init__(self, causes: Causes, folds: Sequence[Fold]) -> None:
        self.causes, self.folds = causes, folds
        self._known: dict[tuple[int, int, int], _Walk] = {}

    def walk(
        self, cause: int, end_ps: int, floor_ps: int, folds: range, moves: Mapping[int, int] = NONE, turn: int = 0
    ) -> _Walk:
        """From *end_ps* back to the cause that was released by *floor_ps*, through *folds*.

        With *moves* in the *turn*-th period after the one that was played.
        """
        spans: Spans = Counter()
        while cause >= 0:
            released = int(self.causes.released[cause]) + turn * moves.get(cause, 0)
            if folds and self.folds[folds[-1]].at_ps >= released:
                cause, end_ps = self._repeat(folds[-1], cause, end_ps, spans)
                folds = folds[:-1]
                continue
            if released <= floor_ps:
                break
            spans[self.causes.names[int(self.causes.task[cause])]] += end_ps - released
            cause, end_ps = int(self.causes.before[cause]), released
        return _Walk(spans, cause, end_ps)

    def _repeat(self, number: int, cause: int, end_ps: int, spans: Spans) -> tuple[int, int]:
        """Through all skipped periods of a fold: adds what they spend, says where the chain goes on."""
        fold = self.folds[number]
        beyond, left, cause = end_ps - fold.at_ps, fold.times, fold.entries.get(cause, cause)
        if fold.moves:
            return self._drift(fold, cause, beyond, spans)
        passed: dict[tuple[int, int], int] = {}
        steps: list[Spans] = []
        while left and cause >= 0:
            if (cause, beyond) in passed:  # round again: as often as it fits
                way = steps[passed[cause, beyond] :]
                for step in way:
                    for name, spent in step.items():
                        spans[name] += spent * (left // len(way))
                left %= len(way)
                passed.clear()
                if not left:
                    break
            passed[cause, beyond] = len(steps)
            found = self._period(number, cause, beyond)
            steps.append(found.spans)
            spans.update(found.spans)
            beyond = found.end_ps - fold.begin_ps
            cause = fold.twins[found.cause] if found.cause >= 0 else -1
            left -= 1
        return cause, fold.at_ps + beyond

    def _drift(self, fold: Fold, cause: int, beyond: int, spans: Spans) -> tuple[int, int]:
        """The same where no period equals another one."""
        for turn in range(fold.times, 0, -1):
            if cause < 0:
                break
            found = self.walk(cause, fold.end_ps + beyond, fold.begin_ps, range(0), fold.moves, turn)
            spans.update(found.spans)
            beyond = found.end_ps - fold.begin_ps
            cause = fold.twins[found.cause] if found.cause >= 0 else -1
        return cause, fold.at_ps + beyond

    def _period(self, number: int, cause: int, beyond: int) -> _Walk:
        key = (number, cause, beyond)
        if key not in self._known:
            fold = self.folds[number]
            self._known[key] = self.walk(cause, fold.end_ps + beyond, fold.begin_ps, fold.within)
        return self._known[key]


def chain(causes: Causes, last: int, end_ps: int, folds: Sequence[Fold]) -> dict[Name, int]:
    """Picoseconds of each task on the chain that led to the end of the step; *folds* in the order of their places."""
    return dict(Chain(causes, folds).walk(last, end_ps, -1, range(len(folds))).spans)
