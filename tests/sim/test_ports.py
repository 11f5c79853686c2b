"""One SRAM port for everybody, and sums on the vector unit: hand-made cases to the picosecond."""

from dataclasses import replace

import pytest

from hecasim.analytic import estimate, take_census
from hecasim.mapping.compute import duration_ps, hold
from hecasim.mapping.work import Work
from hecasim.sim import replay
from hecasim.specs import load_package
from hecasim.trace.task import DRAM_READ, After
from tests.sim.parts import NS, collective, compute, oracle, trace_of
from tests.sim.test_memory import EDGE, dram

ASKING_PS = 2
"""A grant asks for nothing in its own instant, and a segment's way through a port takes a picosecond."""


def shared(rows, columns, rate="1 TB/s", **more):
    return oracle(rows, columns, **{"chiplet.sram.ports": "shared", "chiplet.sram.port_bandwidth": rate}, **more)


def ends(log):
    return {(span.label, span.tile): span.end_ps for span in log.spans}


def operands(flops):
    """Bytes of a product of one row and one column, each half as long as there are FLOPs, in 2-byte elements."""
    return 2 * (flops + 1)


def test_a_core_alone_at_a_shared_port_takes_the_longer_of_arithmetic_and_operands():
    for flops, rate, longer in ((10**7, "1 TB/s", operands(10**7)), (10**7, "100 TB/s", 10**6)):
        package = shared(1, 1, rate)
        assert duration_ps(package.chiplet, compute(0, flops).work[0], 2) == longer
        log = replay(trace_of(1, 1, [[compute(0, flops)]]), package)
        assert log.step_ps == (longer + ASKING_PS if longer > 10**6 else longer)
        assert [lane.bytes_carried for lane in log.lanes if lane.kind == "port"] == [operands(flops)]


def test_separate_ports_queue_nothing_for_the_core():
    work = Work(((1, 4, 4, 4),), 8)
    package = oracle(1, 1, **{"chiplet.sram.core_bandwidth": "1 GB/s"})
    assert hold(package.chiplet, work, 2) == (duration_ps(package.chiplet, work, 2), 0)
    assert duration_ps(package.chiplet, work, 2) == (48 + 8) * 2 * NS


def test_operands_wait_for_a_message_that_passes_the_port_first():
    tasks = [compute(0, 10_000), collective(1, "point.send", 32_000, group="pair")]
    trace = trace_of(1, 2, [tasks])
    trace.groups["pair"] = ((0, 1),)
    log = replay(trace, shared(1, 2), keep_spans=True)
    # Tile 0's message holds its port for 32,000 ps from the start; the operands asked for at 1 ps follow it.
    assert ends(log)["compute 0", 0] == 32_000 + 1 + operands(10_000)
    # At tile 1 the head of the message comes a port and a hop later, while the operands pass.
    assert ends(log)["compute 0", 1] == ASKING_PS + operands(10_000)
    head = 1 + 10 * NS
    waits = {lane.name: lane.wait_ps for lane in log.lanes if lane.kind == "port"}
    assert waits == {"sram 0 port": 32_000 - 1, "sram 1 port": 1 + operands(10_000) - head}


@pytest.mark.parametrize(("segment_bytes", "granted_ps"), [(1 << 40, 1 + operands(10_000)), (4_000, 1 + 2 * 4_000)])
def test_a_load_waits_for_the_segment_of_operands_that_passes_and_no_longer(segment_bytes, granted_ps):
    package = shared(1, 1, **EDGE | {"memory.latency": "5 ns", "memory.bandwidth": "unlimited"})
    trace = trace_of(1, 1, [[compute(0, 10_000), dram(DRAM_READ, [1_600], number=1)]], segment_bytes=segment_bytes)
    log = replay(trace, package, keep_spans=True)
    # The load's head comes at 5,000 ps; the operands began to pass at 1 ps.
    assert ends(log)["dram", 0] == granted_ps + 1 + 1_600
    put_off = 1_600 if segment_bytes < operands(10_000) else 0
    assert ends(log)["compute 0", 0] == ASKING_PS + operands(10_000) + put_off


def test_dram_fills_and_drains_through_the_shared_port():
    trace = trace_of(1, 1, [[dram(DRAM_READ, [16_000])]])
    slow = shared(1, 1, "4 GB/s", **EDGE)
    assert replay(trace, slow).step_ps == 100 * NS + 1 + 4_000 * NS


def test_all_bytes_of_a_tile_are_counted_at_its_port():
    tasks = [compute(0, 10_000), collective(1, "ring.all_reduce", 32_000), dram(DRAM_READ, [1_600] * 4, number=2)]
    package, trace = shared(2, 2, **EDGE), trace_of(2, 2, [tasks])
    log, census = replay(trace, package), take_census(trace, package)
    assert sum(lane.bytes_carried for lane in log.lanes if lane.kind == "port") == census.sram_bytes
    assert estimate(trace, package)[0].step_ps <= log.step_ps


# --- sums on the vector unit ------------------------------------------------------------------------------------------

CORE = {"chiplet.core": {"kind": "systolic", "clock": "1 GHz", "arrays": 1, "rows": 4, "columns": 4, "dataflow": "ws",
                         "vector_lanes": 8}}  # fmt: skip
CHUNK = 16_000
SUM_PS = CHUNK // 2 // 8 * NS
"""8,000 elements of two bytes on 8 lanes at 1 GHz."""


def vector(rows, columns, **more):
    return oracle(rows, columns, **CORE, **{"chiplet.reduction": "vector"}, **more)


@pytest.mark.parametrize(("kind", "sums"), [("all_gather", 0), ("reduce_scatter", 3), ("all_reduce", 3)])
def test_every_step_of_a_reduce_scatter_is_longer_by_its_sum(kind, sums):
    trace = trace_of(2, 2, [[collective(0, f"ring.{kind}", 4 * CHUNK)]])
    free, summing = replay(trace, oracle(2, 2)), replay(trace, vector(2, 2))
    assert summing.step_ps == free.step_ps + sums * SUM_PS
    computing = [tile.hidden[0][0] for tile in summing.tiles]
    assert computing == [sums * SUM_PS] * 4
    census = take_census(trace, vector(2, 2))
    assert list(census.core_ps) == computing
    assert census.vector_operations == 4 * sums * CHUNK // 2


def test_sums_wait_for_work_that_comes_first_in_the_trace_and_not_for_later_work():
    other = replace(compute(0, 2), work=(Work((), 80_000),))  # 10 us on 8 lanes
    message = 10 * NS + CHUNK * NS // 32
    first = trace_of(2, 2, [[other, collective(1, "ring.reduce_scatter", 4 * CHUNK)]])
    log = replay(first, vector(2, 2))
    # The first message is there long before the core is free; its sum follows the work, then all goes on as alone.
    assert log.step_ps == 10_000 * NS + SUM_PS + 2 * (message + SUM_PS)
    assert log.core_wait_ps == 4 * (10_000 * NS - message)
    later = replace(compute(1, 2), work=(Work((), 4_000),))
    gap = replay(trace_of(2, 2, [[collective(0, "ring.reduce_scatter", 4 * CHUNK), later]]), vector(2, 2))
    assert gap.step_ps == 3 * (message + SUM_PS)  # it runs in the half microsecond of the first message


def test_a_sum_of_a_late_member_is_made_when_it_has_come():
    late = replace(compute(0, 2), work=(Work((), 0), Work((), 80_000)), work_of=(1, 0, 0, 0))
    trace = trace_of(2, 2, [[late, collective(1, "ring.reduce_scatter", 4 * CHUNK, [After(0, 0)])]])
    message = 10 * NS + CHUNK * NS // 32
    assert replay(trace, vector(2, 2)).step_ps == 10_000 * NS + 3 * (message + SUM_PS)


def test_the_sum_of_an_ideal_core_costs_nothing():
    trace = trace_of(2, 2, [[collective(0, "ring.reduce_scatter", 4 * CHUNK)]])
    free, ideal = oracle(2, 2), oracle(2, 2, **{"chiplet.reduction": "vector"})
    assert replay(trace, ideal).step_ps == replay(trace, free).step_ps


def test_sums_fetch_their_operands_through_a_shared_port():
    port = {"chiplet.sram.ports": "shared", "chiplet.sram.port_bandwidth": "1 GB/s"}
    package = vector(2, 2, **port)
    trace = trace_of(2, 2, [[collective(0, "ring.reduce_scatter", 4 * CHUNK)]])
    log, census = replay(trace, package), take_census(trace, package)
    assert sum(lane.bytes_carried for lane in log.lanes if lane.kind == "port") == census.sram_bytes
    assert census.sram_bytes == 4 * 3 * (2 * CHUNK + CHUNK)
    wide = replay(trace, load_package(package, {"chiplet.sram.port_bandwidth": "1000 TB/s"}))
    assert log.step_ps > wide.step_ps
