"""The fast engine gives the plain engine's integers, and it really skips."""

import json

import pytest

import hecasim
from hecasim.errors import Stalled
from hecasim.mapping.buffers import Buffer
from hecasim.mapping.work import Work
from hecasim.parallel import METHODS
from hecasim.run import build_trace
from hecasim.sim import replay
from hecasim.specs import load_model, load_package, load_plan
from hecasim.trace.task import COMPUTE, After, Task
from tests.sim.equality import assert_same
from tests.sim.parts import trace_of
from tests.tiny import tiny_inputs


def both_engines(package, model, plan, rooms=None):
    trace = build_trace(package, model, plan)
    return replay(trace, package, engine="plain", rooms=rooms), replay(trace, package, rooms=rooms)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("overlap", ["none", "micro_batch", "chunk"])
@pytest.mark.parametrize("schedule", ["fused", "layerwise", "reload_weights"])
@pytest.mark.parametrize("micro_batch", [1, 4])
def test_folding_changes_no_number_and_skips_bodies(tmp_path, method, overlap, schedule, micro_batch):
    package, _, plan = tiny_inputs(
        tmp_path, method=method, overlap=overlap, schedule=schedule, micro_batch=micro_batch, token_tile=32
    )
    model = load_model(tmp_path / "model.yaml", {"layers": "10"})
    plain, fast = both_engines(package, model, plan)
    assert_same(plain, fast)
    assert fast.folded_bodies > 0
    assert plain.folded_bodies == 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["mesh", "torus"])
@pytest.mark.parametrize("overlap", ["none", "micro_batch", "chunk"])
def test_folding_and_claims_change_no_number_on_larger_rings(tmp_path, method, kind, overlap):
    package, _, plan = tiny_inputs(tmp_path, method=method, overlap=overlap, micro_batch=1)
    package = load_package(package, {"topology.kind": kind, "topology.rows": "4", "topology.columns": "4"})
    model = load_model(tmp_path / "model.yaml", {"layers": "3"})
    assert_same(*both_engines(package, model, plan))


@pytest.mark.parametrize("changes", [
    {"topology.columns": "3"},
    {"topology.kind": "torus", "topology.rows": "3"},
    {"chiplet.sram.nop_bandwidth": "20 GB/s", "chiplet.sram.dram_bandwidth": "10 GB/s"},
    {"memory.attached": "every_die"},
    {"chiplet.sram.ports": "shared", "chiplet.sram.port_bandwidth": "12 GB/s"},
    {"chiplet.reduction": "vector", "chiplet.core.vector_lanes": "1"},
    {"chiplet.sram.ports": "shared", "chiplet.sram.port_bandwidth": "40 GB/s", "chiplet.reduction": "vector",
     "topology.columns": "3"},
])  # fmt: skip
def test_folding_changes_no_number_on_uneven_and_narrow_packages(tmp_path, changes):
    tiny_inputs(tmp_path)
    package = load_package(tmp_path / "package.yaml", changes)
    model = load_model(tmp_path / "model.yaml", {"layers": "8", "inner": "130"})
    plan = load_plan({"batch": 4, "micro_batch": 1, "sequence": 48, "segment_bytes": "1 KiB"})
    assert_same(*both_engines(package, model, plan))


@pytest.mark.parametrize("overlap", ["micro_batch", "chunk"])
@pytest.mark.parametrize("changes", [
    {"chiplet.sram.ports": "shared", "chiplet.sram.port_bandwidth": "24 GB/s"},
    {"chiplet.reduction": "vector"},
    {"chiplet.sram.ports": "shared", "chiplet.sram.port_bandwidth": "24 GB/s", "chiplet.reduction": "vector"},
])  # fmt: skip
def test_folding_skips_bodies_also_with_a_shared_port_and_sums_on_the_core(tmp_path, overlap, changes):
    package, model, plan = tiny_inputs(tmp_path, method="hecaton", overlap=overlap, micro_batch=1, token_tile=32)
    plain, fast = both_engines(load_package(package, changes), load_model(model, {"layers": "8"}), plan)
    assert_same(plain, fast)
    assert fast.folded_bodies > 0


def test_folding_changes_no_number_where_tasks_wait_for_space(tmp_path):
    package, model, plan = tiny_inputs(tmp_path, method="hecaton", overlap="chunk", micro_batch=1, token_tile=16)
    plain, fast = both_engines(package, load_model(model, {"layers": "6"}), plan, rooms=(None, 15_184))
    assert_same(plain, fast)
    assert plain.sram_wait_ps > 0
    assert fast.folded_bodies > 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("recompute", "schedule", "overlap"), [
    ("full", "fused", "micro_batch"), ("full", "fused", "chunk"), ("full", "reload_weights", "none"),
    ("full", "layerwise", "micro_batch"), ("selective", "fused", "micro_batch"),
])  # fmt: skip
def test_folding_changes_no_number_where_forward_runs_again(tmp_path, method, recompute, schedule, overlap):
    package, _, plan = tiny_inputs(
        tmp_path, method=method, overlap=overlap, schedule=schedule, recompute=recompute, micro_batch=1, token_tile=32
    )
    plain, fast = both_engines(package, load_model(tmp_path / "model.yaml", {"layers": "8"}), plan)
    assert_same(plain, fast)
    assert fast.folded_bodies > 0


def test_results_of_both_engines_are_one_document(tmp_path):
    package, _, _ = tiny_inputs(tmp_path)
    model = load_model(tmp_path / "model.yaml", {"layers": "12"})
    documents = []
    for engine in ("plain", "fast"):
        plan = load_plan({"batch": 4, "sequence": 64, "engine": engine})
        document = hecasim.simulate(package, model, plan).to_json()
        assert (document["simulation"].pop("folded") > 0) == (engine == "fast")
        for part in ("host", "inputs"):
            del document[part]
        for key in ("engine", "claimed"):
            del document["simulation"][key]
        documents.append(json.dumps(document))
    assert documents[0] == documents[1]


def test_a_stall_behind_what_was_skipped_is_told_as_the_plain_engine_tells_it():
    """Sixty bodies fold; two tasks of the last one need more of the SRAM than there is, and none gives any back."""
    package = load_package("oracle_8x8", {"topology.rows": "1", "topology.columns": "2"})
    work = {
        "kind": COMPUTE,
        "block": "ffn",
        "phase": "forward",
        "work": (Work(((1, 500, 1, 1),), 0),),
        "work_of": (0, 0),
    }
    hoards = {"takes": (Buffer("activations", 60),), "after": ()}
    bodies = [[Task(id=0, label="works", after=(After(-1, 0),), **work)],
              [Task(id=number, label=f"hoards {number}", **work, **hoards) for number in range(2)]]  # fmt: skip
    trace = trace_of(1, 2, bodies, [0] * 60 + [1])
    stalls = []
    for engine in ("plain", "fast"):
        with pytest.raises(Stalled) as caught:
            replay(trace, package, engine=engine, rooms=(None, 100))
        stalls.append(str(caught.value))
    assert stalls[0] == stalls[1]
    assert int(stalls[0].split(" ps")[0].split()[-1]) > 59 * 50
