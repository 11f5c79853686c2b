"""Which tokens reach which places, chiplets or groups, and what an exchange of two experts changes of that.

Exact on the tokens of the profile, not an estimate from pairs: for every expert is known how many tokens it alone leads
to its place, and how many would newly reach another one. A set of tokens is a row of bits, so that a count of tokens is
a count of bits.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from hecasim.experts.routing import Ids

Numbers = NDArray[np.int64]
Places = NDArray[np.int16]
Bits = NDArray[np.uint64]


class Reach:
    """The tokens of every place, in bits, for one kind of place."""

    def __init__(self, active: Bits, own: Numbers, places: int) -> None:
        experts, words = active.shape
        self._active, self._own = active, own
        self._reached = np.zeros((places, words), np.uint64)
        self._together = np.zeros((experts, experts), np.int64)  # tokens of a and b to whose place only a leads
        self._met = np.zeros((experts, places), np.int64)  # tokens of the expert that reach the place

    def refresh(self, place_of: Places, places: Iterable[int]) -> None:
        """Count again what depends on the experts of these places."""
        for place in places:
            members = np.flatnonzero(place_of == place)
            once = np.zeros_like(self._reached[0])
            more = once.copy()
            for expert in members:
                more |= once & self._active[expert]
                once |= self._active[expert]
            self._reached[place] = once
            alone = self._active[members] & ~more
            self._together[members] = count(alone[:, None, :] & self._active[None, :, :])
            self._met[:, place] = count(self._active & once)

    @property
    def tokens(self) -> Numbers:
        """Tokens that reach each place, (places,)."""
        return count(self._reached)

    def changes(self, place_of: Places) -> Numbers:
        """The change of tokens at a's place when a leaves for b, [a, b]; none where both are at one place.

        It loses the tokens that only a led there, gains those of b that had not been there, and keeps those of b that
        only a had led there.
        """
        absent = self._own[:, None] - self._met
        changes: Numbers = absent.T[place_of] - self._together.diagonal()[:, None] + self._together
        changes[place_of[:, None] == place_of[None, :]] = 0
        return changes


def bits_of(chosen: Ids, experts: int) -> Bits:
    """The tokens of every expert, (experts, tokens / 64 rounded up)."""
    words = -(-len(chosen) // 64)
    active = np.zeros((experts, words * 64), np.uint8)
    active[chosen, np.arange(len(chosen))[:, None]] = 1
    return np.packbits(active, axis=1).view(np.uint64)


def count(bits: Bits) -> Numbers:
    """Tokens in each row."""
    counts: Numbers = np.bitwise_count(bits).sum(axis=-1, dtype=np.int64)
    return counts
