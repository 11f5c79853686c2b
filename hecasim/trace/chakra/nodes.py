"""Chakra nodes of every rank, read and checked: what each does, and which nodes of its rank it waits for."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hecasim.errors import ConfigError
from hecasim.trace.chakra.exporting import EVERYBODY, GROUPS_FILE
from hecasim.trace.chakra.relays import MEMBERS, PART
from hecasim.trace.chakra.schema import COMM_TYPES, NODE_TYPES, schema
from hecasim.trace.chakra.stream import messages
from hecasim.trace.checking import LARGEST_SIZE, shown

PASSED_OVER = ("INVALID_NODE", "METADATA_NODE")
COMPUTES, LOADS, STORES = ("COMP_NODE",), ("MEM_LOAD_NODE",), ("MEM_STORE_NODE",)
COLLECTS, SENDS, RECEIVES = ("COMM_COLL_NODE",), ("COMM_SEND_NODE",), ("COMM_RECV_NODE",)
TREE, IDLE = "a dispatch or combine", "no part in an exchange"
"""What nodes that hecasim wrote become: several messages one exchange again, nothing to do a member without partner."""
NOT_REPLAYED = ("GATHER", "SCATTER", "BARRIER")
KNOWN = (*COMPUTES, *LOADS, *STORES, *COLLECTS, *SENDS, *RECEIVES, TREE, IDLE)
LARGEST_NODES = 10**6
FILE_NAME = re.compile(r"(.*)\.(\d{1,6})\.et")


@dataclass(slots=True)
class Node:
    """One node of one rank."""

    rank: int
    id: int
    name: str
    kind: str
    waits: list[int]
    """Nodes of the same rank that must have ended."""
    values: dict[str, Any]
    micros: int

    def size(self, name: str) -> int:
        """A whole number among the attributes."""
        value = self.values.get(name)
        if value is None:
            raise ConfigError(self.says(f"{name} is missing"))
        if type(value) is not int or not 0 <= value <= LARGEST_SIZE:
            raise ConfigError(
                self.says(f"{name}: found {shown(value)}; expected a whole number from 0 to {LARGEST_SIZE}")
            )
        return value

    def text(self, name: str, default: str = "") -> str:
        value = self.values.get(name, default)
        if not isinstance(value, str):
            raise ConfigError(self.says(f"{name}: found {shown(value)}; expected a text"))
        return value

    def says(self, what: str) -> str:
        return f"rank {self.rank}, node {self.id} ({shown(self.name)[1:-1]}): {what}"


@dataclass
class Ranks:
    """All that stands in a directory of execution traces."""

    nodes: list[dict[int, Node]]
    """Per rank, by id."""
    groups: dict[str, tuple[int, ...]]
    """Process group -> its ranks."""
    grid: dict[str, Any] | None
    """Rows, columns and options, where hecasim wrote the files."""
    unsupported: Counter[str] = field(default_factory=Counter)


def read_ranks(directory: Path) -> Ranks:
    """Read every `NAME.N.et` of a directory, N from 0, and its groups file if there is one.

    Nodes that cannot be replayed are taken out; what waited for them waits for what they waited for.
    """
    if not directory.is_dir():
        raise ConfigError(f"{directory}: not a directory; expected one with Chakra traces NAME.0.et, NAME.1.et, ...")
    files = _files(directory)
    everybody = tuple(range(len(files)))
    ranks = Ranks([], {EVERYBODY: everybody, "": everybody} | _groups_file(directory, len(files)), None)
    for rank, path in enumerate(files):
        ranks.nodes.append(_read_rank(path, rank, ranks))
        if sum(len(nodes) for nodes in ranks.nodes) > LARGEST_NODES:
            raise ConfigError(f"{directory}: more than {LARGEST_NODES} nodes")
    for nodes in ranks.nodes:
        _put_together(nodes)
        _take_out(nodes, ranks)
    return ranks


def _files(directory: Path) -> list[Path]:
    found: dict[str, dict[int, Path]] = {}
    for path in sorted(directory.iterdir()):
        match = FILE_NAME.fullmatch(path.name)
        if match:
            found.setdefault(match[1], {})[int(match[2])] = path
    if len(found) != 1:
        names = ", ".join(f"'{name}'" for name in found) or "none"
        raise ConfigError(f"{directory}: expected the files NAME.0.et, NAME.1.et, ... of one NAME; found {names}")
    ((name, files),) = found.items()
    missing = next((rank for rank in range(len(files)) if rank not in files), None)
    if missing is not None:
        raise ConfigError(f"{directory}: {name}.{missing}.et is missing; found {len(files)} ranks up to {max(files)}")
    return [files[rank] for rank in range(len(files))]


def _groups_file(directory: Path, ranks: int) -> dict[str, tuple[int, ...]]:
    path = directory / GROUPS_FILE
    if not path.exists():
        return {}
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise ConfigError(f'{path}: not JSON; expected {{"1": [0, 1, ...], ...}}') from None
    if not isinstance(given, dict):
        raise ConfigError(f'{path}: expected {{"1": [0, 1, ...], ...}}')
    return {name: _members(members, ranks, f"{path}: {shown(name)}") for name, members in given.items()}


def _members(members: Any, ranks: int, where: str) -> tuple[int, ...]:
    good = isinstance(members, list) and all(type(rank) is int and 0 <= rank < ranks for rank in members)
    if not good or len(set(members)) < len(members):
        raise ConfigError(f"{where}: found {shown(members)}; expected ranks from 0 to {ranks - 1}, each once")
    return tuple(members) or tuple(range(ranks))


def _read_rank(path: Path, rank: int, ranks: Ranks) -> dict[int, Node]:
    nodes: dict[int, Node] = {}
    for place, message in messages(path, schema()):
        values = _values(message.attr)
        if not place:
            ranks.grid = ranks.grid or _grid(values.get("hecasim_trace"), path)
            continue
        number = message.type
        kind = NODE_TYPES[number] if 0 <= number < len(NODE_TYPES) else f"node type {number}"
        waits = list(dict.fromkeys([*message.data_deps, *message.ctrl_deps]))
        node = Node(rank, message.id, message.name, kind, waits, values, message.duration_micros)
        if node.id in nodes:
            raise ConfigError(f"{path}: message {place}: node {node.id} stands twice")
        nodes[node.id] = node
        if kind == "METADATA_NODE" and message.inputs.values:
            ranks.groups |= _pytorch_groups(message.inputs.values, ranks, f"{path}: message {place}")
    return nodes


def _values(attributes: Iterable[Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for one in attributes:
        which = one.WhichOneof("value")
        value: Any = getattr(one, which) if which else None
        made[one.name] = list(value.values) if which and which.endswith("_list") else value
    return made


def _grid(text: Any, path: Path) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        grid = json.loads(text)
        return {key: grid[key] for key in ("rows", "columns", "options")}
    except (TypeError, ValueError, KeyError, RecursionError):
        raise ConfigError(f"{path}: hecasim_trace: expected rows, columns and options") from None


def _pytorch_groups(text: str, ranks: Ranks, where: str) -> dict[str, tuple[int, ...]]:
    """Groups as PyTorch's traces have them: a list of {"pg_name", "ranks"} as text; no ranks means all."""
    start, end = text.find("[{"), text.rfind("}]")
    if start < 0 or end < 0:
        return {}
    try:
        given = json.loads(text[start : end + 2].replace('\\"', '"'))
        table = {str(one["pg_name"]): one["ranks"] for one in given}
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    count = len(ranks.groups[EVERYBODY])
    return {name: _members(members, count, f"{where}: process group {name}") for name, members in table.items()}


def _put_together(nodes: dict[int, Node]) -> None:
    """Make one node again of the messages that hecasim wrote for an exchange on a tree; it has no size of its own."""
    first_of = {id_: id_ - node.size(PART) for id_, node in nodes.items() if PART in node.values}
    for id_, first in first_of.items():
        if first not in nodes or MEMBERS not in nodes[first].values:
            raise ConfigError(nodes[id_].says(f"{PART}: there is no dispatch or combine {id_ - first} places before"))
    for id_ in first_of:
        del nodes[id_]
    for node in nodes.values():
        waits = dict.fromkeys(first_of.get(other, other) for other in node.waits)
        node.waits = [other for other in waits if other != node.id or other in node.waits]
        if MEMBERS in node.values:
            node.kind = TREE
            node.values.pop("comm_size", None)
        elif node.values.get("hecasim_idle") is True and "hecasim_algorithm" in node.values:
            node.kind = IDLE


def _take_out(nodes: dict[int, Node], ranks: Ranks) -> None:
    """Bridge nodes that are not replayed; complain about nodes that wait for what is not there."""
    for node in nodes.values():
        for other in node.waits:
            if other == node.id:
                raise ConfigError(node.says("waits for itself"))
            if other not in nodes:
                raise ConfigError(node.says(f"waits for node {other}, which this rank does not have"))
    out = {id_ for id_, node in nodes.items() if not _replayed(node, ranks)}
    for node in nodes.values():
        if not out.isdisjoint(node.waits):
            node.waits = _bridged(node, nodes, out)
    for id_ in out:
        del nodes[id_]


def _bridged(node: Node, nodes: dict[int, Node], out: set[int]) -> list[int]:
    kept: dict[int, None] = {}
    seen: set[int] = set()
    left = list(reversed(node.waits))
    while left:
        other = left.pop()
        if other in seen:
            continue
        seen.add(other)
        if other in out:
            left += reversed(nodes[other].waits)
        else:
            kept[other] = None
    return list(kept)


def _replayed(node: Node, ranks: Ranks) -> bool:
    if node.kind in PASSED_OVER:
        return False
    if node.kind == "COMM_COLL_NODE":
        number = node.values.get("comm_type")
        name = (
            COMM_TYPES[number]
            if type(number) is int and 0 <= number < len(COMM_TYPES)
            else f"comm_type {shown(number)}"
        )
        if name in ("GATHER", "SCATTER", "BARRIER") or name not in COMM_TYPES:
            ranks.unsupported[f"COMM_COLL_NODE {name}"] += 1
            return False
    elif node.kind not in KNOWN:
        ranks.unsupported[node.kind] += 1
        return False
    elif node.kind in COMPUTES and "num_ops" not in node.values and not node.micros:
        ranks.unsupported["COMP_NODE without num_ops or duration"] += 1
        return False
    return True
