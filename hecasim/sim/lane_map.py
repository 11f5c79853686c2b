"""Where a message of a grid goes next, as a table: in dimension order its place and its target say that alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hecasim.topologies import Grid, Torus

if TYPE_CHECKING:
    from hecasim.sim.hardware import Hardware
    from hecasim.sim.lane import Lane, Span

Numbers = NDArray[np.int64]


class LaneMap:
    """The lanes between all SRAMs of a grid. Place t < tiles is the SRAM of tile t, place tiles + t its router."""

    def __init__(self, hardware: Hardware, grid: Grid) -> None:
        tiles = grid.size
        self.lanes: list[Lane] = list(hardware.links)
        heads = [tiles + target for _, target in grid.links]
        links = _next_links(grid)
        self.next: Numbers = np.vstack((links, links))
        """(place, target tile) -> number of the lane; -1: it has arrived."""
        for tile in range(tiles):
            out, into = hardware.nop_ports(tile)
            if out is not None:
                self.next[tile] = len(self.lanes)
                self.lanes.append(out)
                heads.append(tiles + tile)
            self.next[tile, tile] = -1
            if into is not None:
                self.next[tiles + tile, tile] = len(self.lanes)
                self.lanes.append(into)
                heads.append(tile)
        self.head: Numbers = np.array(heads, np.int64)
        """Place to which a lane leads."""
        self.latency: Numbers = np.array([lane.latency_ps for lane in self.lanes], np.int64)
        self._hold: dict[tuple[Span, ...], Numbers] = {}

    def hold_of(self, spans: tuple[Span, ...]) -> Numbers:
        """(segment, lane) -> how long it keeps the lane, in ps."""
        if spans not in self._hold:
            rates = {lane.rate: lane for lane in self.lanes}
            times = {rate: [lane.serialisation_ps(span) for span in spans] for rate, lane in rates.items()}
            self._hold[spans] = np.array([times[lane.rate] for lane in self.lanes], np.int64).T
        return self._hold[spans]


def _next_links(grid: Grid) -> Numbers:
    """(tile, target) -> number of the link that leaves the tile towards the target; -1 at the target itself."""
    table = [[-1] * grid.size for _ in range(grid.size)]
    for target, sources in enumerate(_far_first(grid)):
        for source in sources:
            if table[source][target] < 0:  # else it lies on the way of one further off
                for number in grid.route(source, target):
                    table[grid.links[number][0]][target] = number
    return np.array(table, np.int64)


def _far_first(grid: Grid) -> Sequence[Sequence[int]]:
    """Per target all tiles, the most distant first."""
    row, column = np.divmod(np.arange(grid.size), grid.columns)
    down, across = np.abs(row[:, None] - row), np.abs(column[:, None] - column)
    if isinstance(grid, Torus):
        down, across = np.minimum(down, grid.rows - down), np.minimum(across, grid.columns - across)
    found: list[list[int]] = np.argsort(-(down + across), axis=1, kind="stable").tolist()
    return found
