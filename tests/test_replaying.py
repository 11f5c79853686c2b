"""Replay of a written trace gives the document of the run that wrote it."""

import itertools
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hecasim import load_model, load_package, load_plan
from hecasim.errors import ConfigError, InfeasiblePlan, Stalled
from hecasim.parallel import METHODS
from hecasim.replaying import package_of, read_trace, replay_trace
from hecasim.run import simulate
from hecasim.trace import After, build_trace
from hecasim.trace.file import read, write
from tests.sim.parts import collective, compute, oracle, trace_of
from tests.tiny import tiny_inputs
from tests.trace.test_mixture import inputs

TRACES = Path(__file__).parents[1] / "traces"
CHOICES = list(itertools.product(METHODS, ("fused", "layerwise", "reload_weights"), ("none", "micro_batch", "chunk")))


def without_host(result):
    document = result.to_json()
    del document["host"]
    return document


@pytest.mark.parametrize(("method", "schedule", "overlap"), CHOICES)
def test_a_written_trace_replays_to_the_same_document(tmp_path, method, schedule, overlap):
    """Fast on every choice, plain on one overlap of each: both engines give the numbers of their own runs."""
    inputs = tiny_inputs(tmp_path, method=method, schedule=schedule, overlap=overlap, token_tile=32)
    write(build_trace(*inputs), tmp_path / "step.jsonl")
    trace = read(tmp_path / "step.jsonl")
    fast = simulate(*inputs)
    assert without_host(replay_trace(trace, inputs[0])) == without_host(fast)
    if overlap == "micro_batch":
        assert replay_trace(trace, inputs[0], engine="plain")["step_time_ps"] == fast["step_time_ps"]


@pytest.mark.parametrize(("attention", "dense_first"), [(1, 0), (2, 0), (4, 1)])
@pytest.mark.parametrize(("copies", "point"), [("per_expert", "attention"), ("per_chiplet", "switch")])
def test_a_mixture_of_experts_replays_to_the_same_document(tmp_path, attention, dense_first, copies, point):
    package, model, plan = inputs(attention, dense_first, dispatch_copies=copies, dispatch_point=point)
    write(build_trace(package, model, plan), tmp_path / "step.jsonl")
    trace = read(tmp_path / "step.jsonl")
    run = simulate(package, model, plan)
    assert without_host(replay_trace(trace, package)) == without_host(run)
    plain = replay_trace(trace, package, engine="plain")
    assert (plain["step_time_ps"], plain["tile_time_ps"]) == (run["step_time_ps"], run["tile_time_ps"])


@pytest.mark.parametrize("overlap", ["none", "micro_batch", "chunk"])
def test_a_plan_that_was_only_warned_of_replays_in_the_room_it_was_given(tmp_path, overlap):
    """A task larger than the pool is refused and tasks that fill it stall, unless the pool is as wide as in the run."""
    package, model, plan = tiny_inputs(tmp_path, capacity="warn", overlap=overlap, token_tile=64)
    short = load_package(package, {"chiplet.sram.activations": "12 KiB"})
    first = simulate(short, model, plan)
    assert any(line.startswith("activation SRAM exceeded") for line in first["simulation"]["approximations"])
    write(build_trace(short, model, plan), tmp_path / "step.jsonl")
    trace = read(tmp_path / "step.jsonl")
    for engine in ("fast", "plain"):
        again = replay_trace(trace, short, engine=engine)
        assert again["step_time_ps"] == first["step_time_ps"]
        assert again["memory"] == first["memory"]
    assert without_host(replay_trace(trace, short)) == without_host(first)
    trace.about["inputs"]["plan"]["capacity"] = "refuse"
    with pytest.raises((InfeasiblePlan, Stalled)):
        replay_trace(trace, short)


def test_the_analytic_rung_replays_too(tmp_path):
    package, model, plan = tiny_inputs(tmp_path, fidelity="analytic")
    trace = build_trace(package, model, plan)
    assert without_host(replay_trace(trace, package)) == without_host(simulate(package, model, plan))
    message = replay_trace(trace, package, fidelity="message")
    assert message["step_time_ps"] >= replay_trace(trace, package)["step_time_ps"]


def test_the_trace_written_by_hand_takes_the_time_computed_by_hand():
    """Six products of 2 x 10^10 FLOP at 10 TFLOP/s, then the last all-reduce: 126 steps of 100,000 bytes at 32 GB/s."""
    trace = read(TRACES / "by_hand_8x8.jsonl")
    result = replay_trace(trace, package_of(trace, Path("by_hand")))
    assert result["step_time_ps"] == 6 * 2 * 10**9 + 126 * (10_000 + 3_125_000)
    assert result["flops"]["executed"] == 6 * 2 * 10**10 * 64
    assert result["flops"]["model"] is result["mfu"] is result["tokens_per_s"] is None
    assert list(result["inputs"]) == ["package"]
    assert "written by hand" in result["simulation"]["approximations"]


def test_the_shipped_step_replays_to_its_stored_time(tmp_path):
    package, model, plan = tiny_inputs(tmp_path)
    trace = read(TRACES / "tiny_2x2_hecaton.jsonl")
    assert replay_trace(trace, package)["step_time_ps"] == simulate(package, model, plan)["step_time_ps"]


def test_a_package_of_another_hash_is_only_named(tmp_path):
    package, model, plan = tiny_inputs(tmp_path)
    trace = build_trace(package, model, plan)
    faster = load_package(package, {"link.bandwidth": "64 GB/s"})
    result = replay_trace(trace, faster)
    assert result["simulation"]["approximations"][-1].startswith("the trace was made for another package (tiny_2x2)")
    assert result["step_time_ps"] < replay_trace(trace, package)["step_time_ps"]


def test_what_cannot_be_replayed_is_said(tmp_path):
    with pytest.raises(ConfigError, match="nothing in it takes any time"):
        replay_trace(trace_of(2, 2, [[collective(0, "ring.all_reduce", 0)]]), oracle(2, 2))
    with pytest.raises(ConfigError, match="its work adds up to"):
        replay_trace(trace_of(2, 2, [[compute(0, 10**21)]]), oracle(2, 2))
    with pytest.raises(ConfigError, match="names no package"):
        package_of(trace_of(2, 2, [[compute(0, 10)]]), Path("x.jsonl"))
    trace = build_trace(*tiny_inputs(tmp_path))
    with pytest.raises(
        ConfigError, match=r"written for tiny_2x2, which is neither a shipped package nor tiny_2x2\.yaml beside"
    ):
        package_of(trace, Path("x.jsonl"))
    trace.about["inputs"]["plan"]["method"] = 7
    with pytest.raises(ConfigError, match=r"trace: about\.inputs: .*method"):
        replay_trace(trace, tiny_inputs(tmp_path)[0])
    with pytest.raises(ConfigError, match="name one with --package"):
        read_trace(tmp_path)


MEASURED = (
    "import json, sys; from hecasim.replaying import package_of, replay_trace; "
    "from hecasim.trace.file import read; trace = read(sys.argv[1]); "
    "result = replay_trace(trace, package_of(trace, sys.argv[1]), engine=sys.argv[2]); "
    "peak_kib = result['host']['peak_rss_bytes'] // 1024; "
    "print(json.dumps([result['step_time_ps'], result['simulation']['tasks'], peak_kib]))"
)
"""A program that replays a trace and says step, tasks and the most memory it had in KiB."""


def measured(file, engine="fast"):
    words = [sys.executable, "-c", MEASURED, file, engine]
    return json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def test_a_million_tasks_replay_in_bounded_memory(tmp_path):
    """One body of three tasks, 3 x 111,112 times: read and replayed by a process of its own, below 500 MiB."""
    lines = (TRACES / "by_hand_8x8.jsonl").read_text().splitlines()
    header = json.loads(lines[0]) | {"plays": 111_112}
    play = {"play": 0, "layer": 0, "micro_batches": [[0, 111_112]]}
    file = tmp_path / "long.jsonl"
    file.write_text("\n".join([json.dumps(header), *lines[1:-1], json.dumps(play)]) + "\n")
    step_ps, tasks, peak_kib = measured(file)
    assert tasks == 1_000_008
    assert step_ps == 111_112 * 3 * 2 * 10**9 + 126 * (10_000 + 3_125_000)
    assert peak_kib < 500 * 1024


@pytest.mark.long
def test_two_million_tasks_of_llama2_7b_replay_in_bounded_memory(tmp_path):
    """A step of 64 sequences on 64 dies: 10,000 bodies of many kinds, of which little repeats exactly."""
    package, model = load_package("hecaton_8x8_standard"), load_model("llama2-7b")
    trace = build_trace(package, model, load_plan({"batch": 64, "capacity": "warn"}))
    write(trace, tmp_path / "step.jsonl")
    _, tasks, peak_kib = measured(tmp_path / "step.jsonl")
    assert tasks == trace.task_count > 2_000_000
    assert peak_kib < 500 * 1024


@pytest.mark.long
def test_a_million_tasks_replay_in_bounded_memory_event_by_event(tmp_path):
    """The plain engine, on 2 x 2 tiles named beside the trace."""
    (tmp_path / "four.yaml").write_text("extends: oracle_8x8\nname: four\ntopology: {rows: 2, columns: 2}\n")
    about = {"package": "four"}
    tasks = [compute(0, 10**6), collective(1, "ring.all_reduce", 4000, [After(0, 0)]), compute(2, 10**6)]
    trace = trace_of(2, 2, [tasks], bodies=[0] * 333_334)
    write(replace(trace, about=about), tmp_path / "long.jsonl")
    _, played, peak_kib = measured(tmp_path / "long.jsonl", "plain")
    assert played == 1_000_002
    assert peak_kib < 500 * 1024
