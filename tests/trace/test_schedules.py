"""Schedules and overlap rules: what goes through DRAM, and what may run side by side."""

import pytest

import hecasim
from hecasim.parallel import METHODS
from hecasim.specs import load_model, load_package, load_plan
from tests.tiny import tiny_inputs


def run(tmp_path, **plan):
    package, model, _ = tiny_inputs(tmp_path)
    return hecasim.simulate(package, model, load_plan({"batch": 4, "sequence": 64, "capacity": "warn", **plan}))


def dram_bytes(result):
    return result["traffic"]["dram_read_bytes"] + result["traffic"]["dram_write_bytes"]


@pytest.mark.parametrize("method", METHODS)
def test_designs_for_inference_touch_dram_more(tmp_path, method):
    fused, reloading, layerwise = (
        dram_bytes(run(tmp_path, method=method, micro_batch=1, schedule=schedule))
        for schedule in ("fused", "reload_weights", "layerwise")
    )
    assert fused < reloading
    assert fused < layerwise


@pytest.mark.parametrize("method", METHODS)
def test_reloaded_weights_come_once_per_micro_batch(tmp_path, method):
    """Weights twice and gradients both ways, per micro-batch instead of per batch."""
    kept, reloaded = (
        run(tmp_path, method=method, micro_batch=1, schedule=schedule, optimizer="none")["traffic"]
        for schedule in ("fused", "reload_weights")
    )
    once = run(tmp_path, method=method, micro_batch=4, schedule="reload_weights", optimizer="none")["traffic"]
    assert once["dram_write_bytes"] == kept["dram_write_bytes"]
    gradients = (reloaded["dram_write_bytes"] - kept["dram_write_bytes"]) // 3
    assert reloaded["dram_write_bytes"] == kept["dram_write_bytes"] + 3 * gradients
    assert reloaded["dram_read_bytes"] > kept["dram_read_bytes"] + 3 * 2 * gradients


@pytest.mark.parametrize("method", METHODS)
def test_all_schedules_compute_and_exchange_the_same(tmp_path, method):
    results = [run(tmp_path, method=method, schedule=s) for s in ("fused", "layerwise", "reload_weights")]
    assert len({result["flops"]["executed"] for result in results}) == 1
    assert len({result["traffic"]["nop_bytes"]["collective"] for result in results}) == 1


@pytest.mark.parametrize("method", METHODS)
def test_more_overlap_never_moves_other_bytes(tmp_path, method):
    results = [run(tmp_path, method=method, token_tile=32, overlap=o) for o in ("none", "micro_batch", "chunk")]
    assert len({dram_bytes(result) for result in results}) == 1
    assert len({result["traffic"]["nop_link_bytes"] for result in results}) == 1
    none, micro_batch, _ = (result["step_time_ps"] for result in results)
    assert micro_batch < none


def test_with_chunk_collectives_hide_behind_products():
    """Long token tiles on slow links: what was exposed NoP runs beside the next tile's products."""
    package = load_package("oracle_8x8", {"topology.rows": "2", "topology.columns": "2", "link.bandwidth": "8 GB/s"})
    model = load_model("tinyllama-1.1b", {"layers": "1", "vocab": "512"})
    plan = {"batch": 1, "sequence": 1024, "token_tile": 64, "optimizer": "none"}
    serial, hidden = (
        hecasim.simulate(package, model, load_plan({**plan, "overlap": o})) for o in ("micro_batch", "chunk")
    )
    assert hidden["breakdown"]["compute_s"] == pytest.approx(serial["breakdown"]["compute_s"])
    assert hidden["breakdown"]["exposed_nop_s"] < 0.7 * serial["breakdown"]["exposed_nop_s"]
    assert hidden["step_time_ps"] < serial["step_time_ps"]
