"""A torus: a mesh whose rows and columns are closed by a wrap link between their two ends.

Lines of one or two tiles have no wrap link: it would join a tile to itself, or a pair that is joined already.
"""

from collections.abc import Sequence
from itertools import pairwise

from hecasim.topologies.grid import Grid


class Torus(Grid):
    """Rows x columns tiles with 4RC directed links if both are at least 3; a wrap link is a link like any other."""

    def _steps(self, here: int, there: int, length: int) -> int:
        ahead = (there - here) % length
        return ahead if 2 * ahead <= length else ahead - length

    def _beside(self, here: int, length: int) -> set[int]:
        return {(here - 1) % length, (here + 1) % length} - {here}

    def _closes_naturally(self, places: Sequence[int], length: int) -> bool:
        """Evenly spaced all round (a whole line, or every k-th tile of it): each increasing link is used once."""
        gap = length // len(places)
        return gap * len(places) == length and all(b - a == gap for a, b in pairwise(places))
