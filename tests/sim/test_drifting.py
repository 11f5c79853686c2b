"""Drifts: what falls behind evenly is skipped, and the integers are those of the plain engine."""

import random
import re
from dataclasses import replace

import numpy as np
import pytest

from hecasim.errors import Stalled
from hecasim.mapping.work import Work
from hecasim.run import build_trace
from hecasim.sim import replay
from hecasim.sim.fast import drifting
from hecasim.sim.fast.drifting import periods_ahead
from hecasim.sim.fast.folding import Folder
from hecasim.specs import load_model, load_package
from hecasim.trace.play import series
from hecasim.trace.task import COMPUTE, DRAM_WRITE, After, Task
from tests.sim.equality import assert_same
from tests.sim.parts import trace_of
from tests.sim.random_traces import drifting_case, random_case
from tests.tiny import tiny_inputs

THAT_DRIFT = (34, 113, 173, 208, 304, 384, 396, 411, 424, 428, 469, 483, 498, 501, 581, 647, 744, 747, 753, 755, 808,
              819, 887, 933, 1016, 1041, 1052, 1079, 1178, 1203, 1219, 1241, 1246, 1272)  # fmt: skip


@pytest.fixture
def drifts(monkeypatch):
    """Bodies skipped in each drift of a run."""
    found, drift = [], Folder._drift

    def counted(folder, here):
        before = folder.drifted_bodies
        drift(folder, here)
        if folder.drifted_bodies > before:
            found.append(folder.drifted_bodies - before)

    monkeypatch.setattr(Folder, "_drift", counted)
    return found


@pytest.fixture
def impatient(monkeypatch):
    """Runs that look for drifts wherever nothing recurred once."""
    for name, value in (("BARREN", 1), ("REST", 1), ("MOST_REST", 2)):
        monkeypatch.setattr(drifting, name, value)


def agree(package, trace, rooms):
    """Both engines end alike: with one Log, or at one stall."""
    try:
        plain = replay(trace, package, engine="plain", rooms=rooms)
    except Stalled as stall:
        with pytest.raises(Stalled, match=re.escape(str(stall))):
            replay(trace, package, rooms=rooms)
    else:
        assert_same(plain, replay(trace, package, rooms=rooms))


@pytest.mark.parametrize("seed", THAT_DRIFT)
def test_drifts_change_no_number(impatient, drifts, seed):
    package, trace, rooms = drifting_case(random.Random(seed))
    assert_same(replay(trace, package, engine="plain", rooms=rooms), replay(trace, package, rooms=rooms))
    assert drifts


def chain_of(kind, number, **more):
    """A task that waits for itself in the body before."""
    return Task(id=number, kind=kind, label=f"{kind} {number}", block="ffn", phase="forward",
                after=(After(-1, number),), **more)  # fmt: skip


def lengths(*flops):
    """A length of its own for each tile."""
    return {"work": tuple(Work(((1, flop, 1, 1),), 0) for flop in flops), "work_of": tuple(range(len(flops)))}


def check(package, tasks, bodies, lead):
    rows, columns = package.topology.rows, package.topology.columns
    trace = trace_of(rows, columns, [tasks], [0] * bodies, lead=lead)
    assert_same(replay(trace, package, engine="plain"), replay(trace, package))


def test_what_is_to_happen_first_after_a_drift_comes_first(impatient, drifts):
    """Stores of three sizes fall behind each other, so that those of the next period change places."""
    package = load_package("oracle_8x8", {
        "topology.rows": "1", "topology.columns": "5", "topology.kind": "mesh", "link.bandwidth": "100 GB/s",
        "link.latency": "500 ps", "memory.kind": "hbm2_2000", "memory.attached": "edge",
        "memory.bandwidth": "500 GB/s", "memory.latency": "9000 ps",
    })  # fmt: skip
    store = chain_of(DRAM_WRITE, 0, stream="store", tile_bytes=(64, 64, 0, 0, 1))
    nothing = Task(id=1, kind=COMPUTE, label="nothing", block="ffn", phase="forward", after=(After(0, 0),),
                   work=(Work(((1, 0, 1, 1),), 0),), work_of=(0,) * 5)  # fmt: skip
    check(package, [replace(store, after=(After(-2, 0), After(-1, 0))), nothing], 300, lead=20)
    assert drifts


def test_a_lane_that_has_just_fallen_free_may_be_busy_after_a_drift(impatient, drifts):
    """A chain of stores falls behind a chain of cores; both need the one port of the tile."""
    package = load_package("oracle_8x8", {
        "topology.rows": "1", "topology.columns": "2", "chiplet.sram.ports": "shared",
        "chiplet.sram.port_bandwidth": "1500 GB/s", "memory.kind": "hbm2_2000", "memory.attached": "edge",
        "memory.bandwidth": "501 GB/s", "memory.latency": "9000 ps",
    })  # fmt: skip
    store = chain_of(DRAM_WRITE, 0, stream="store", tile_bytes=(3000, 0))
    check(package, [store, chain_of(COMPUTE, 1, **lengths(50, 5000))], 150, lead=7)
    assert drifts


def test_what_falls_behind_the_boundary_ends_a_drift(impatient, drifts):
    """One tile is a tenth quicker than the others, and does two bodies in the time of one at last."""
    package = load_package("oracle_8x8", {"topology.rows": "2", "topology.columns": "3"})
    first = Task(id=0, kind=COMPUTE, label="first", block="ffn", phase="forward", after=(), **lengths(*[5000] * 6))
    check(package, [first, chain_of(COMPUTE, 1, **lengths(500, 500, 500, 50, 500, 500))], 150, lead=3)
    assert drifts


@pytest.mark.parametrize(("method", "side", "lead", "memory"), [
    ("hecaton", "3", 1, "51.2 GB/s"), ("hecaton", "3", 4, "51.2 GB/s"), ("optimus", "3", 1, "7.3 GB/s"),
])  # fmt: skip
def test_steps_in_which_tiles_run_apart_are_skipped_and_change_no_number(tmp_path, drifts, method, side, lead, memory):
    """Token tiles of one token: a micro-batch is hundreds of bodies."""
    _, _, plan = tiny_inputs(tmp_path, method=method, micro_batch=2, batch=2, token_tile=1, sequence=128, lead=lead)
    package = load_package(
        tmp_path / "package.yaml", {"topology.rows": side, "topology.columns": side, "memory.bandwidth": memory}
    )
    trace = build_trace(package, load_model(tmp_path / "model.yaml", {"layers": "1"}), plan)
    assert_same(replay(trace, package, engine="plain"), replay(trace, package))
    assert sum(drifts) > 32


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 3000, 100))
def test_drifts_change_no_number_wherever_they_may_be(impatient, first):
    for seed in range(first, first + 100):
        agree(*drifting_case(random.Random(seed)))


@pytest.mark.parametrize("seed", range(24))
def test_looking_for_drifts_changes_no_number_among_collectives(impatient, seed):
    agree(*random_case(random.Random(seed)))


def test_periods_are_skipped_up_to_the_first_that_would_change_places():
    values, moves = np.array([10, 5, -4, 0, -9]), np.array([-3, 0, 1, -1, 3])
    assert periods_ahead(values, moves) == 3
    after = values + 3 * moves
    assert ((after > 0) == (values > 0)).all()
    assert (((after + moves) > 0) != (values > 0)).any()
    assert periods_ahead(np.array([0]), np.array([1])) == 0
    assert periods_ahead(np.array([1]), np.array([-1])) == 0
    assert periods_ahead(values, np.zeros(5, np.int64)) > 1 << 60


def test_what_adds_up_grows_as_an_arithmetic_series_does():
    growths = [7 + 3 * turn for turn in range(1, 12)]
    assert series(7, 3, 11) == sum(growths)
