"""Local work of one tile, in shapes and counts."""

from __future__ import annotations

from typing import NamedTuple


class Work(NamedTuple):
    """Local work of a tile: matrix products (count, m, n, k) and scalar operations on the vector unit."""

    gemms: tuple[tuple[int, int, int, int], ...]
    vector_operations: int

    @property
    def flops(self) -> int:
        """Floating-point operations of the matrix products, 2 per multiply-add."""
        return sum(2 * count * m * n * k for count, m, n, k in self.gemms)
