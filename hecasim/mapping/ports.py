"""Where DRAM hangs on the package: ports, and the port each tile's traffic goes through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from hecasim.registry import Registry
from hecasim.specs import PackageSpec, TreeSpec
from hecasim.topologies import ATTENTION, Tree


class Port(NamedTuple):
    """A DRAM channel and the tile whose router it is attached to."""

    channel: int
    tile: int


DramMap = Callable[[int, int, int, int], int]
"""(row, column, rows, columns) -> channel; channels count west 0.., then east, north, south."""


def by_row(row: int, column: int, rows: int, columns: int) -> int:
    """Nearest end of the tile's own row; the middle of an odd row goes west."""
    return row if column <= columns - 1 - column else rows + row


def nearest(row: int, column: int, rows: int, columns: int) -> int:
    """Nearest edge of the package; ties go west, east, north, south in this order."""
    distances = (column, columns - 1 - column, row, rows - 1 - row)
    side = distances.index(min(distances))
    return (row, rows + row, 2 * rows + column, 2 * rows + columns + column)[side]


DRAM_MAPS: Registry[DramMap] = Registry("dram_map", {"row": by_row, "nearest": nearest})


def edge_port(channel: int, rows: int, columns: int) -> Port:
    """The port of an edge channel."""
    if channel < rows:
        return Port(channel, channel * columns)
    if channel < 2 * rows:
        return Port(channel, (channel - rows) * columns + columns - 1)
    if channel < 2 * rows + columns:
        return Port(channel, channel - 2 * rows)
    return Port(channel, (rows - 1) * columns + channel - 2 * rows - columns)


def tree_port(tree: Tree, tile: int) -> Port:
    """On a tree a group's chiplets and switch share the switch's channel; every attention chiplet has its own.

    Channels count groups first, then attention chiplets.
    """
    if tree.roles[tile] == ATTENTION:
        return Port(tree.groups + tile, tile)
    return Port(tree.group_of(tile), tree.switch_of(tile))


def channel_rates(package: PackageSpec, channels: int) -> list[int | None]:
    """Bytes per second of each of a package's first *channels* channels; None answers at once.

    The stacks of an attention chiplet work as one channel.
    """
    one = package.memory.bandwidth_bytes_per_s
    if one is None:
        return [None] * channels
    single = package.topology.switches if isinstance(package.topology, TreeSpec) else channels
    return [int(one) * (1 if channel < single else package.memory.root_stacks) for channel in range(channels)]


def ports_of_tiles(package: PackageSpec, dram_map: str) -> list[Port]:
    """The port of every tile, in tile order."""
    if isinstance(package.topology, TreeSpec):
        tree = Tree(*package.topology.shape)
        return [tree_port(tree, tile) for tile in range(tree.size)]
    rows, columns = package.topology.rows, package.topology.columns
    if package.memory.attached == "every_die":
        return [Port(tile, tile) for tile in range(rows * columns)]
    choose = DRAM_MAPS[dram_map]
    return [edge_port(choose(tile // columns, tile % columns, rows, columns), rows, columns)
            for tile in range(rows * columns)]  # fmt: skip


def shares(size_bytes: int, ports: Sequence[Port]) -> list[tuple[Port, int]]:
    """How the ports of a multicast group divide its bytes: nearly equal parts that add up exactly."""
    count = len(ports)
    return [(port, size_bytes * (place + 1) // count - size_bytes * place // count) for place, port in enumerate(ports)]
