"""A tree of chiplets: attention chiplets at the root, a switch per group below them, expert chiplets below each switch.

Tile numbers: attention chiplets first, then switches, then expert chiplets group by group. Every attention chiplet is
wired to every switch, every switch to its own chiplets. With one attention chiplet this is the NoP-Tree of Mozart
(arXiv 2603.07006); with several every pair of tiles still has one shortest route by a fixed rule (ours).
"""

from collections.abc import Sequence

from hecasim.errors import ConfigError
from hecasim.topologies.topology import ATTENTION, EXPERT, SWITCH, Topology


class Tree(Topology):
    """Attention chiplets above a switch per group, expert chiplets below it; 2 G (A + C) directed links.

    Tiles: *attention* A, *groups* G, then *chiplets* C in each group.
    """

    def __init__(self, attention: int, groups: int, chiplets: int) -> None:
        if min(attention, groups, chiplets) < 1:
            raise ConfigError(
                f"topology: found {attention} attention chiplets, {groups} groups and {chiplets} chiplets per group; "
                "each is at least 1"
            )
        self.attention, self.groups, self.per_group = attention, groups, chiplets
        self.first_expert = attention + groups
        wires = [(root, attention + group) for root in range(attention) for group in range(groups)]
        wires += [(attention + group, self.first_expert + group * chiplets + place)
                  for group in range(groups) for place in range(chiplets)]  # fmt: skip
        both_ways = sorted(wires + [(b, a) for a, b in wires])
        super().__init__(1, self.first_expert + groups * chiplets, both_ways)
        self.roles = (ATTENTION,) * attention + (SWITCH,) * groups + (EXPERT,) * (groups * chiplets)

    def __repr__(self) -> str:
        return f"Tree({self.attention}, {self.groups}, {self.per_group})"

    @property
    def roots(self) -> range:
        """The attention chiplets."""
        return range(self.attention)

    @property
    def switches(self) -> range:
        """The switches, one per group."""
        return range(self.attention, self.first_expert)

    def group_of(self, tile: int) -> int:
        """The group of a switch or of an expert chiplet."""
        if tile < self.attention:
            raise ValueError(f"tile {tile} is an attention chiplet and of no group")
        place = tile - self.first_expert
        return place // self.per_group if place >= 0 else tile - self.attention

    def switch_of(self, tile: int) -> int:
        """The switch above an expert chiplet, or the switch itself."""
        return self.attention + self.group_of(tile)

    def chiplets_of(self, group: int) -> range:
        """The expert chiplets of a group."""
        first = self.first_expert + group * self.per_group
        return range(first, first + self.per_group)

    def name_of(self, tile: int) -> str:
        """Role and place in it, such as `attention 0`, `switch 2`, `expert 2.3`."""
        role = self.roles[tile]
        if role == EXPERT:
            return f"{role} {self.group_of(tile)}.{(tile - self.first_expert) % self.per_group}"
        return f"{role} {tile - (self.attention if role == SWITCH else 0)}"

    def _tiles_between(self, source: int, target: int) -> Sequence[int]:
        up, down = self._to_trunk(source), self._to_trunk(target)
        start, end = up[-1], down[-1]
        if start == end:
            between = []
        elif start in self.roots and end in self.roots:
            between = [start, self.attention + (start + end) % self.groups, end]
        elif start in self.switches and end in self.switches:
            between = [start, (start + end - 2 * self.attention) % self.attention, end]
        else:
            between = [start, end]
        tiles = [*up[:-1], *(between or [start]), *reversed(down[:-1])]
        return tiles if source != target else [source]

    def _to_trunk(self, tile: int) -> list[int]:
        """From a tile up to the first attention chiplet or switch: itself, unless it is an expert chiplet."""
        return [tile, self.switch_of(tile)] if self.roles[tile] == EXPERT else [tile]

    def line_order(self, members: Sequence[int]) -> tuple[int, ...]:
        """In the order of their numbers."""
        return tuple(sorted(members))

    def _find_ring_order(self, members: tuple[int, ...]) -> tuple[int, ...]:
        """In the order of their numbers: no order of a tree's leaves has neighbours throughout."""
        return self.line_order(members)
