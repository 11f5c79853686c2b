"""The fast engine gives the plain engine's integers, and it really skips."""

import json

import pytest

import hecasim
from hecasim.parallel import METHODS
from hecasim.run import build_trace
from hecasim.sim import replay
from hecasim.specs import load_model, load_package, load_plan
from tests.tiny import tiny_inputs


def both_engines(package, model, plan):
    trace = build_trace(package, model, plan)
    return replay(trace, package, fold=False), replay(trace, package, fold=True)


def assert_same(plain, fast):
    assert fast.step_ps == plain.step_ps
    assert fast.tasks == plain.tasks
    assert fast.happenings == plain.happenings
    assert fast.lanes == plain.lanes
    assert fast.layers == plain.layers
    assert fast.core_wait_ps == plain.core_wait_ps
    assert fast.sram_peaks == plain.sram_peaks
    for one, other in zip(plain.tiles, fast.tiles, strict=True):
        assert (one.spent, one.hidden) == (other.spent, other.hidden)


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


@pytest.mark.parametrize("changes", [
    {"topology.columns": "3"},
    {"topology.kind": "torus", "topology.rows": "3"},
    {"chiplet.sram.nop_bandwidth": "20 GB/s", "chiplet.sram.dram_bandwidth": "10 GB/s"},
    {"memory.attached": "every_die"},
])  # fmt: skip
def test_folding_changes_no_number_on_uneven_and_narrow_packages(tmp_path, changes):
    tiny_inputs(tmp_path)
    package = load_package(tmp_path / "package.yaml", changes)
    model = load_model(tmp_path / "model.yaml", {"layers": "8", "inner": "130"})
    plan = load_plan({"batch": 4, "micro_batch": 1, "sequence": 48, "segment_bytes": "1 KiB"})
    assert_same(*both_engines(package, model, plan))


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
        del document["simulation"]["engine"]
        documents.append(json.dumps(document))
    assert documents[0] == documents[1]
