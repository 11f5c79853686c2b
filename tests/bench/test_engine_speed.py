"""How fast messages pass links, measured beside bare SimPy so that a slow machine does not look like a slow engine."""

import time

import pytest

from hecasim.bench.cases import lone_ring
from hecasim.sim import replay
from hecasim.sim.reference_loop import TIMEOUTS, timeouts_cpu_s

LEAST_PER_CPU_S = 250_000
BARE_TIMEOUTS_PER_CPU_S = 1_500_000
"""Of the machine that the least is asked of: together a ratio of 0.167. Measured: 0.22 to 0.27."""
LEAST_RATIO = LEAST_PER_CPU_S / BARE_TIMEOUTS_PER_CPU_S


@pytest.mark.bench
@pytest.mark.parametrize("side", [8, 16])
def test_the_plain_engine_passes_a_quarter_of_a_million_messages_a_cpu_second(benchmark, capsys, side):
    trace, package = lone_ring(side, side)
    bare_s, spent_s = [], []

    def run():
        bare_s.append(timeouts_cpu_s())
        start = time.process_time()
        log = replay(trace, package, engine="plain")
        spent_s.append(time.process_time() - start)
        transfers = sum(lane.segments for lane in log.lanes if lane.kind == "link")
        assert transfers == 2 * (side**2 - 1) * side**2

    benchmark.pedantic(run, rounds=8 if side == 8 else 3, iterations=1)
    bare_per_s = TIMEOUTS / min(bare_s)
    transfers_per_s = 2 * (side**2 - 1) * side**2 / min(spent_s)
    ratio = transfers_per_s / bare_per_s
    benchmark.extra_info.update(ratio=ratio, transfers_per_cpu_s=transfers_per_s, bare_per_cpu_s=bare_per_s)
    with capsys.disabled():
        said = f"{transfers_per_s:,.0f} link transfers per CPU second, {ratio:.3f} of {bare_per_s:,.0f} bare timeouts"
        print(f"\nring of {side**2}, plain engine: {said}")  # noqa: T201 - a figure to read, beside the assertion
    assert ratio >= LEAST_RATIO
