"""The grid of tiles that every rectangular topology shares: numbering, links, routes and orders.

Tile number = row * columns + column; rows grow downward (Y), columns to the right (X). Routes go in dimension order:
along the row first, then along the column. How many steps a coordinate takes, and which way, is all that a member of
the family decides.
"""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise

from hecasim.errors import ConfigError
from hecasim.topologies.orders import folded, hamiltonian_cycle, snake
from hecasim.topologies.topology import COMPUTE, Topology


class Grid(Topology):
    """Rows x columns equal tiles.

    Of two equally short ways round a torus the increasing one is taken.
    """

    def __init__(self, rows: int, columns: int) -> None:
        if rows < 1 or columns < 1:
            raise ConfigError(f"topology: found {rows} x {columns}; rows and columns are at least 1")
        neighbours = (
            (tile, neighbour) for tile in range(rows * columns) for neighbour in self._neighbours(tile, rows, columns)
        )
        super().__init__(rows, columns, tuple(neighbours))
        self.roles = (COMPUTE,) * self.size

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.rows}, {self.columns})"

    @abstractmethod
    def _steps(self, here: int, there: int, length: int) -> int:
        """Steps from *here* to *there* in a line of *length* tiles; below 0: the way on which coordinates fall."""

    @abstractmethod
    def _beside(self, here: int, length: int) -> set[int]:
        """The coordinates wired to *here* in a line of *length* tiles."""

    def _neighbours(self, tile: int, rows: int, columns: int) -> list[int]:
        row, column = divmod(tile, columns)
        along_row = [row * columns + other for other in self._beside(column, columns)]
        along_column = [other * columns + column for other in self._beside(row, rows)]
        return sorted(along_row + along_column)

    def name_of(self, tile: int) -> str:
        """Row and column."""
        return f"({tile // self.columns},{tile % self.columns})"

    def _tiles_between(self, source: int, target: int) -> Sequence[int]:
        row, column = divmod(source, self.columns)
        target_row, target_column = divmod(target, self.columns)
        along_row = [row * self.columns + other for other in self._way(column, target_column, self.columns)]
        along_column = [other * self.columns + target_column for other in self._way(row, target_row, self.rows)]
        return [source, *along_row, *along_column]

    def _way(self, here: int, there: int, length: int) -> list[int]:
        """The coordinates after *here* up to *there*."""
        steps = self._steps(here, there, length)
        return [(here + step) % length for step in (range(1, steps + 1) if steps > 0 else range(-1, steps - 1, -1))]

    def _links_between(self, source: int, target: int) -> tuple[int, ...]:
        row, column = divmod(source, self.columns)
        target_row, target_column = divmod(target, self.columns)
        found: tuple[int, ...] = ()
        if column != target_column:
            found = self._cut(True, row, column, target_column, self.columns)
        if row != target_row:
            found += self._cut(False, target_column, row, target_row, self.rows)
        return found

    def _cut(self, along_row: bool, line: int, here: int, there: int, length: int) -> tuple[int, ...]:
        """The part of a line of links between two coordinates of it."""
        steps = self._steps(here, there, length)
        rises = steps > 0
        begin = here if rises else length - 1 - here
        return self._line(along_row, line, rises)[begin : begin + abs(steps)]

    @cache  # noqa: B019  a topology lives as long as the program
    def _line(self, along_row: bool, line: int, rises: bool) -> tuple[int, ...]:
        """The links of a row or column in the order in which one goes twice round it (-1: no such link)."""
        length, stride = (self.columns, 1) if along_row else (self.rows, self.columns)
        first = line * self.columns if along_row else line
        order = range(length) if rises else range(length - 1, -1, -1)
        tiles = [first + stride * (place % length) for place in (*order, *order, order[0])]
        return tuple(self.link_number.get(link, -1) for link in pairwise(tiles))

    def _far_first(self, source: int, targets: Iterable[int]) -> Iterable[int]:
        row, column = divmod(source, self.columns)

        def nearness(target: int) -> tuple[int, int]:
            return -abs(target // self.columns - row), -abs(target % self.columns - column)

        return sorted(targets, key=nearness)

    def line_order(self, members: Sequence[int]) -> tuple[int, ...]:
        """The members as one line: sorted along their row or column, else row by row, every second row backwards."""
        return snake(members, self.columns)

    def _find_ring_order(self, members: tuple[int, ...]) -> tuple[int, ...]:
        """The order in which these tiles form a ring.

        * One row or column: folded, 0, 2, 4, ..., 5, 3, 1 of its members, so that the n routes of a contiguous line
          use each of its 2(n - 1) directed links exactly once (Hecaton arXiv 2407.05784, bypass ring; the reading
          of it is ours). A torus keeps the natural order where the members are evenly spaced all round.
        * A rectangle of at least 2 x 2 with an even number of tiles: a Hamiltonian cycle of neighbour steps.
        * Anything else: the folded order of `line_order`.

        Rows and columns may be strided (every second column); their neighbours are then the next of the group.
        """
        rows = sorted({tile // self.columns for tile in members})
        columns = sorted({tile % self.columns for tile in members})
        if len(rows) == 1 or len(columns) == 1:
            places, length = (columns, self.columns) if len(rows) == 1 else (rows, self.rows)
            line = self.line_order(members)
            return line if self._closes_naturally(places, length) else folded(line)
        count = len(rows) * len(columns)
        if count == len(members) and count % 2 == 0:
            return tuple(rows[i] * self.columns + columns[j] for i, j in hamiltonian_cycle(len(rows), len(columns)))
        return folded(self.line_order(members))

    def _closes_naturally(self, places: Sequence[int], length: int) -> bool:  # noqa: ARG002  a torus needs them
        """Whether these sorted places of a line of *length* tiles form a ring in their own order."""
        return False
