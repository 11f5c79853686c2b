"""Which nodes of different ranks belong together: the members of a collective, a send and its receive.

The k-th collective of a process group on one rank is the k-th of that group on every member; the k-th send from a to b
with a tag goes to the k-th receive. A receive is passive: it does not hold its message back, so what it waits for is
handed on to those that wait for it. Not so in traces that hecasim wrote: there a target waits as its source does.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from hecasim.errors import ConfigError, nearest
from hecasim.trace.chakra.nodes import COLLECTS, LOADS, RECEIVES, SENDS, TREE, Node, Ranks
from hecasim.trace.chakra.relays import MEMBERS, PLACE


@dataclass(slots=True, eq=False)
class Unit:
    """Nodes that are one exchange, or one node alone."""

    nodes: dict[int, Node]
    """By rank, in the order of the group."""
    members: tuple[int, ...]
    waits: dict[int, list[Unit]] = field(default_factory=dict)
    """Per rank, the units it waits for there."""

    @property
    def first(self) -> Node:
        return next(iter(self.nodes.values()))

    @property
    def before(self) -> list[Unit]:
        return list(dict.fromkeys(unit for units in self.waits.values() for unit in units))


def in_order(ranks: Ranks) -> list[Unit]:
    """All units, each after those it waits for; among those that could be next the smallest id, then rank.

    In place of its id the place that hecasim wrote beside it, where it did: ids count messages, which differ by rank.
    """
    of = _units(ranks)
    units = list(dict.fromkeys(of.values()))
    place = {unit: number for number, unit in enumerate(units)}
    followers: dict[Unit, list[Unit]] = defaultdict(list)
    left: dict[Unit, int] = {}
    ready: list[tuple[int, int, int]] = []
    for unit in units:
        left[unit] = len(unit.before)
        for other in unit.before:
            followers[other].append(unit)
        if not left[unit]:
            heapq.heappush(ready, _rank_of(unit, place))
    made = []
    while ready:
        unit = units[heapq.heappop(ready)[2]]
        made.append(unit)
        for later in followers[unit]:
            left[later] -= 1
            if not left[later]:
                heapq.heappush(ready, _rank_of(later, place))
    if len(made) < len(units):
        stuck = min((unit for unit in units if left[unit]), key=lambda unit: _rank_of(unit, place))
        raise ConfigError(
            stuck.first.says(f"waits for itself, over other nodes or ranks ({len(units) - len(made)} in all)")
        )
    return made


def _rank_of(unit: Unit, place: dict[Unit, int]) -> tuple[int, int, int]:
    node = min((_place_of(node), node.rank) for node in unit.nodes.values())
    return (*node, place[unit])


def _place_of(node: Node) -> int:
    return node.size(PLACE) if PLACE in node.values else node.id


def _units(ranks: Ranks) -> dict[tuple[int, int], Unit]:
    """(rank, id) -> the unit of that node, with what it waits for."""
    of: dict[tuple[int, int], Unit] = {}
    exchanges: dict[tuple[Any, ...], list[Unit]] = defaultdict(list)
    counts: dict[tuple[Any, ...], int] = defaultdict(int)
    for nodes in ranks.nodes:
        for node in nodes.values():
            key, members = _exchange(node, ranks)
            if not key:
                of[(node.rank, node.id)] = Unit({node.rank: node}, members)
                continue
            number = counts[(*key, node.rank, node.kind)]
            counts[(*key, node.rank, node.kind)] += 1
            if number == len(exchanges[key]):
                exchanges[key].append(Unit({}, members))
            unit = of[(node.rank, node.id)] = exchanges[key][number]
            unit.nodes[node.rank] = node
    for units in exchanges.values():
        for unit in units:
            _check_whole(unit)
            unit.nodes = {rank: unit.nodes[rank] for rank in unit.members}
    for unit in dict.fromkeys(of.values()):
        for rank, node in unit.nodes.items():
            if not _is_passive(node):
                unit.waits[rank] = _waits(node, ranks.nodes[rank], of)
    return of


def _is_passive(node: Node) -> bool:
    """Whether it is a receive that holds nothing back; in a message of hecasim's own both ends wait."""
    return node.kind in RECEIVES and "hecasim_algorithm" not in node.values


def _waits(node: Node, nodes: dict[int, Node], of: dict[tuple[int, int], Unit]) -> list[Unit]:
    """The units a node waits for, with those that the receives among them wait for."""
    found: dict[Unit, None] = {}
    left, seen = list(reversed(node.waits)), {node.id}
    while left:
        other = left.pop()
        if other not in seen:
            seen.add(other)
            found[of[(node.rank, other)]] = None
            if _is_passive(nodes[other]):
                left += reversed(nodes[other].waits)
    found.pop(of[(node.rank, node.id)], None)
    return list(found)


def _exchange(node: Node, ranks: Ranks) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    """What names the exchange a node takes part in, and its ranks; nothing and its own rank where it is alone."""
    if node.kind in (*COLLECTS, TREE) or (node.kind in LOADS and "hecasim_multicast" in node.values):
        where = {TREE: MEMBERS, "COMM_COLL_NODE": "pg_name"}
        name = node.text(where.get(node.kind, "hecasim_multicast"))
        if name not in ranks.groups:
            raise ConfigError(node.says(f"unknown process group '{name}'; {nearest(name, ranks.groups)}"))
        members = ranks.groups[name]
        if node.rank not in members:
            raise ConfigError(node.says(f"process group '{name}' has the ranks {list(members)}, not this one"))
        return ("group", node.kind, members), members
    if node.kind in (*SENDS, *RECEIVES):
        sends = node.kind in SENDS
        source = node.rank if sends and "comm_src" not in node.values else node.size("comm_src")
        target = node.rank if not sends and "comm_dst" not in node.values else node.size("comm_dst")
        if (source if sends else target) != node.rank or max(source, target) >= len(ranks.nodes) or source == target:
            raise ConfigError(node.says(f"found a message from rank {source} to {target}; expected one of its own"))
        tag = node.size("comm_tag") if "comm_tag" in node.values else 0
        return ("message", source, target, tag), (source, target)
    return (), (node.rank,)


def _check_whole(unit: Unit) -> None:
    """Every member is there and says the same."""
    missing = [rank for rank in unit.members if rank not in unit.nodes]
    if missing:
        raise ConfigError(unit.first.says(f"has no partner on rank {missing[0]}"))
    for name in ("comm_type", "comm_size"):
        values = {rank: node.values.get(name) for rank, node in unit.nodes.items()}
        if len({str(value) for value in values.values()}) > 1:
            raise ConfigError(unit.first.says(f"{name} differs between ranks: {values}"))
