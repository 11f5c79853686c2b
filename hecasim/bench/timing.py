"""Timing a case: CPU time of this process, best of a few rounds, beside a bare SimPy loop in the same rounds."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass

from hecasim.bench.cases import Case, Integers
from hecasim.errors import CheckFailed
from hecasim.sim.reference_loop import timeouts_cpu_s

ROUNDS = 3
ENOUGH_CPU_S = 6.0
"""A case that has taken this long is not run again: its noise is small against its length."""
PATIENCE = 3
"""Rounds more for a case that looks slow, before it is called slow: other work may have disturbed it."""


@dataclass(frozen=True)
class Measured:
    """What one case gave: its integers, and its CPU time over that of the bare loop."""

    name: str
    integers: Integers
    cpu_s: float
    reference_cpu_s: float

    @property
    def ratio(self) -> float:
        """CPU time in bare loops, four digits: noise is never smaller."""
        return float(f"{self.cpu_s / self.reference_cpu_s:.4g}")


def measure(case: Case, slow_ratio: float | None = None) -> Measured:
    """Run *case* until its time is known; above *slow_ratio* it gets more rounds.

    Raises CheckFailed where two runs of it gave different integers.
    """
    run = case.prepare()
    integers: Integers = {}
    best, reference, spent = float("inf"), float("inf"), 0.0
    for number in range(ROUNDS + PATIENCE):
        slow = slow_ratio is not None and best > slow_ratio * reference
        if number and not slow and (number >= ROUNDS or spent >= ENOUGH_CPU_S):
            break
        gc.collect()
        reference = min(reference, timeouts_cpu_s())
        start = time.process_time()
        found = run()
        taken = time.process_time() - start
        best, spent = min(best, taken), spent + taken
        if integers and found != integers:
            raise CheckFailed(f"bench: {case.name}: {_first_difference(found, integers)} in two runs of one process")
        integers = found
    return Measured(case.name, integers, best, reference)


def _first_difference(ours: Integers, others: Integers) -> str:
    key = next(key for key in sorted(ours.keys() | others.keys()) if ours.get(key) != others.get(key))
    return f"{key} was {others.get(key)} and {ours.get(key)}"
