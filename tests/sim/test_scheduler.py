"""The scheduler: what waits for what, how far it looks ahead, and what it says when nothing moves any more."""

import pytest

from hecasim.analytic import estimate
from hecasim.errors import ConfigError, Stalled
from hecasim.mapping.buffers import Buffer
from hecasim.run import simulate
from hecasim.sim import replay
from hecasim.specs import load_model, load_package
from hecasim.trace.task import After
from tests.sim.parts import collective, compute, oracle, trace_of
from tests.tiny import tiny_inputs

MICRO = 10**7  # FLOPs of a microsecond at 10 TFLOP/s
US = 10**6


def test_a_task_starts_when_what_it_waits_for_has_ended():
    chain = [compute(0, MICRO), compute(1, 2 * MICRO, [After(0, 0)]), compute(2, MICRO, [After(0, 1)])]
    log = replay(trace_of(1, 1, [chain]), oracle(1, 1))
    assert log.step_ps == 4 * US
    assert log.tasks == 3


def test_a_wait_on_an_earlier_body_holds_across_bodies():
    tasks = [compute(0, MICRO), compute(1, MICRO, [After(0, 0)])]
    trace = trace_of(1, 1, [tasks, [compute(0, MICRO, [After(-1, 1)])]])
    log = replay(trace, oracle(1, 1), keep_spans=True)
    assert [span.start_ps for span in log.spans] == [0, US, 2 * US]


def test_tiles_wait_only_for_themselves():
    slow_first = compute(0, MICRO, work_of=(0, 1))
    slow_first = type(slow_first)(**{
        name: getattr(slow_first, name) for name in slow_first.__dataclass_fields__
    } | {"work": (compute(0, 2 * MICRO).work[0], compute(0, MICRO).work[0])})  # fmt: skip
    log = replay(trace_of(1, 2, [[slow_first, compute(1, MICRO, [After(0, 0)])]]), oracle(1, 2), keep_spans=True)
    second = {span.tile: span.start_ps for span in log.spans if span.label == "compute 1"}
    assert second == {0: 2 * US, 1: US}


@pytest.mark.parametrize("lead", [1, 2, 7])
def test_a_body_is_issued_when_the_one_a_look_ahead_before_has_ended(lead):
    bodies = [[compute(0, MICRO)]] + [[collective(0, "ring.all_gather", 64)]] * 9
    trace = trace_of(1, 2, bodies, lead=lead)
    log = replay(trace, oracle(1, 2), keep_spans=True)
    starts = [span.start_ps for span in log.spans if span.label.startswith("ring") and not span.tile]
    assert sum(start < US for start in starts) == lead
    assert log.step_ps >= US


def test_tasks_that_wait_for_each_other_stall_and_are_named():
    circle = [compute(0, MICRO, [After(0, 1)]), compute(1, MICRO, [After(0, 0)])]
    with pytest.raises(Stalled, match=r"compute 0.*waits for compute 1"):
        replay(trace_of(1, 1, [circle]), oracle(1, 1))


def test_a_task_that_waits_for_itself_stalls():
    with pytest.raises(Stalled, match="never ended"):
        replay(trace_of(1, 1, [[compute(0, MICRO, [After(0, 0)])]]), oracle(1, 1))


def test_a_stall_behind_work_that_ran_still_says_where():
    circle = [compute(0, MICRO), compute(1, MICRO, [After(0, 0), After(0, 2)]), compute(2, MICRO, [After(0, 1)])]
    with pytest.raises(Stalled, match=r"compute 1.*waits for compute 2") as caught:
        replay(trace_of(1, 2, [[compute(0, MICRO)], circle]), oracle(1, 2))
    assert caught.value.exit_code == 4
    assert "body 1" in str(caught.value)


def test_a_trace_of_another_grid_is_refused():
    with pytest.raises(ConfigError, match="1x2"):
        replay(trace_of(1, 2, [[compute(0, MICRO)]]), oracle(2, 1))


def test_sram_is_taken_at_the_start_and_given_at_the_end():
    take = compute(0, MICRO, takes=(Buffer("activations", 100),))
    both = compute(1, MICRO, [After(0, 0)], takes=(Buffer("activations", 50),), gives=(Buffer("activations", 150),))
    swap = compute(1, MICRO, [After(0, 0)], takes=(Buffer("activations", 50),), gives=(Buffer("activations", 100),),
                   in_place=True)  # fmt: skip
    assert replay(trace_of(1, 1, [[take, both]]), oracle(1, 1)).sram_peak_bytes == 150
    assert replay(trace_of(1, 1, [[take, swap]]), oracle(1, 1)).sram_peak_bytes == 100


def test_the_analytic_rung_follows_the_same_waits():
    tasks = [compute(0, MICRO), compute(1, MICRO, [After(0, 0)]), compute(2, 3 * MICRO)]
    trace = trace_of(1, 1, [tasks, [compute(0, MICRO, [After(-1, 1)])]])
    assert estimate(trace, oracle(1, 1))[0].step_ps == 6 * US == replay(trace, oracle(1, 1)).step_ps


@pytest.mark.parametrize("traffic", [True, False])
def test_the_critical_path_leads_back_to_the_beginning_through_tasks_of_no_time(tmp_path, traffic):
    """An ideal core behind an unlimited port makes the optimizer's step take no time at all."""
    package, model, plan = tiny_inputs(tmp_path, batch=4, micro_batch=1, sequence=8, optimizer_traffic=traffic)
    package = load_package(package, {"chiplet.core": {"kind": "ideal", "peak": "3 GFLOP/s"},
                                     "chiplet.sram.core_bandwidth": "unlimited"})  # fmt: skip
    result = simulate(package, load_model(model, {"layers": 3}), plan)
    assert sum(step["time_s"] for step in result["critical_path"]) == pytest.approx(result["step_time_s"])
