"""Have simulated numbers moved: tiny steps of every method, and replays of the traces shipped, against stored integers.

A change that moves them on purpose runs `HECASIM_UPDATE_GOLDEN=1 pytest tests/golden` and says so in the changelog.
"""

import json
import os
from pathlib import Path

import pytest

import hecasim
from hecasim.parallel import METHODS
from hecasim.replaying import package_of, replay_trace
from hecasim.run import build_trace
from hecasim.specs import load_model, load_package, load_plan, load_study
from hecasim.trace.file import read, write
from tests.tiny import tiny_inputs
from traces.pipeline import SAMPLE, Job, pipeline

HERE = Path(__file__).parent
STORED, REPLAYED = HERE / "tiny_steps.json", HERE / "replays.json"
TRACES = Path(__file__).parents[2] / "traces"
SAMPLES = (
    "tiny_2x2_hecaton", "tiny_2x2_hecaton_recompute", "tiny_2x2_experts", "tiny_tree_mozart", "pipeline_1f1b_4x4",
    "by_hand_8x8",
)  # fmt: skip
MADE_FROM = {
    "tiny_2x2_hecaton": ("tiny_dense.yaml", {}),
    "tiny_2x2_hecaton_recompute": ("tiny_dense.yaml", {"recompute": "full"}),
    "tiny_2x2_experts": ("tiny_experts.yaml", {}),
    "tiny_tree_mozart": ("tiny_mixture.yaml", {}),
}
"""Sample -> its study in traces/ and what `--set plan.KEY` changes there."""
STEPS = {**{method: {"method": method} for method in METHODS},
         **{f"hecaton, recompute {word}": {"recompute": word} for word in ("selective", "full")}}  # fmt: skip
UPDATE = "HECASIM_UPDATE_GOLDEN" in os.environ


def moved_numbers(document):
    simulation = document["simulation"]
    return {
        "step_time_ps": document["step_time_ps"],
        "tile_time_ps": document["tile_time_ps"],
        "traffic": document["traffic"],
        "flops": document["flops"],
        "energy_j": document["energy_j"],
        "memory": document["memory"],
        "events": simulation["events"],
        "transfers": simulation["transfers"],
        "token_tile": simulation["token_tile"],
    }


@pytest.mark.parametrize("step", STEPS)
def test_a_tiny_step_gives_the_stored_integers(tmp_path, step):
    numbers = moved_numbers(hecasim.simulate(*tiny_inputs(tmp_path, **STEPS[step])).to_json())
    stored = json.loads(STORED.read_text()) if STORED.exists() else {}
    if UPDATE:
        STORED.write_text(json.dumps(stored | {step: numbers}, indent=1, sort_keys=True) + "\n")
    else:
        assert numbers == stored[step]


def inputs_of(sample):
    """Package, model and plan that a sample was traced from."""
    file, changes = MADE_FROM[sample]
    study = load_study(TRACES / file)
    return load_package(study.package), load_model(study.model), load_plan(study.plan, changes)


def made_again(sample):
    if sample == SAMPLE.stem:
        return pipeline(Job(), "hecaton_4x4_standard")
    return build_trace(*inputs_of(sample))


@pytest.mark.parametrize("sample", [*MADE_FROM, SAMPLE.stem])
def test_a_shipped_trace_is_what_its_maker_writes(tmp_path, sample):
    target = (TRACES if UPDATE else tmp_path) / f"{sample}.jsonl"
    write(made_again(sample), target)
    assert target.read_bytes() == (TRACES / f"{sample}.jsonl").read_bytes()


def test_every_shipped_trace_is_among_the_samples():
    assert sorted(path.stem for path in TRACES.glob("*.jsonl")) == sorted(SAMPLES)


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_replayed_sample_gives_the_stored_integers_with_both_engines(sample):
    trace = read(TRACES / f"{sample}.jsonl")
    package = package_of(trace, TRACES / f"{sample}.jsonl")
    fast, plain = (moved_numbers(replay_trace(trace, package, engine=engine).to_json()) for engine in ("fast", "plain"))
    assert fast == plain
    stored = json.loads(REPLAYED.read_text()) if REPLAYED.exists() else {}
    if UPDATE:
        REPLAYED.write_text(json.dumps(stored | {sample: fast}, indent=1, sort_keys=True) + "\n")
    else:
        assert fast == stored[sample]


@pytest.mark.parametrize("sample", MADE_FROM)
def test_a_replayed_sample_gives_the_integers_of_the_run_that_wrote_it(sample):
    package, model, plan = inputs_of(sample)
    replayed = replay_trace(read(TRACES / f"{sample}.jsonl"), package)
    assert moved_numbers(replayed.to_json()) == moved_numbers(hecasim.simulate(package, model, plan).to_json())


def test_the_tiny_package_of_the_samples_is_that_of_the_tests(tmp_path):
    assert load_package(TRACES / "tiny_2x2.yaml") == tiny_inputs(tmp_path)[0]
