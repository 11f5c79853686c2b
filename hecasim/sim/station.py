"""Stations own lanes: the NoP router its links, the SRAM buffer its ports (`sram.py`), the DRAM controller its channel.

Each is a SimPy process. It is not woken for every segment: a free lane is granted by table in the grant pass;
the process sleeps until a lane with waiting segments falls free.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import simpy

from hecasim.sim.clock import Clock
from hecasim.sim.lane import Lane
from hecasim.trace.task import STREAMS


class Station:
    """A component whose process serves the lanes it owns."""

    def __init__(self, clock: Clock, name: str, lane_kind: type[Lane] = Lane) -> None:
        self.clock = clock
        self.name = name
        self.lane_kind = lane_kind
        self.lanes: list[Lane] = []
        self._freed: list[Lane] = []
        self._wake = clock.env.event()
        clock.env.process(self.serve())

    def lane(self, name: str, bytes_per_s: int | None, latency_ps: int, streams: int = len(STREAMS)) -> Lane:
        """Add a lane that this station serves."""
        lane = self.lane_kind(self.clock, self.rouse, name, bytes_per_s, latency_ps, streams)
        self.lanes.append(lane)
        return lane

    def rouse(self, lane: Lane) -> None:
        """A lane with waiting segments has fallen free."""
        self._freed.append(lane)
        if not self._wake.triggered:
            self._wake.succeed()

    def serve(self) -> Generator[simpy.Event, Any, None]:
        """Process: sleep until lanes fall free, then let them take part in the grant pass."""
        while True:
            yield self._wake
            self._wake = self.clock.env.event()
            freed, self._freed = self._freed, []
            for lane in freed:
                lane.alarmed = False
                self.clock.ask(lane)
            self.clock.settle()


class Router(Station):
    """NoP router of one tile with its outgoing links.

    Modelled: dimension-order routes, one grant per link and segment, latency per hop.
    Not modelled: crossbar conflicts (a hop's latency holds the router's own), finite buffers.
    """


class DramController(Station):
    """DRAM channel behind a port: latency of the first byte, then bandwidth, first come first served per stream.

    Modelled: one shared channel for reads and writes. Not modelled: banks, rows, refresh, bus turnaround.
    """
