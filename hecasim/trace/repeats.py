"""Repetition in the order of play of a trace file: layers that do the same are one stretch of plays.

A repeated stretch has a number added to its layers and one to its micro-batches. It is found here when a trace is
written, and unrolled when it is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hecasim.trace.play import Play

CANDIDATES = 6
"""How many places where a stretch may begin again are tried."""
LONGEST_STRETCH = 4096


class Stretch(NamedTuple):
    """One passage in one layer, micro-batch after micro-batch."""

    passage: int
    layer: int
    micro_batches: tuple[int, ...]

    def moved(self, layers: int, micro_batches: int) -> Stretch:
        """The same in another layer, with other micro-batches."""
        numbers = tuple(number + micro_batches for number in self.micro_batches) if micro_batches else None
        return Stretch(self.passage, self.layer + layers, numbers or self.micro_batches)

    def plays(self) -> Iterator[Play]:
        return (Play(self.passage, self.layer, micro_batch) for micro_batch in self.micro_batches)


class Repeat(NamedTuple):
    """The last `length` stretches again, `times` times, with steps added each time."""

    length: int
    times: int
    layer: int = 0
    micro_batch: int = 0


def folded(plays: Sequence[Stretch]) -> Iterator[Stretch | Repeat]:
    """Plays, what repeats written once."""
    places: dict[int, list[int]] = {}
    for place, play in enumerate(plays):
        places.setdefault(play.passage, []).append(place)
    rank = {place: number for alike in places.values() for number, place in enumerate(alike)}

    def begins_again(place: int) -> Iterator[Repeat]:
        play, alike = plays[place], places[plays[place].passage]
        same_layer = (other for other in alike[rank[place] + 1 : rank[place] + LONGEST_STRETCH]
                      if plays[other].layer == play.layer)  # fmt: skip
        for other in dict.fromkeys([*alike[rank[place] + 1 : rank[place] + CANDIDATES], *([next(same_layer, 0)])]):
            if other:
                step = plays[other].micro_batches[0] - play.micro_batches[0]
                yield Repeat(other - place, 0, plays[other].layer - play.layer, step)

    place = 0
    while place < len(plays):
        best = Repeat(0, 0)
        for how in begins_again(place):
            end = place + how.length
            while end < len(plays) and plays[end - how.length].moved(how.layer, how.micro_batch) == plays[end]:
                end += 1
            times = (end - place) // how.length - 1
            if times * how.length > best.times * best.length:
                best = how._replace(times=times)
        yield from plays[place : place + max(1, best.length)]
        if best.times:
            yield best
        place += max(1, best.length * (best.times + 1))
