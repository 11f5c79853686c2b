"""Two Logs of one trace, number by number, and the engines beside the analytic rung."""

import json

from hecasim.results.breakdown import critical_path
from hecasim.run import simulate


def assert_same(plain, fast):
    """Everything that the engines must agree on."""
    assert fast.step_ps == plain.step_ps
    assert fast.tasks == plain.tasks
    assert fast.happenings == plain.happenings
    assert fast.lanes == plain.lanes
    assert fast.layers == plain.layers
    assert fast.core_wait_ps == plain.core_wait_ps
    assert fast.sram_wait_ps == plain.sram_wait_ps
    assert (fast.sram_peaks, fast.sram_peak_bytes) == (plain.sram_peaks, plain.sram_peak_bytes)
    for one, other in zip(plain.tiles, fast.tiles, strict=True):
        assert (one.spent, one.hidden) == (other.spent, other.hidden)
    assert critical_path(fast) == critical_path(plain)


def assert_engines_agree_above_bounds(package, model, plan):
    """Both engines give one document, and its step is no shorter than the analytic one, nor that than any bound."""
    fast, plain, lower = (
        simulate(package, model, plan.model_copy(update=update))
        for update in ({}, {"engine": "plain"}, {"fidelity": "analytic"})
    )
    documents = [dict(result.to_json(), host={}, inputs={}, simulation={}) for result in (fast, plain)]
    assert json.dumps(documents[0]) == json.dumps(documents[1])
    assert max(fast["bounds_s"].values()) <= lower["step_time_s"] <= fast["step_time_s"]
