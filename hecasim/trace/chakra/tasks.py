"""From matched Chakra nodes to Tasks: work from operations, sizes from attributes, algorithms from collective types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isqrt
from typing import Any

from hecasim.collectives import COLLECTIVES, PER_PAIR, UNEQUAL
from hecasim.errors import ConfigError
from hecasim.mapping.buffers import Buffer
from hecasim.mapping.work import Work
from hecasim.trace.chakra.exporting import PER_MEMBER
from hecasim.trace.chakra.matching import Unit
from hecasim.trace.chakra.nodes import COLLECTS, COMPUTES, IDLE, LOADS, SENDS, TREE, Node
from hecasim.trace.chakra.relays import OWN_BYTES
from hecasim.trace.chakra.schema import COMM_TYPES
from hecasim.trace.checking import LARGEST_NUMBER, LONGEST_TEXT, Fault, word
from hecasim.trace.fields import BUFFER_KINDS, LARGEST_FLOPS
from hecasim.trace.log import PHASES
from hecasim.trace.runs import read as read_row
from hecasim.trace.task import COLLECTIVE, COMPUTE, DRAM_READ, DRAM_WRITE, STREAMS, TOGETHER, After, Task

ALGORITHMS = {
    "ALL_REDUCE": "ring.all_reduce", "ALL_GATHER": "ring.all_gather", "REDUCE_SCATTER": "ring.reduce_scatter",
    "REDUCE_SCATTER_BLOCK": "ring.reduce_scatter", "ALL_TO_ALL": "direct.all_to_all", "BROADCAST": "chain.broadcast",
    "REDUCE": "chain.reduce",
}  # fmt: skip
"""What realises a collective of a trace that names no algorithm."""
READ = tuple(name for name in COLLECTIVES if name != PER_PAIR)
"""Collectives that `write_chakra` writes."""
ON_TREES = tuple(name for name in UNEQUAL if name != PER_PAIR)
NO_WORK = Work((), 0)


@dataclass
class Draft:
    """A Task that may still be joined by the same of other tiles."""

    key: tuple[Any, ...]
    tiles: set[int]
    values: dict[str, Any]
    """Fields of the Task that are the same on all its tiles."""
    work: dict[int, Work]
    sizes: dict[int, int]
    group: str
    groups: list[tuple[int, ...]]

    def join(self, other: Draft) -> None:
        """Take the tiles of *other* in."""
        self.tiles |= other.tiles
        self.work |= other.work
        self.sizes |= other.sizes
        self.groups += other.groups


def draft_of(unit: Unit, after: tuple[After, ...], work_of_runtime: Callable[[Node], Work]) -> Draft:
    """What a unit does."""
    node = unit.first
    values: dict[str, Any] = {
        "label": node.text("hecasim_label", _label(node.name)), "block": node.text("hecasim_block", "chakra"),
        "phase": _word(node, "hecasim_phase", PHASES, "forward"), "after": after,
        "takes": _buffers(node, "hecasim_takes"), "gives": _buffers(node, "hecasim_gives"),
        "in_place": node.values.get("hecasim_in_place") is True,
    }  # fmt: skip
    work: dict[int, Work] = {}
    sizes: dict[int, int] = {}
    groups: list[tuple[int, ...]] = []
    if node.kind in COMPUTES:
        values["kind"] = COMPUTE
        work[node.rank] = _work(node, work_of_runtime)
    elif node.kind in (*COLLECTS, *SENDS, TREE, IDLE) or (len(unit.nodes) > 1 and node.kind not in LOADS):
        values |= {"kind": COLLECTIVE} | _exchange(unit)
        groups.append(unit.members)
        sizes.update({rank: one.size(OWN_BYTES) for rank, one in unit.nodes.items() if one.kind == TREE})
    else:
        load = node.kind in LOADS
        values |= {"kind": DRAM_READ if load else DRAM_WRITE,
                   "stream": _word(node, "hecasim_stream", STREAMS[1:], "load" if load else "store"),
                   "together": _word(node, "hecasim_together", ("", *TOGETHER), "")}  # fmt: skip
        sizes.update({rank: one.size("tensor_size") for rank, one in unit.nodes.items()})
        if "hecasim_multicast" in node.values:
            groups.append(unit.members)
    group = node.text("hecasim_group")
    key = (*sorted((name, value) for name, value in values.items() if name != "after"), after, group, bool(groups))
    return Draft(key, set(unit.nodes), values, work, sizes, group, groups)


def task_of(draft: Draft, number: int, tiles: int) -> Task:
    """The finished Task; tiles that have no part in it have no work, no bytes and no partner."""
    values = draft.values | {"id": number, "group": draft.group if draft.groups else ""}
    if draft.values["kind"] == COMPUTE:
        of_tile = [draft.work.get(tile, NO_WORK) for tile in range(tiles)]
        classes = sorted(set(of_tile))
        number_of = {work: at for at, work in enumerate(classes)}
        values["work"] = tuple(classes)
        values["work_of"] = tuple(number_of[work] for work in of_tile) if len(classes) > 1 else None
    elif draft.values["kind"] != COLLECTIVE or draft.values["algorithm"] in ON_TREES:
        sizes = tuple(draft.sizes.get(tile, 0) for tile in range(tiles))
        values["tile_bytes"] = sizes[:1] if len(set(sizes)) == 1 else sizes
    return Task(**values)


def _exchange(unit: Unit) -> dict[str, Any]:
    node, members = unit.first, len(unit.members)
    if node.kind in (TREE, IDLE):
        algorithm, size = _word(node, "hecasim_algorithm", READ, ""), node.size("hecasim_size_bytes")
        if node.kind == TREE and algorithm not in ON_TREES:
            raise ConfigError(node.says(f"hecasim_algorithm: found {algorithm}; expected {' or '.join(ON_TREES)}"))
        return {"algorithm": algorithm, "size_bytes": size}
    if node.kind in COLLECTS:
        name = COMM_TYPES[node.values["comm_type"]]
        size = node.size("comm_size") * (members if name in PER_MEMBER else 1)
        algorithm = ALGORITHMS[name]
    else:
        size, algorithm = node.size("comm_size"), "point.send"
    if "hecasim_size_bytes" in node.values:
        size = node.size("hecasim_size_bytes")
    return {"algorithm": _word(node, "hecasim_algorithm", READ, algorithm), "size_bytes": size}


def _work(node: Node, work_of_runtime: Callable[[Node], Work]) -> Work:
    if "hecasim_gemms" in node.values:
        try:
            numbers = read_row(node.values["hecasim_gemms"], 4096, LARGEST_NUMBER)
        except Fault as fault:
            raise ConfigError(node.says(f"hecasim_gemms{fault.path}: {fault.what}")) from None
        if len(numbers) % 4:
            raise ConfigError(node.says(f"hecasim_gemms: found {len(numbers)} numbers; expected four per product"))
        shapes = tuple(
            (numbers[at], numbers[at + 1], numbers[at + 2], numbers[at + 3]) for at in range(0, len(numbers), 4)
        )
        work = Work(shapes, node.size("hecasim_vector_operations"))
    elif "num_ops" in node.values:
        work = work_of_operations(node.size("num_ops"))
    else:
        work = work_of_runtime(node)
    if work.flops > LARGEST_FLOPS:
        raise ConfigError(node.says(f"found {work.flops} operations; expected at most {LARGEST_FLOPS}"))
    return work


def work_of_operations(operations: int) -> Work:
    """Products with exactly so many operations (an odd one rounded up), as near a cube as whole numbers allow.

    Chakra knows no shapes; the cube is *assumed*. An ideal core does not mind, a systolic array does.
    """
    left = -(-operations // 2)
    gemms = []
    while left:
        side = _root(left)
        depth = left // (side * side)
        gemms.append((1, side, depth, side))
        left -= side * side * depth
    return Work(tuple(gemms), 0)


def _root(number: int) -> int:
    """The whole part of the cube root."""
    low, high = 1, isqrt(number) + 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= number else (low, middle - 1)
    return low


def _buffers(node: Node, name: str) -> tuple[Buffer, ...]:
    made = []
    for part in node.text(name).split():
        kind, _, size = part.partition(":")
        if kind not in BUFFER_KINDS or not size.isdecimal() or len(size) > 15:
            raise ConfigError(node.says(f"{name}: found '{part[:40]}'; expected a class of buffer and its bytes"))
        made.append(Buffer(kind, int(size)))
    return tuple(made)


def _word(node: Node, name: str, known: Any, default: str) -> str:
    try:
        return word(node.text(name, default), known)
    except Fault as fault:
        raise ConfigError(node.says(f"{name}: {fault.what}")) from None


def _label(name: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in name)[:LONGEST_TEXT] or "node"
