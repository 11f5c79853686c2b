"""A collective that is claimed and not played leaves what its events would have left, whenever it is disturbed."""

import random
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hecasim.errors import Stalled
from hecasim.mapping.work import Work
from hecasim.sim import replay
from hecasim.sim.fast.writing import Tables
from hecasim.trace.log import Log
from hecasim.trace.task import COMPUTE, DRAM_READ, DRAM_WRITE, After, Task
from tests.sim.equality import assert_same
from tests.sim.parts import collective, oracle, trace_of
from tests.sim.random_traces import random_case

FAST = {"link.bandwidth": "8000 GB/s", "link.latency": "7 ps"}
"""Links on which a collective of a few hundred bytes lasts less than 2,000 ps."""


def unfolded(trace, package, rooms=None):
    """A fast replay that skips no body, so that every task of every body has its spans."""
    return replay(trace, package, fold=False, keep_spans=True, rooms=rooms)


def check(trace, package, rooms=None):
    """All engines agree, task by task where nothing is skipped; the log of one that skips nothing.

    Where one stalls, all do, and say the same.
    """
    try:
        plain = replay(trace, package, engine="plain", keep_spans=True, rooms=rooms)
    except Stalled as stall:
        with pytest.raises(Stalled, match=re.escape(str(stall))):
            unfolded(trace, package, rooms)
        return Log.empty(trace, keep_spans=False)
    claimed = unfolded(trace, package, rooms)
    assert sorted(claimed.spans) == sorted(plain.spans)
    assert_same(plain, claimed)
    assert_same(plain, replay(trace, package, rooms=rooms))
    return claimed


def delays(number, tiles, delays_ps):
    """A task that keeps some tiles busy for so many ps (at 10 TFLOP/s a FLOP lasts 0.1 ps), the others not at all."""
    lengths = sorted({0, *delays_ps.values()})
    return Task(
        id=number, kind=COMPUTE, label=f"delay {number}", block="ffn", phase="forward", after=(),
        work=tuple(Work(((1, 5 * length, 1, 1),), 0) for length in lengths),
        work_of=tuple(lengths.index(delays_ps.get(tile, 0)) for tile in range(tiles)),
    )  # fmt: skip


def check_random(seed):
    package, trace, rooms = random_case(random.Random(seed))
    return check(trace, package, rooms)


@settings(max_examples=300)
@given(seed=st.integers(0, 2**32 - 1))
def test_both_engines_agree_on_random_traces(seed):
    check_random(seed)


@pytest.mark.parametrize("seed", [16056, 21011, 22051, 46053])
def test_what_lets_a_body_be_issued_depends_on_no_order(seed):
    """Several tasks that later bodies must see ended end in one picosecond: the last in the trace counts."""
    check_random(seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(0, 100_000, 1000))
def test_both_engines_agree_on_many_more_random_traces(seed):
    logs = [check_random(seed + number) for number in range(60)]
    assert any(log.disturbances for log in logs)


def test_random_traces_meet_all_that_can_happen():
    logs = [check_random(seed) for seed in range(40)]
    assert sum(log.claimed for log in logs) > 40
    assert sum(log.disturbances for log in logs) > 10
    assert any(log.sram_wait_ps for log in logs)


# --- undisturbed ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", [
    "ring.all_reduce", "ring.all_gather", "torus_2d.all_reduce", "direct.all_to_all", "rounds.reduce_scatter",
])  # fmt: skip
@pytest.mark.parametrize("segment_bytes", [1 << 40, 100])
@pytest.mark.parametrize("kind", ["mesh", "torus"])
@pytest.mark.parametrize("changes", [
    {}, {"chiplet.sram.nop_bandwidth": "40 GB/s"}, {"chiplet.sram.reduction_bandwidth": "64 GB/s"},
    {"chiplet.sram.ports": "shared", "chiplet.sram.port_bandwidth": "90 GB/s"},
])  # fmt: skip
def test_a_collective_alone_is_never_played(algorithm, segment_bytes, kind, changes):
    package = oracle(4, 4, **{"topology.kind": kind}, **changes)
    log = check(trace_of(4, 4, [[collective(0, algorithm, 16_000)]], segment_bytes=segment_bytes), package)
    assert (log.claimed, log.disturbances) == (1, 0)


@pytest.mark.parametrize("late", range(6))
@pytest.mark.parametrize("algorithm", ["ring.all_reduce", "direct.all_to_all"])
def test_members_that_come_late_are_waited_for(late, algorithm):
    starts = {late: 10**6, (late + 2) % 6: 300, (late + 3) % 6: 40_000}
    log = check(trace_of(2, 3, [[delays(0, 6, starts), collective(1, algorithm, 6000, [After(0, 0)])]]), oracle(2, 3))
    alone = replay(trace_of(2, 3, [[collective(0, algorithm, 6000)]]), oracle(2, 3))
    assert (log.claimed, log.disturbances) == (1, 0)
    assert log.step_ps == 10**6 + alone.step_ps


def test_sums_on_the_cores_are_played():
    package = oracle(2, 3, **{"chiplet.reduction": "vector"})
    log = check(trace_of(2, 3, [[collective(0, "ring.all_reduce", 6000)]]), package)
    assert not log.claimed


def test_equal_groups_share_a_rehearsal():
    """32 rows are rehearsed as one: the claims of all cost no more events than those of one row."""
    trace = trace_of(4, 4, [[collective(0, "ring.all_gather", 16_000, group="rows")]])
    rows = tuple(tuple(range(4 * row, 4 * row + 4)) for row in range(4))
    trace = replace(trace, groups={"rows": rows})
    tables = Tables(trace, oracle(4, 4), (None, None), contention=True)
    assert len(tables.schedules.schedules) == 4
    assert len(tables.schedules.outcomes) == 1
    assert check(trace, oracle(4, 4)).claimed == 4


# --- disturbed at every picosecond ----------------------------------------------------------------------------

DISTURBERS = {
    "message": (5, collective(3, "point.send", 500, [After(0, 0)], group="pair")),
    "load": (1, Task(id=3, kind=DRAM_READ, label="load", block="ffn", phase="forward", after=(After(0, 0),),
                     stream="load", tile_bytes=(0, 400, 0, 0, 0, 0))),
    "store": (4, Task(id=3, kind=DRAM_WRITE, label="store", block="ffn", phase="forward", after=(After(0, 0),),
                      stream="store", tile_bytes=(0, 0, 0, 0, 400, 0))),
}  # fmt: skip
"""A tile, and what it does when it has waited: it crosses links of the collective."""
EDGE = {"memory.kind": "hbm2_2000", "memory.attached": "edge", "memory.latency": "1 ps",
        "memory.bandwidth": "4000 GB/s"}  # fmt: skip
PORTS = {"chiplet.sram.nop_bandwidth": "5000 GB/s"}
SIZES = {"direct.all_to_all": 9000}


def trace_disturbed(algorithm, segment_bytes, *, after_ps, disturber):
    tile, task = DISTURBERS[disturber]
    ring = collective(2, algorithm, SIZES.get(algorithm, 1200), [After(0, 1)])
    tasks = [delays(0, 6, {tile: after_ps}), delays(1, 6, {0: 60, 2: 60}), ring]
    trace = trace_of(2, 3, [[*tasks, task]], segment_bytes=segment_bytes)
    return replace(trace, groups=trace.groups | {"pair": ((5, 1), (0,), (2,), (3,), (4,))})


@pytest.mark.parametrize(("algorithm", "changes", "segment_bytes"), [
    ("ring.all_reduce", {}, 1 << 40),
    ("ring.all_reduce", PORTS | {"chiplet.sram.reduction_bandwidth": "9000 GB/s"}, 100),
    ("ring.reduce_scatter", {"chiplet.sram.reduction_bandwidth": "9000 GB/s"}, 150),
    ("torus_2d.all_reduce", {}, 1 << 40),
    ("rounds.all_gather", {}, 1 << 40),
    ("direct.all_to_all", {}, 1 << 40),
    ("direct.all_to_all", PORTS, 20),
])  # fmt: skip
@pytest.mark.parametrize("disturber", DISTURBERS)
def test_a_disturber_may_come_at_every_picosecond(algorithm, changes, segment_bytes, disturber):
    package = oracle(2, 3, **FAST, **EDGE, **changes)
    # A disturber that comes long after leaves the collective alone: its end is when tile 1 has left it.
    quiet = unfolded(trace_disturbed(algorithm, segment_bytes, after_ps=10**6, disturber=disturber), package)
    lasts = max(span.end_ps for span in quiet.spans if span.label == f"{algorithm} 2")
    assert 90 < lasts < 2500
    assert not quiet.disturbances
    disturbed = 0
    for now in range(1, lasts + 2):
        trace = trace_disturbed(algorithm, segment_bytes, after_ps=now, disturber=disturber)
        plain = replay(trace, package, engine="plain", keep_spans=True)
        fast = replay(trace, package, keep_spans=True)
        assert sorted(fast.spans) == sorted(plain.spans), f"disturbed at {now} ps"
        assert_same(plain, fast)
        disturbed += fast.disturbances
    assert disturbed > 20
