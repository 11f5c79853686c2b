"""Chains as numbers: what follows a message is arithmetic, so that no table of messages is read.

A message is numbered step * edges + edge; of n members in line the edges up (0 to 1, 1 to 2, ...) come first, then
those down (1 to 0, 2 to 1, ...).
"""

from __future__ import annotations

from typing import NamedTuple

from hecasim.collectives import BroadcastRounds, ReduceRounds
from hecasim.sim.fast.lists import Lists


class Chain(NamedTuple):
    """A chain without its members: equal ones, such as those of all rows, share it."""

    opening: int
    """Where the numbers stand that each member sends at first."""
    roots: int
    """Where it stands for every step who begins or ends with it: see `roots_of`."""


Rounds = BroadcastRounds | ReduceRounds


def edges_of(count: int) -> list[tuple[int, int]]:
    """(position of the sender, of the receiver) by number of edge."""
    return [(place, place + 1) for place in range(count - 1)] + [(place + 1, place) for place in range(count - 1)]


def roots_of(pattern: Rounds) -> list[int]:
    """By step: of a reduction the root of its round; of a broadcast the root that begins when the step is there, or -1.

    That is the one of the round after the next, after the last chunk.
    """
    if isinstance(pattern, ReduceRounds):
        return [root for root in pattern.roots for _ in range(pattern.chunks)]
    found = []
    for number in range(len(pattern.roots)):
        following = pattern.roots[number + 2] if number + 2 < len(pattern.roots) else -1
        found += [-1] * (pattern.chunks - 1) + [following]
    return found


class Chains:
    """All chains of a trace."""

    def __init__(self, lists: Lists) -> None:
        self.lists = lists
        self._known: dict[tuple[type[Rounds], int, tuple[int, ...], int], Chain] = {}

    def of(self, pattern: Rounds) -> Chain:
        """The chain of a pattern, written if it is new."""
        count = len(pattern.members)
        key = (type(pattern), count, pattern.roots, pattern.chunks)
        if key not in self._known:
            numbers = {edge: number for number, edge in enumerate(edges_of(count))}
            opening = [
                [send.step * len(numbers) + numbers[position, send.target] for send in pattern.opening(position)]
                for position in range(count)
            ]
            self._known[key] = Chain(self.lists.spans(opening), self.lists.add(roots_of(pattern)))
        return self._known[key]
