"""A mesh: each tile is wired to its neighbours in its row and column, and the lines end at the rim."""

from hecasim.topologies.grid import Grid


class Mesh(Grid):
    """Rows x columns tiles with 2(R(C - 1) + C(R - 1)) directed links."""

    def _steps(self, here: int, there: int, length: int) -> int:  # noqa: ARG002  the family's signature
        return there - here

    def _beside(self, here: int, length: int) -> set[int]:
        return {place for place in (here - 1, here + 1) if 0 <= place < length}
