"""What every topology is: tiles, the directed links between them, and one route between any two tiles."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import pairwise

COMPUTE, ATTENTION, SWITCH, EXPERT = "compute", "attention", "switch", "expert"
"""What a tile is for: on a grid all compute; on a tree they differ, and a switch has no core."""


class Topology(ABC):
    """Tiles 0 .. size - 1 in rows x columns, their links in the order of (source, target), which numbers them."""

    roles: tuple[str, ...]
    """Of every tile: one of COMPUTE, ATTENTION, SWITCH, EXPERT."""

    def __init__(self, rows: int, columns: int, links: Sequence[tuple[int, int]]) -> None:
        self.rows = rows
        self.columns = columns
        self.size = rows * columns
        self.links: tuple[tuple[int, int], ...] = tuple(links)
        self.link_number: dict[tuple[int, int], int] = {link: number for number, link in enumerate(self.links)}
        self._routes: dict[tuple[int, int], tuple[int, ...]] = {}
        self._trees: dict[tuple[int, frozenset[int]], tuple[int, ...]] = {}
        self._rings: dict[tuple[int, ...], tuple[int, ...]] = {}

    @abstractmethod
    def _tiles_between(self, source: int, target: int) -> Sequence[int]:
        """The tiles on the way from *source* to *target*, both ends included.

        The way to any tile on it must be its beginning: that is what makes the union of routes from one tile a tree.
        """

    @abstractmethod
    def _find_ring_order(self, members: tuple[int, ...]) -> tuple[int, ...]:
        """The order in which these tiles form a ring."""

    @abstractmethod
    def line_order(self, members: Sequence[int]) -> tuple[int, ...]:
        """The members as one line, beginning at the smallest tile number."""

    @abstractmethod
    def name_of(self, tile: int) -> str:
        """The tile as people call it."""

    def route(self, source: int, target: int) -> tuple[int, ...]:
        """Link numbers from tile *source* to tile *target*; none if they are one. No route between them is shorter."""
        known = self._routes.get((source, target))
        if known is None:
            known = self._routes[source, target] = self._links_between(source, target)
        return known

    def _links_between(self, source: int, target: int) -> tuple[int, ...]:
        return tuple(self.link_number[link] for link in pairwise(self._tiles_between(source, target)))

    def multicast(self, source: int, targets: Iterable[int]) -> dict[int, tuple[int, ...]]:
        """The tree of the routes from *source* to *targets*: tile -> numbers of the links that leave it.

        Each link once, and no branch that leads to no target. Tiles that send nothing on are not listed.
        """
        leaving: dict[int, list[int]] = {}
        for number in self.tree(source, targets):
            leaving.setdefault(self.links[number][0], []).append(number)
        return {tile: tuple(numbers) for tile, numbers in leaving.items()}

    def tree(self, source: int, targets: Iterable[int]) -> tuple[int, ...]:
        """The links of that tree, in the order of their numbers."""
        key = (source, frozenset(targets))
        known = self._trees.get(key)
        if known is None:
            reached, used = {source}, []
            for target in self._far_first(source, key[1]):
                way = self._tiles_between(source, target) if target not in reached else ()
                for link in reversed(tuple(pairwise(way))):
                    if link[1] in reached:
                        break
                    reached.add(link[1])
                    used.append(self.link_number[link])
            known = self._trees[key] = tuple(sorted(used))
        return known

    def _far_first(self, source: int, targets: Iterable[int]) -> Iterable[int]:  # noqa: ARG002  a matter of speed alone
        """Targets in an order in which those on the way to others come after them."""
        return targets

    def ring_order(self, members: Sequence[int]) -> tuple[int, ...]:
        """The order in which these tiles form a ring, beginning at the smallest tile number."""
        key = tuple(members)
        known = self._rings.get(key)
        if known is None:
            known = self._rings[key] = self._find_ring_order(key)
        return known
