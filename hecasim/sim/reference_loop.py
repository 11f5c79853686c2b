"""A bare SimPy loop: how fast this machine is at best, so that speeds are told as ratios to it."""

from __future__ import annotations

import time
from collections.abc import Generator

import simpy

TIMEOUTS = 50_000
"""Some 25 ms on a machine of 2023: long against the clock's tick, short against what is measured beside it."""


def timeouts_cpu_s(count: int = TIMEOUTS) -> float:
    """CPU seconds of this process for *count* timeouts of one SimPy process that does nothing else."""
    environment = simpy.Environment()

    def tick() -> Generator[simpy.Event, None, None]:
        for _ in range(count):
            yield environment.timeout(1)

    environment.process(tick())
    start = time.process_time()
    environment.run()
    return time.process_time() - start
