"""A collective that is computed at once leaves what its events would have left, whenever it is disturbed."""

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hecasim.mapping.work import Work
from hecasim.results.breakdown import critical_path
from hecasim.sim import fold, recurrence, replay
from hecasim.sim.recurrence import Recurrence
from hecasim.trace.task import COMPUTE, DRAM_READ, DRAM_WRITE, After, Task
from tests.sim.parts import collective, oracle, trace_of
from tests.sim.random_traces import random_case

FAST = {"link.bandwidth": "8000 GB/s", "link.latency": "7 ps"}
"""Links on which a collective of a few hundred bytes lasts less than 2,000 ps."""


@pytest.fixture
def seen(monkeypatch):
    """How many collectives were computed, and how many of them disturbed; however small they are."""
    counts, book, disturb = Counter(), Recurrence.book, Recurrence.disturb

    def booked(self, outcome):
        counts["computed"] += 1
        book(self, outcome)

    def disturbed(self):
        counts["disturbed later" if self.outcome else "disturbed while members were missing"] += 1
        disturb(self)

    monkeypatch.setattr(recurrence, "LEAST_TRANSFERS", 0)
    monkeypatch.setattr(Recurrence, "book", booked)
    monkeypatch.setattr(Recurrence, "disturb", disturbed)
    return counts


def unfolded(trace, package):
    """A fast replay that skips no body, so that every task of every body has its spans."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold.Folder, "boundary", lambda self: None)
        return replay(trace, package, keep_spans=True)


def assert_equal(one, other):
    assert other.step_ps == one.step_ps
    assert other.lanes == one.lanes
    assert other.happenings == one.happenings
    assert other.layers == one.layers
    assert (other.tasks, other.core_wait_ps, other.sram_wait_ps) == (one.tasks, one.core_wait_ps, one.sram_wait_ps)
    assert critical_path(other) == critical_path(one)
    for here, there in zip(one.tiles, other.tiles, strict=True):
        assert (here.spent, here.hidden) == (there.spent, there.hidden)


def check(trace, package):
    """All engines agree, task by task where nothing is skipped."""
    plain, computed = replay(trace, package, fold=False, keep_spans=True), unfolded(trace, package)
    assert sorted(computed.spans) == sorted(plain.spans)
    assert_equal(plain, computed)
    assert_equal(plain, replay(trace, package))
    return plain


def delays(number, tiles, delays_ps):
    """A task that keeps some tiles busy for so many ps (at 10 TFLOP/s a FLOP lasts 0.1 ps), the others not at all."""
    lengths = sorted({0, *delays_ps.values()})
    return Task(
        id=number, kind=COMPUTE, label=f"delay {number}", block="ffn", phase="forward", after=(),
        work=tuple(Work(((1, 5 * length, 1, 1),), 0) for length in lengths),
        work_of=tuple(lengths.index(delays_ps.get(tile, 0)) for tile in range(tiles)),
    )  # fmt: skip


def check_random(seed):
    package, trace = random_case(random.Random(seed))
    check(trace, package)


@settings(max_examples=300)
@given(seed=st.integers(0, 2**32 - 1))
def test_both_engines_agree_on_random_traces(seed):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recurrence, "LEAST_TRANSFERS", 0)
        check_random(seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(0, 100_000, 1000))
def test_both_engines_agree_on_many_more_random_traces(seed, seen):
    for number in range(30):
        check_random(seed + number)
    assert min(seen.values()) > 0
    assert len(seen) == 3


def test_random_traces_meet_all_that_can_happen(seen):
    for seed in range(20):
        check_random(seed)
    assert set(seen) == {"computed", "disturbed later", "disturbed while members were missing"}


# --- undisturbed ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", [
    "ring.all_reduce", "ring.all_gather", "torus_2d.all_reduce", "direct.all_to_all",
])  # fmt: skip
@pytest.mark.parametrize("segment_bytes", [1 << 40, 100])
@pytest.mark.parametrize("kind", ["mesh", "torus"])
@pytest.mark.parametrize("changes", [
    {}, {"chiplet.sram.nop_bandwidth": "40 GB/s"}, {"chiplet.sram.reduction_bandwidth": "64 GB/s"},
])  # fmt: skip
def test_a_collective_alone_is_computed_and_never_played(seen, algorithm, segment_bytes, kind, changes):
    package = oracle(4, 4, **{"topology.kind": kind}, **changes)
    check(trace_of(4, 4, [[collective(0, algorithm, 16_000)]], segment_bytes=segment_bytes), package)
    assert seen["computed"] > 0
    assert seen.total() == seen["computed"]


@pytest.mark.parametrize("late", range(6))
@pytest.mark.parametrize("algorithm", ["ring.all_reduce", "direct.all_to_all"])
def test_unequal_starts_are_computed_too(seen, late, algorithm):
    starts = {late: 10**6, (late + 2) % 6: 300, (late + 3) % 6: 40_000}
    check(trace_of(2, 3, [[delays(0, 6, starts), collective(1, algorithm, 6000, [After(0, 0)])]]), oracle(2, 3))
    assert seen == {"computed": 2}


def test_two_directions_that_share_ports_are_played(seen):
    package = oracle(2, 3, **{"chiplet.sram.nop_bandwidth": "40 GB/s"})
    check(trace_of(2, 3, [[collective(0, "ring.all_reduce", 6000)]], ring="bidirectional"), package)
    assert not seen


@pytest.mark.parametrize("changes", [
    {"chiplet.sram.ports": "shared", "chiplet.sram.port_bandwidth": "90 GB/s"}, {"chiplet.reduction": "vector"},
])  # fmt: skip
def test_what_shares_a_port_or_a_core_is_played(seen, changes):
    check(trace_of(2, 3, [[collective(0, "ring.all_reduce", 6000)]]), oracle(2, 3, **changes))
    assert not seen["computed"]


def test_messages_that_overtake_each_other_are_played(seen):
    """A slow sum holds the last message of a reduce-scatter back behind the first one of the all-gather."""
    package = oracle(2, 3, **FAST, **{"chiplet.sram.reduction_bandwidth": "20 GB/s"})
    trace = trace_of(2, 3, [[delays(0, 6, {3: 10**6}), collective(1, "ring.all_reduce", 6000, [After(0, 0)])]])
    check(trace, package)
    assert seen == {"disturbed while members were missing": 2}


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
    """Tiles 0 and 2 join a little late, so that some messages wait for their receivers."""
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
    ("direct.all_to_all", {}, 1 << 40),
    ("direct.all_to_all", PORTS, 20),
])  # fmt: skip
@pytest.mark.parametrize("disturber", DISTURBERS)
def test_a_disturber_may_come_at_every_picosecond(seen, algorithm, changes, segment_bytes, disturber):
    package = oracle(2, 3, **FAST, **EDGE, **changes)
    # A disturber that comes long after leaves the collective alone: its end is when tile 1 has left it.
    quiet = unfolded(trace_disturbed(algorithm, segment_bytes, after_ps=10**6, disturber=disturber), package)
    lasts = max(span.end_ps for span in quiet.spans if span.label == f"{algorithm} 2")
    assert 90 < lasts < 2000
    assert seen.total() == seen["computed"]
    for now in range(1, lasts + 2):
        trace = trace_disturbed(algorithm, segment_bytes, after_ps=now, disturber=disturber)
        plain = replay(trace, package, fold=False, keep_spans=True)
        fast = replay(trace, package, keep_spans=True)
        assert sorted(fast.spans) == sorted(plain.spans), f"disturbed at {now} ps"
        assert_equal(plain, fast)
    assert seen["disturbed while members were missing"] > 0
    assert seen["disturbed later"] > 5
