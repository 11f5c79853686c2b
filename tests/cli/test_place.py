"""`hecasim place`: the document of the contract, the table, files in and out, and faults with exit code 2."""

import json
from pathlib import Path

import numpy as np
import pytest

from hecasim.experts import PLACEMENTS
from hecasim.experts.kept import read_placement
from hecasim.experts.recorded import read_routing, write_routing
from tests.tiny import MODEL

SAMPLE = Path(__file__).parents[2] / "traces" / "routing" / "tiny_8_experts.npz"
SMALL = ("--chiplets", 4, "--groups", 2)


@pytest.fixture
def model(tmp_path):
    file = tmp_path / "model.yaml"
    file.write_text(MODEL + "moe: {experts: 8, top_k: 2, expert_inner: 32}\n")
    return file


@pytest.fixture
def recorded(model):
    """The tiny model with the layers of the recorded sample."""
    model.write_text(model.read_text().replace("layers: 2", "layers: 3"))
    return model


def test_json_is_the_document_of_the_contract(call, model):
    answer = call("place", "--model", model, "--routing", "uniform", *SMALL, "--tokens", 500, "--json")
    assert answer.code == 0, answer.err
    document = json.loads(answer.out)
    assert set(document["placements"]) == set(PLACEMENTS)
    for row in document["placements"].values():
        assert {"c_t", "hottest_over_mean", "group_over_mean"} <= set(row)
        assert 1 <= row["c_t"] <= 2
        assert row["hottest_over_mean"] >= row["group_over_mean"] >= 1
    assert set(document["load"]) == {"max_over_mean", "gini"}
    # Uniform routing of 2 of 8 over 4 places: 4 (1 - C(6, 2) / C(8, 2)) = 52 / 28.
    assert document["copies"]["uniform_routing"] == pytest.approx(52 / 28)
    assert document["placements"]["contiguous"]["c_t"] == pytest.approx(52 / 28, rel=0.02)
    again = call("place", "--model", model, "--routing", "uniform", *SMALL, "--tokens", 500, "--json")
    assert again.out == answer.out


def test_people_see_one_line_per_placement(call, model):
    answer = call("place", "--model", model, "--routing", "olmoe-1b-7b", *SMALL, "--tokens", 100, "--seeds", 2)
    assert answer.code == 0, answer.err
    assert all(kind in answer.out for kind in PLACEMENTS)
    assert "preset olmoe-1b-7b, 2 seeds" in answer.out
    assert "moved" not in answer.out


def test_after_a_drift_it_says_what_moving_would_take(call, model):
    arguments = ("place", "--model", model, "--routing", "olmoe-1b-7b", *SMALL, "--tokens", 400, "--drift", 0.6)
    rows = json.loads(call(*arguments, "--json").out)["placements"]
    assert rows["contiguous"]["moved_share"] == 0
    assert 0 < rows["clustered"]["moved_share"] <= 1
    # 2 layers of 8 experts of three 64 x 32 matrices.
    assert rows["clustered"]["moved_parameters"] == pytest.approx(rows["clustered"]["moved_share"] * 16 * 3 * 64 * 32)
    assert rows["clustered"]["refitted_c_t"] < rows["clustered"]["c_t"]
    shown = call(*arguments).out
    assert "Fitted again after the drift" in shown
    assert "time to" not in shown


def test_a_package_gives_its_chiplets_and_the_time_to_move(call):
    arguments = ("place", "--model", "olmoe-1b-7b", "--package", "mozart_olmoe_ssd", "--tokens", 128, "--drift", 0.5,
                 "--placement", "clustered")  # fmt: skip
    document = json.loads(call(*arguments, "--json").out)
    assert (document["inputs"]["chiplets"], document["inputs"]["groups"]) == (16, 4)
    row = document["placements"]["clustered"]
    assert 0 < row["crossing_parameters"] < row["moved_parameters"]
    # Four stacks of 15.8 GB/s read and write what crosses; the fullest has at least its share.
    assert row["moving_s"] >= 2 * 2 * row["crossing_parameters"] / (4 * 15.8e9)
    assert "time to" in call(*arguments).out


def test_a_capacity_says_what_it_drops(call, model):
    model.write_text(model.read_text().replace("top_k: 2", "top_k: 2, capacity_factor: 0.5"))
    arguments = ("place", "--model", model, "--routing", "uniform", *SMALL, "--tokens", 400, "--placement", "random")
    load = json.loads(call(*arguments, "--json").out)["load"]
    assert load["dropped_share"] == pytest.approx(0.5, abs=1e-9)  # every expert has more than half its mean
    assert "capacity drops 50.0%" in call(*arguments).out


def test_a_recorded_routing_is_measured_on_its_other_half(call, recorded, tmp_path):
    answer = call("place", "--model", recorded, "--routing", SAMPLE, *SMALL, "--json", "--placement", "contiguous")
    assert answer.code == 0, answer.err
    document = json.loads(answer.out)
    half = read_routing(SAMPLE).chosen[:, 16:] // 2
    copies = np.mean([[len(set(token)) for token in layer] for layer in half.tolist()])
    assert document["placements"]["contiguous"]["c_t"] == pytest.approx(copies)
    assert (document["inputs"]["tokens_fitted"], document["inputs"]["layers"]) == (16, 3)
    other = tmp_path / "other.jsonl"
    write_routing(read_routing(SAMPLE), other)
    shifted = call("place", "--model", recorded, "--routing", SAMPLE, "--measure", other, *SMALL, "--json")
    assert "refitted_c_t" in json.loads(shifted.out)["placements"]["clustered"]


def test_a_placement_is_written_and_not_overwritten(call, model, tmp_path):
    target = tmp_path / "placement.json"
    arguments = ("place", "--model", model, "--routing", "uniform", *SMALL, "--tokens", 50, "-o", target)
    answer = call(*arguments, "--save", "clustered")
    assert answer.code == 0, answer.err
    assert f"wrote {target} (clustered)" in answer.out
    assert (read_placement(target).kind, read_placement(target).experts) == ("clustered", 8)
    assert call(*arguments).code == 2
    assert call(*arguments, "--force").code == 0
    assert read_placement(target).kind == "balanced"


def test_weights_of_the_command_line_are_used(call, model):
    rows = []
    for weights in (("chiplet=1 s", "copy=0 s", "group=0 s"), ("chiplet=0 s", "copy=1 s", "group=0 s")):
        flags = [word for weight in weights for word in ("--weight", weight)]
        arguments = ("--model", model, "--routing", "olmoe-1b-7b", *SMALL, "--placement", "balanced", *flags)
        rows.append(json.loads(call("place", *arguments, "--json").out)["placements"]["balanced"])
    assert rows[0]["hottest_over_mean"] < rows[1]["hottest_over_mean"]
    assert rows[0]["c_t"] > rows[1]["c_t"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--chiplets", 3, "--groups", 1), "chiplets: found 3; expected a divisor of the experts (8)"),
        (("--chiplets", 4, "--groups", 3), "groups: found 3; expected a divisor of chiplets (4)"),
        ((*SMALL, "--routing", "olmo-1b-7b"), "did you mean 'olmoe-1b-7b'"),
        ((*SMALL, "--routing", "preset"), "there is no preset for tiny"),
        ((*SMALL, "--routing", "nowhere.npz"), "nowhere.npz: no such file"),
        ((*SMALL, "--routing", SAMPLE), "layers: found 3; expected at most 2"),
        ((*SMALL, "--routing", SAMPLE, "--drift", 0.1), "a recorded set is drawn once"),
        ((*SMALL, "--measure", SAMPLE), "expected --routing to be a file too"),
        ((*SMALL, "--placement", "balancd"), "did you mean 'balanced'?"),
        ((*SMALL, "--aggregate", "median"), "--aggregate: unknown name 'median'"),
        ((*SMALL, "--allocation", "exakt"), "did you mean 'exact'"),
        ((*SMALL, "--weight", "chiplt=1 s"), "did you mean 'chiplet'?"),
        ((*SMALL, "--weight", "chiplet=1 GB"), "--weight chiplet: found 1 GB; expected"),
        ((*SMALL, "--weight", "chiplet=-1 s"), "expected 0 s or more"),
        (
            (*SMALL, "--placement", "random", "-o", "x.json"),
            "--save: found 'balanced'; expected one of those placed: random",
        ),
        (("--package", "hecaton_4x4_standard"), "hecaton_4x4_standard is a mesh; expected a tree of chiplets"),
        (("--package", "mozart_olmoe_hbm2", "--groups", 2), "--groups: found 2; expected 4, as mozart_olmoe_hbm2 has"),
        ((*SMALL, "--drift", 2), "drift: found 2; expected a share from 0 to 1"),
    ],
)
def test_what_is_wrong_is_said(call, model, flags, said):
    given = () if "--routing" in flags else ("--routing", "uniform")
    answer = call("place", "--model", model, *given, *flags)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err


def test_a_dense_model_has_nothing_to_place(call):
    answer = call("place", "--model", "llama2-7b")
    assert answer.code == 2
    assert "llama2-7b is dense" in answer.err
