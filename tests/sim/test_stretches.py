"""Stretches that were played once from the same state: put back as they were, and the same integers as played."""

import random

import numpy as np
import pytest

from hecasim.mapping.buffers import Buffer
from hecasim.mapping.work import Work
from hecasim.parallel import METHODS
from hecasim.run import build_trace
from hecasim.sim import replay
from hecasim.sim.fast.fingerprint import fingerprint
from hecasim.sim.fast.folding import Folder
from hecasim.sim.fast.remembering import Crests
from hecasim.sim.fast.snapshot import Snapshot
from hecasim.specs import load_model, load_package
from hecasim.trace.task import COMPUTE, After, Task
from tests.sim.equality import assert_same
from tests.sim.parts import trace_of
from tests.sim.random_traces import random_case
from tests.tiny import tiny_inputs


@pytest.fixture
def leaps(monkeypatch):
    """The stretches that runs leap over."""
    found, leap = [], Folder._leap

    def counted(folder, stretch, here):
        found.append(stretch)
        leap(folder, stretch, here)

    monkeypatch.setattr(Folder, "_leap", counted)
    return found


def state_of(folder):
    sums = np.zeros(2, np.int64)
    fingerprint(folder.engine.memory.package, sums, 1)
    return tuple(sums.tolist())


@pytest.fixture
def restless(monkeypatch):
    """Runs that put every boundary's state back at once, some picoseconds later and then where it was."""
    done, boundary = [], Folder.boundary

    def replaced(folder):
        boundary(folder)
        engine = folder.engine
        if int(engine.state["next_body"]) >= len(engine.trace.bodies):
            return
        before, snapshot, now = state_of(folder), Snapshot(engine.memory), engine.now
        for later in (12_345, 0):
            snapshot.put_back(engine.memory, now + later, 0)
            engine.memory.causes["released_ps"][: int(engine.state["causes"])] += later
            assert state_of(folder) == before
            engine.memory.causes["released_ps"][: int(engine.state["causes"])] -= later
        done.append(now)

    monkeypatch.setattr(Folder, "boundary", replaced)
    monkeypatch.setattr(Folder, "_stretch", lambda *_: None)
    return done


def deep(tmp_path, method, overlap, layers):
    """The small package, and the trace of a model of so many layers on it."""
    package, _, plan = tiny_inputs(tmp_path, method=method, overlap=overlap, micro_batch=1, token_tile=32)
    return package, build_trace(package, load_model(tmp_path / "model.yaml", {"layers": str(layers)}), plan)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("overlap", ["none", "micro_batch", "chunk"])
def test_leaps_change_no_number(tmp_path, leaps, method, overlap):
    package, trace = deep(tmp_path, method, overlap, 9)
    assert_same(replay(trace, package, engine="plain"), replay(trace, package))
    assert leaps


@pytest.mark.parametrize("method", METHODS)
def test_what_is_drawn_is_drawn_where_the_plain_engine_draws_it(tmp_path, leaps, method):
    package, trace = deep(tmp_path, method, "micro_batch", 9)
    plain = set(replay(trace, package, engine="plain", keep_spans=True).spans)
    drawn = replay(trace, package, keep_spans=True).spans
    assert leaps
    assert drawn
    assert set(drawn) <= plain
    assert len(set(drawn)) == len(drawn)


def test_leaps_change_no_number_on_uneven_packages_with_a_shared_port(tmp_path, leaps):
    package, _, plan = tiny_inputs(tmp_path, method="hecaton", overlap="chunk", micro_batch=1, token_tile=16)
    package = load_package(package, {
        "topology.columns": "3", "chiplet.sram.ports": "shared", "chiplet.sram.port_bandwidth": "24 GB/s",
        "chiplet.reduction": "vector",
    })  # fmt: skip
    trace = build_trace(package, load_model(tmp_path / "model.yaml", {"layers": "9", "inner": "132"}), plan)
    assert_same(replay(trace, package, engine="plain"), replay(trace, package))
    assert leaps


@pytest.mark.parametrize("method", METHODS)
def test_a_state_put_back_goes_on_as_it_would_have(tmp_path, restless, method):
    package, trace = deep(tmp_path, method, "chunk", 4)
    plain, fast = replay(trace, package, engine="plain"), replay(trace, package)
    assert restless
    assert fast.step_ps == plain.step_ps
    assert fast.lanes == plain.lanes
    assert fast.happenings == plain.happenings


@pytest.mark.parametrize("seed", range(12))
def test_a_random_state_put_back_goes_on_as_it_would_have(restless, seed):
    package, trace, rooms = random_case(random.Random(seed))
    plain, fast = replay(trace, package, engine="plain", rooms=rooms), replay(trace, package, rooms=rooms)
    assert fast.step_ps == plain.step_ps
    assert fast.lanes == plain.lanes


def test_a_stretch_on_top_of_a_fuller_sram_reaches_as_much_higher(leaps):
    """Bodies leave 5 bytes behind and take 100 more for a while; after the last, leapt over, none takes so much."""
    package = load_package("oracle_8x8", {"topology.rows": "1", "topology.columns": "2"})
    common = {"kind": COMPUTE, "block": "ffn", "phase": "forward", "work_of": (0, 0)}
    kinds = []
    for length, high in ((500, 105), (700, 105), (1100, 105), (1300, 1), (1900, 1)):
        work = (Work(((1, length, 1, 1),), 0),)
        takes, gives = (Buffer("activations", high),), (Buffer("activations", max(1, high - 5)),)
        kinds.append([Task(id=0, label="works", work=work, after=(After(-1, 1),), takes=takes, **common),
                      Task(id=1, label="tidies", work=work, after=(After(0, 0),), gives=gives, **common)])  # fmt: skip
    first = [3, 0, 1, 2, 0, 0, 3, 3, 3, 3]
    trace = trace_of(1, 2, kinds, [*first, 4, *first, 3, 4], lead=1)
    assert_same(replay(trace, package, engine="plain"), replay(trace, package))
    assert leaps


def test_crests_are_those_of_their_time():
    """The engine writes the levels of what comes next where those before were."""
    crests, levels = Crests(), np.array([[7, 1]])
    crests.open(1)
    crests.reach(levels)
    levels[...] = 3
    crests.open(2)
    crests.reach(levels)
    assert crests.since(1).tolist() == [[7, 3]]
    assert crests.since(2).tolist() == [[3, 3]]
    assert crests.between(1, 2).tolist() == [[7, 1]]
