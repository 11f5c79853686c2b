"""The shipped cases: every method and fidelity among them, and each still gives the integers that are stored."""

import pytest

from hecasim.bench import CASES, measure, read_stored
from hecasim.bench.cases import FIDELITIES
from hecasim.bench.stored import STORED
from hecasim.parallel import METHODS


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_gives_the_stored_integers(case):
    assert case.prepare()() == read_stored(STORED)[case.name].integers


def test_a_case_is_timed_beside_the_bare_loop():
    case = next(case for case in CASES if case.name == "ring_64_plain")
    measured = measure(case)
    assert measured.integers == case.prepare()()
    assert measured.cpu_s > 0 < measured.reference_cpu_s
    assert measured.ratio == pytest.approx(measured.cpu_s / measured.reference_cpu_s, rel=1e-3)


def test_every_method_has_a_case_of_every_fidelity():
    plans = [dict(case.plan) for case in CASES if hasattr(case, "plan")]
    found = {(plan.get("method"), plan.get("fidelity")) for plan in plans}
    assert {(method, fidelity) for method in METHODS for fidelity in FIDELITIES} <= found


def test_the_recomputed_the_overlapped_and_the_folded_case_are_what_they_say():
    stored = read_stored(STORED)
    assert stored["hecaton_recompute_full"].integers["flops.by_phase.recompute"] > 0
    assert stored["llama2_7b_8x8_folded"].integers["simulation.folded"] > 0
    assert (
        stored["hecaton_overlap_chunk"].integers["step_time_ps"] != stored["hecaton_message"].integers["step_time_ps"]
    )
    assert stored["ring_64_plain"].integers["step_time_ps"] == stored["ring_64_fast"].integers["step_time_ps"]
