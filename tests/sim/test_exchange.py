"""Collectives in flight: closed forms on a quiet package, late joiners, unequal starts, sums that take time."""

import pytest

from hecasim.sim import replay
from hecasim.trace.task import After
from tests.sim.parts import NS, collective, compute, oracle, trace_of

RATE = 32  # bytes per nanosecond


def step_ps(trace, package):
    return replay(trace, package).step_ps


def serialisation(size):
    return -(-size * NS // RATE)


@pytest.mark.parametrize("members", [2, 4, 6])
def test_a_ring_of_neighbours_takes_its_steps_times_hop_and_chunk(members):
    size = members * 64 * 1000
    trace = trace_of(2, members // 2, [[collective(0, "ring.all_reduce", size)]])
    steps = 2 * (members - 1)
    assert step_ps(trace, oracle(2, members // 2)) == steps * (10 * NS + serialisation(64 * 1000))


def test_gather_and_scatter_are_each_half_an_all_reduce():
    times = [step_ps(trace_of(2, 3, [[collective(0, f"ring.{kind}", 60_000)]]), oracle(2, 3))
             for kind in ("all_gather", "reduce_scatter", "all_reduce")]  # fmt: skip
    assert times[0] == times[1]
    assert times[2] == 2 * times[0]


def test_sums_delay_the_scatter_and_not_the_gather():
    free, summing = oracle(2, 2), oracle(2, 2, **{"chiplet.sram.reduction_bandwidth": "16 GB/s"})
    for kind, extra in (("all_gather", 0), ("reduce_scatter", 3 * 2 * serialisation(16_000))):
        trace = trace_of(2, 2, [[collective(0, f"ring.{kind}", 64_000)]])
        assert step_ps(trace, summing) == step_ps(trace, free) + extra


def late(tile, flops):
    """One tile computes before it joins; at 10 TFLOP/s a FLOP lasts 0.1 ps."""
    work = compute(0, flops)
    idle = compute(0, 0).work
    return type(work)(**{
        field: getattr(work, field) for field in work.__dataclass_fields__
    } | {"work": (*idle, *work.work), "work_of": tuple(int(one == tile) for one in range(4))})  # fmt: skip


@pytest.mark.parametrize("tile", range(4))
def test_a_late_member_holds_back_a_ring_by_its_lateness(tile):
    quiet = step_ps(trace_of(2, 2, [[collective(0, "ring.all_gather", 64_000)]]), oracle(2, 2))
    trace = trace_of(2, 2, [[late(tile, 10**8), collective(1, "ring.all_gather", 64_000, [After(0, 0)])]])
    assert step_ps(trace, oracle(2, 2)) == 10**7 + quiet


def test_what_arrives_before_a_member_has_joined_waits_for_it():
    trace = trace_of(2, 2, [[late(0, 10**8), collective(1, "direct.all_to_all", 64_000, [After(0, 0)])]])
    log = replay(trace, oracle(2, 2))
    alone = step_ps(trace_of(2, 2, [[collective(0, "direct.all_to_all", 64_000)]]), oracle(2, 2))
    assert 10**7 < log.step_ps <= 10**7 + alone


@pytest.mark.parametrize("segment_bytes", [1000, 4096, 1 << 40])
def test_cutting_messages_changes_no_ring_of_neighbours(segment_bytes):
    trace = trace_of(2, 2, [[collective(0, "ring.all_reduce", 64_000)]], segment_bytes=segment_bytes)
    assert step_ps(trace, oracle(2, 2)) == 6 * (10 * NS + serialisation(16_000))


def test_two_collectives_on_the_same_wires_take_as_long_as_both():
    one = step_ps(trace_of(2, 2, [[collective(0, "ring.all_gather", 640_000)]]), oracle(2, 2))
    both = trace_of(2, 2, [[collective(number, "ring.all_gather", 640_000) for number in range(2)]])
    assert one < step_ps(both, oracle(2, 2)) <= 2 * one
