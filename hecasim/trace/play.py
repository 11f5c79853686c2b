"""The order of play: which body follows which, written as runs inside passages, so that no list grows with tokens.

A *passage* is one micro-batch through one block in one pass: runs of equal bodies, one body per token tile. A step
plays passages one after another; the bodies of the whole step are a sequence that is looked up, never stored.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple, overload


class Body(NamedTuple):
    """One place in the step: which kind, which layer (-1 embedding, L head), micro-batch and token tile.

    `token_tile` counts the bodies of a passage from 0.
    """

    kind: int
    layer: int
    micro_batch: int
    token_tile: int = 0


class Run(NamedTuple):
    """A kind of body, so many times in a row."""

    kind: int
    times: int


class Play(NamedTuple):
    """One passage of the step, by number, for one layer and micro-batch."""

    passage: int
    layer: int
    micro_batch: int


class Repetition(NamedTuple):
    """A stretch of bodies happens so many times more, each time so many layers and micro-batches further on."""

    times: int
    layers: int
    micro_batches: int


Passage = tuple[Run, ...]


def series(growth: Any, change: Any, times: int) -> Any:
    """What grows by *growth* in one period and by *change* more in each further one, after so many further ones."""
    return times * growth + change * (times * (times + 1) // 2)


def runs_of(kinds: Sequence[int]) -> Passage:
    """The shortest runs that play *kinds* in order."""
    runs: list[Run] = []
    for kind in kinds:
        if runs and runs[-1].kind == kind:
            runs[-1] = Run(kind, runs[-1].times + 1)
        else:
            runs.append(Run(kind, 1))
    return tuple(runs)


class Order(Sequence[Body]):
    """All bodies of a step in order, looked up from its plays."""

    def __init__(self, passages: Sequence[Passage], plays: Sequence[Play]) -> None:
        self.passages, self.plays = tuple(passages), tuple(plays)
        self._run_starts = [[0, *accumulate(run.times for run in passage)] for passage in self.passages]
        self._starts = [0, *accumulate(self._run_starts[play.passage][-1] for play in self.plays)]

    def __len__(self) -> int:
        return self._starts[-1]

    @overload
    def __getitem__(self, index: int) -> Body: ...
    @overload
    def __getitem__(self, index: slice) -> list[Body]: ...
    def __getitem__(self, index: int | slice) -> Body | list[Body]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(f"body {index} of a step of {len(self)}")
        number = bisect_right(self._starts, place) - 1
        play, part = self.plays[number], place - self._starts[number]
        run = bisect_right(self._run_starts[play.passage], part) - 1
        return Body(self.passages[play.passage][run].kind, play.layer, play.micro_batch, part)

    def __iter__(self) -> Iterator[Body]:
        for play in self.plays:
            part = 0
            for kind, times in self.passages[play.passage]:
                for _ in range(times):
                    yield Body(kind, play.layer, play.micro_batch, part)
                    part += 1

    def __eq__(self, other: object) -> bool:
        """Whether two orders play the same passages alike."""
        return isinstance(other, Order) and (self.passages, self.plays) == (other.passages, other.plays)

    def __hash__(self) -> int:
        return hash((self.passages, self.plays))

    def counts(self, kinds: int) -> list[int]:
        """How often each of *kinds* kinds is played."""
        played = [0] * len(self.passages)
        for play in self.plays:
            played[play.passage] += 1
        found = [0] * kinds
        for passage, times in zip(self.passages, played, strict=True):
            for run in passage:
                found[run.kind] += run.times * times
        return found

    def alike(self, first: int, second: int) -> int:
        """How many bodies from *second* on are of the kinds that follow *first* (first < second), run by run."""
        ahead, behind = self._cursor(second), self._cursor(first)
        found, here, there = 0, next(ahead, None), next(behind, None)
        while here is not None and there is not None and here.kind == there.kind:
            step = min(here.times, there.times)
            found += step
            here = Run(here.kind, here.times - step) if here.times > step else next(ahead, None)
            there = Run(there.kind, there.times - step) if there.times > step else next(behind, None)
        return found

    def repeats(self, first: int, second: int, under_way: int = 0) -> Repetition:
        """How often the bodies between two places are of the kinds that follow them again, each time evenly on.

        `first` < `second`; so many bodies before each of them are still `under_way`. Where layers or micro-batches do
        not go on evenly, as far as one layer and micro-batch go, or one layer and all its later micro-batches, which
        leave no rows.
        """
        period = second - first
        times = self.alike(first, second) // period
        if not times:
            return Repetition(0, 0, 0)
        begin = max(0, first - under_way)
        starts = (self[begin], self[begin + period])
        ends = (self[second - 1], self[second + times * period - 1])
        layers, micro_batches = _apart(*starts)
        even = _apart(self[first], self[second]) == (layers, micro_batches) and micro_batches >= 0
        if even and _apart(*ends) == (times * layers, times * micro_batches):
            return Repetition(times, layers, micro_batches)
        return Repetition(min(times, max(0, self._last_alike(begin) - second) // period), 0, 0)

    def again(self, first: int, second: int, length: int, under_way: int) -> Repetition | None:
        """How much further on the bodies from *second* on are that are alike *length* bodies from *first* on.

        None where layers or micro-batches do not go on evenly, or there are not so many alike (see `repeats`).
        """
        begin, by = max(0, first - under_way), second - first
        if self.alike(first, second) < length:
            return None
        last = second + length - 1
        way = _apart(self[begin], self[begin + by])
        if not way == _apart(self[first], self[second]) == _apart(self[last - by], self[last]):
            return None
        return Repetition(1, *way) if way[1] >= 0 or self._leaves_no_rows(begin + by, last) else None

    def _leaves_no_rows(self, first: int, last: int) -> bool:
        """Whether only later micro-batches are played between two bodies."""
        begin, end = (bisect_right(self._starts, place) - 1 for place in (first, last))
        return all(play.micro_batch for play in self.plays[begin : end + 1])

    def _last_alike(self, place: int) -> int:
        """The end of the stretch around a place in one layer: of its micro-batch if that is the first, else of all."""
        number = bisect_right(self._starts, place) - 1
        here = self.plays[number]
        while number < len(self.plays) and self.plays[number].layer == here.layer:
            micro_batch = self.plays[number].micro_batch
            if micro_batch != here.micro_batch and not (micro_batch and here.micro_batch):
                break
            number += 1
        return self._starts[number]

    def kinds_between(self, first: int, end: int) -> tuple[Run, ...]:
        """The runs of the bodies from *first* up to *end*."""
        found: list[Run] = []
        left = end - first
        for run in self._cursor(first):
            if left <= 0:
                break
            found.append(Run(run.kind, min(run.times, left)))
            left -= run.times
        return tuple(found)

    def _cursor(self, place: int) -> Iterator[Run]:
        """The runs from body *place* on."""
        number = bisect_right(self._starts, place) - 1
        if number >= len(self.plays):
            return
        passage, part = self.plays[number].passage, place - self._starts[number]
        run = bisect_right(self._run_starts[passage], part) - 1
        first = self.passages[passage][run]
        yield Run(first.kind, self._run_starts[passage][run + 1] - part)
        yield from self.passages[passage][run + 1 :]
        for play in self.plays[number + 1 :]:
            yield from self.passages[play.passage]


def _apart(before: Body, here: Body) -> tuple[int, int]:
    """Layers and micro-batches from one body to another."""
    return here.layer - before.layer, here.micro_batch - before.micro_batch


def order_of(bodies: Sequence[Body]) -> Order:
    """The order that plays *bodies* one by one: a passage for each stretch of one layer and micro-batch."""
    stretches: list[tuple[int, int, list[int]]] = []
    for body in bodies:
        if body.token_tile and stretches and stretches[-1][:2] == (body.layer, body.micro_batch):
            stretches[-1][2].append(body.kind)
        else:
            stretches.append((body.layer, body.micro_batch, [body.kind]))
    numbers: dict[Passage, int] = {}
    plays = [Play(numbers.setdefault(runs_of(kinds), len(numbers)), layer, micro) for layer, micro, kinds in stretches]
    return Order(tuple(numbers), plays)
