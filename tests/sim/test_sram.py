"""Space in SRAM: who waits for it, in which order it is given, and what is said when nobody can go on."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hecasim.errors import InfeasiblePlan, Stalled
from hecasim.mapping.buffers import Buffer
from hecasim.mapping.sram import rooms_of
from hecasim.results.breakdown import waits_s
from hecasim.run import simulate
from hecasim.sim import replay
from hecasim.sim.sram import Entrant, Sram
from hecasim.specs import load_package
from hecasim.trace import build_trace
from hecasim.trace.space import new_space
from hecasim.trace.task import After
from tests.sim.parts import NS, compute, fresh, oracle, trace_of
from tests.sim.test_memory import DRAM_READ, EDGE, dram
from tests.tiny import tiny_inputs

MICRO = 10**7  # FLOPs of a microsecond at 10 TFLOP/s
US = 10**6


def held(size, kind="activations"):
    return (Buffer(kind, size),)


def starts(log, tile=0):
    return {span.label: span.start_ps for span in log.spans if span.tile == tile}


def load_beside_work(load_bytes=50, **work):
    """A task of a microsecond that holds 100 bytes, and a load that could start at once; on one die at the edge."""
    first = compute(0, MICRO, takes=held(100), gives=held(100), **work)
    load = replace(dram(DRAM_READ, [32_000], number=1), takes=held(load_bytes), label="load")
    return trace_of(1, 1, [[first, load, compute(2, MICRO, [After(0, 1)], gives=held(load_bytes))]])


def test_a_task_waits_until_what_lacks_has_been_given_back():
    package = oracle(1, 1, **EDGE)
    free = replay(load_beside_work(), package, rooms=(None, 150), keep_spans=True)
    tight = replay(load_beside_work(), package, rooms=(None, 149), keep_spans=True)
    assert starts(free)["load"] == 0
    assert starts(tight)["load"] == US
    assert (free.sram_wait_ps, tight.sram_wait_ps) == (0, US)
    assert tight.step_ps == free.step_ps + US == US + 100 * NS + 2000 * NS + US
    assert tight.sram_peak_bytes == 100


def test_pools_do_not_stand_in_for_each_other():
    weights = replace(dram(DRAM_READ, [32_000], number=1), takes=held(50, "weights"), label="load")
    tasks = [compute(0, MICRO, takes=held(100), gives=held(100)), weights,
             compute(2, MICRO, [After(0, 1)], gives=held(50, "weights"))]  # fmt: skip
    trace = trace_of(1, 1, [tasks])
    assert starts(replay(trace, oracle(1, 1, **EDGE), rooms=(50, 100), keep_spans=True))["load"] == 0
    with pytest.raises(InfeasiblePlan, match=r"pool 'weights'.*'load'.*50 bytes.*49 bytes"):
        replay(trace, oracle(1, 1, **EDGE), rooms=(49, 100))


def test_gradients_lie_with_the_weights_and_gathered_values_with_the_activations():
    both = (Buffer("weights", 1), Buffer("gradients", 2), Buffer("activations", 4), Buffer("gathered", 8))
    assert new_space(compute(0, 2, takes=both)) == (3, 12)


def test_a_task_that_gives_back_in_place_as_much_as_it_takes_never_waits():
    swap = compute(1, MICRO, [After(0, 0)], takes=held(100), gives=held(100), in_place=True)
    assert new_space(swap) is None
    tasks = [compute(0, MICRO, takes=held(100)), swap, compute(2, MICRO, [After(0, 1)], gives=held(100))]
    log = replay(trace_of(1, 1, [tasks]), oracle(1, 1), rooms=(None, 100))
    assert (log.step_ps, log.sram_wait_ps) == (3 * US, 0)


class Run:
    """As much of a live body as an SRAM looks at."""

    def __init__(self, index):
        self.index = index


def let_in(requests, room, gives=()):
    """(time, (body, task)) of every task let in; requests are (time, body, task, bytes), gives (time, bytes)."""
    clock, found = fresh(), []
    sram = Sram(clock, "sram 0", rooms=(None, room), begin=lambda one: found.append((clock.now, one.place())))
    for at, body, task, size in requests:
        spec = compute(task, 2, takes=held(size))
        clock.at(at, sram.ask, Entrant(Run(body), task, 0, spec, (0, size), at))
    for at, size in gives:
        clock.at(at, sram.give, held(size))
    clock.run()
    return sram, found


@given(st.permutations([(5, 0, 1, 40), (5, 0, 2, 40), (5, 1, 0, 40)]))
def test_space_is_given_in_trace_order_whatever_the_order_of_events(order):
    sram, found = let_in(order, 80)
    assert found == [(5, (0, 1)), (5, (0, 2))]
    assert [one.place() for one in sram.waiting] == [(1, 0)]


def test_nobody_passes_an_earlier_task_that_waits():
    requests = [(0, 0, 0, 90), (1, 0, 1, 60), (2, 0, 2, 10)]
    _, found = let_in(requests, 100, gives=[(9, 90)])
    assert found == [(0, (0, 0)), (9, (0, 1)), (9, (0, 2))]


def test_an_earlier_task_of_the_trace_goes_before_one_that_has_waited_longer():
    _, found = let_in([(0, 0, 0, 90), (1, 2, 0, 60), (5, 1, 0, 60)], 100, gives=[(9, 90)])
    assert found == [(0, (0, 0)), (9, (1, 0))]


@given(st.permutations(["give", "ask"]))
def test_what_is_given_back_in_the_same_picosecond_counts(order):
    clock, found = fresh(), []
    sram = Sram(clock, "sram 0", rooms=(None, 100), begin=lambda one: found.append(clock.now))
    sram.take(held(100))
    actions = {"give": (sram.give, held(100)),
               "ask": (sram.ask, Entrant(Run(0), 0, 0, compute(0, 2, takes=held(100)), (0, 100), 3))}  # fmt: skip
    for name in order:
        clock.at(3, *actions[name])
    clock.run()
    assert found == [3]
    assert (sram.wait_ps, sram.total_peak) == (0, 100)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 4), st.integers(0, 4), st.integers(1, 60)), max_size=10,
                unique_by=lambda request: request[1:3]), st.randoms())  # fmt: skip
def test_a_pool_is_never_overfull_and_events_of_an_instant_may_come_in_any_order(requests, random):
    sram, found = let_in(requests, 100)
    shuffled = list(requests)
    random.shuffle(shuffled)
    assert let_in(shuffled, 100)[1] == found
    assert sram.held[1] <= 100
    assert len(found) + len(sram.waiting) == len(requests)


def test_tasks_that_wait_for_each_others_space_stall_and_say_what_they_lack():
    tasks = [compute(0, MICRO, takes=held(60)), compute(1, MICRO, takes=held(60)),
             compute(2, MICRO, [After(0, 0), After(0, 1)], gives=held(120))]  # fmt: skip
    with pytest.raises(Stalled, match=r"'compute 1' of body 0 .* on tile 0 and 1 more lacks 20 bytes") as caught:
        replay(trace_of(1, 2, [tasks]), oracle(1, 2), rooms=(None, 100))
    assert "60 needed, 40 of 100 free" in str(caught.value)
    assert caught.value.exit_code == 4


def test_a_task_behind_one_that_lacks_space_is_named_too():
    tasks = [compute(0, MICRO, takes=held(60)), compute(1, MICRO, takes=held(60)), compute(2, MICRO, takes=held(10)),
             compute(3, MICRO, [After(0, 1), After(0, 2)], gives=held(130))]  # fmt: skip
    with pytest.raises(Stalled, match=r"'compute 2' .* waits behind an earlier task"):
        replay(trace_of(1, 1, [tasks]), oracle(1, 1), rooms=(None, 100))


def test_a_task_that_can_never_fit_is_refused_before_the_run():
    with pytest.raises(InfeasiblePlan, match=r"101 bytes.*100 bytes.*chiplet.sram.activations") as caught:
        replay(trace_of(1, 1, [[compute(0, MICRO, takes=held(101))]]), oracle(1, 1), rooms=(None, 100))
    assert caught.value.exit_code == 3


def test_a_trace_on_a_package_of_less_sram_is_held_to_it(tmp_path):
    package, model, plan = tiny_inputs(tmp_path)
    trace = build_trace(package, model, plan)
    with pytest.raises((InfeasiblePlan, Stalled)):
        replay(trace, load_package(package, {"chiplet.sram.activations": "2 KiB"}))


def test_a_plan_let_through_with_a_warning_plays_as_in_unlimited_sram(tmp_path):
    package, model, plan = tiny_inputs(tmp_path, capacity="warn", token_tile=64)
    small = load_package(package, {"chiplet.sram.activations": "2 KiB"})
    result, free = simulate(small, model, plan), simulate(package, model, plan)
    assert result["step_time_ps"] == free["step_time_ps"]
    assert result["waits_s"]["sram"] == 0
    assert any("activation SRAM exceeded" in remark for remark in result["simulation"]["approximations"])


def test_a_warning_widens_no_pool_that_suffices():
    sram = oracle(1, 1, **{"chiplet.sram.weights": "2 KiB", "chiplet.sram.activations": "4 KiB"}).chiplet.sram
    assert rooms_of(sram) == rooms_of(sram, "warn", 4096) == (2048, 4096)
    assert rooms_of(sram, "warn", 5000) == (2048, 5000)
    assert rooms_of(sram, "refuse", 5000) == (2048, 4096)


@pytest.mark.parametrize("method", ["hecaton", "megatron", "optimus"])
def test_the_token_tiles_of_the_mapping_never_wait(tmp_path, method):
    for overlap in ("none", "micro_batch", "chunk"):
        package, model, plan = tiny_inputs(tmp_path, method=method, overlap=overlap, batch=2, micro_batch=1)
        package = load_package(package, {"chiplet.sram.activations": "48 KiB", "chiplet.sram.weights": "48 KiB"})
        assert simulate(package, model, plan)["waits_s"]["sram"] == 0


def test_waiting_for_space_is_a_row_of_the_waits_of_a_result():
    log = replay(load_beside_work(), oracle(1, 1, **EDGE), rooms=(None, 149))
    assert waits_s(log)["sram"] == pytest.approx(1e-6)
