"""The grid of tiles that every rectangular topology shares: numbering, links, routes and orders.

Tile number = row * columns + column; rows grow downward (Y), columns to the right (X). Links are directed and stand in
the order of (source tile, target tile), which numbers them. Routes go in dimension order: along the row first, then
along the column. How many steps a coordinate takes, and which way, is all that a member of the family decides.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import pairwise

from hecasim.errors import ConfigError
from hecasim.topologies.orders import folded, hamiltonian_cycle, snake


class Topology(ABC):
    """Rows x columns tiles, their directed links, and the routes between any two of them."""

    def __init__(self, rows: int, columns: int) -> None:
        if rows < 1 or columns < 1:
            raise ConfigError(f"topology: found {rows} x {columns}; rows and columns are at least 1")
        self.rows = rows
        self.columns = columns
        self.size = rows * columns
        self.links: tuple[tuple[int, int], ...] = tuple(
            (tile, neighbour) for tile in range(self.size) for neighbour in self._neighbours(tile)
        )
        self.link_number: dict[tuple[int, int], int] = {link: number for number, link in enumerate(self.links)}
        self._routes: dict[tuple[int, int], tuple[int, ...]] = {}
        self._multicasts: dict[tuple[int, frozenset[int]], dict[int, tuple[int, ...]]] = {}
        self._rings: dict[tuple[int, ...], tuple[int, ...]] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.rows}, {self.columns})"

    @abstractmethod
    def _next(self, here: int, there: int, length: int) -> int:
        """The coordinate after *here* on the way to *there* in a line of *length* tiles (here != there)."""

    @abstractmethod
    def _beside(self, here: int, length: int) -> set[int]:
        """The coordinates wired to *here* in a line of *length* tiles."""

    def _neighbours(self, tile: int) -> list[int]:
        row, column = divmod(tile, self.columns)
        along_row = [row * self.columns + other for other in self._beside(column, self.columns)]
        along_column = [other * self.columns + column for other in self._beside(row, self.rows)]
        return sorted(along_row + along_column)

    def route(self, source: int, target: int) -> tuple[int, ...]:
        """Link numbers from tile *source* to tile *target*, along the row and then the column; none if they are one.

        No route between these tiles is shorter. Of two equally short ways round a torus the increasing one is taken.
        """
        known = self._routes.get((source, target))
        if known is None:
            known = self._routes[source, target] = self._find_route(source, target)
        return known

    def _find_route(self, source: int, target: int) -> tuple[int, ...]:
        row, column = divmod(source, self.columns)
        target_row, target_column = divmod(target, self.columns)
        tiles = [source]
        while column != target_column:
            column = self._next(column, target_column, self.columns)
            tiles.append(row * self.columns + column)
        while row != target_row:
            row = self._next(row, target_row, self.rows)
            tiles.append(row * self.columns + column)
        return tuple(self.link_number[link] for link in pairwise(tiles))

    def multicast(self, source: int, targets: Iterable[int]) -> dict[int, tuple[int, ...]]:
        """The dimension-order tree from *source* to *targets*: tile -> numbers of the links that leave it.

        Along the source's row, then up and down the columns; each link once, and no branch that leads to no target.
        Tiles that send nothing on are not listed. The answer is shared: do not change it.
        """
        key = (source, frozenset(targets))
        known = self._multicasts.get(key)
        if known is None:
            # The way to a tile on a route is the beginning of that route, so the union of all routes is a tree.
            used = sorted({number for target in key[1] for number in self.route(source, target)})
            leaving: dict[int, list[int]] = {}
            for number in used:
                leaving.setdefault(self.links[number][0], []).append(number)
            known = self._multicasts[key] = {tile: tuple(numbers) for tile, numbers in leaving.items()}
        return known

    def line_order(self, members: Sequence[int]) -> tuple[int, ...]:
        """The members as one line: sorted along their row or column, else row by row, every second row backwards."""
        return snake(members, self.columns)

    def ring_order(self, members: Sequence[int]) -> tuple[int, ...]:
        """The order in which these tiles form a ring, beginning at the smallest tile number.

        * One row or column: folded, 0, 2, 4, ..., 5, 3, 1 of its members, so that the n routes of a contiguous line
          use each of its 2(n - 1) directed links exactly once (Hecaton arXiv 2407.05784, bypass ring; the reading
          of it is ours). A torus keeps the natural order where the members are evenly spaced all round.
        * A rectangle of at least 2 x 2 with an even number of tiles: a Hamiltonian cycle of neighbour steps.
        * Anything else: the folded order of `line_order`.

        Rows and columns may be strided (every second column); their neighbours are then the next of the group.
        """
        key = tuple(members)
        known = self._rings.get(key)
        if known is None:
            known = self._rings[key] = self._find_ring_order(key)
        return known

    def _find_ring_order(self, members: tuple[int, ...]) -> tuple[int, ...]:
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
