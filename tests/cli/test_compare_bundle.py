"""`hecasim compare` and `hecasim bundle` on real tiny runs and sweeps."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from hecasim.cli import main
from tests.cli.test_sweep import write_study
from tests.tiny import write_inputs

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Run directories by what differs in them."""
    home = tmp_path_factory.mktemp("runs")
    study = write_inputs(home)
    made = {}
    for name, words in {
        "first": [], "again": [], "megatron": ["--method", "megatron"], "analytic": ["--fidelity", "analytic"],
        "four": ["--set", "package.topology.columns=4"], "free": ["--ideal", "nop"],
    }.items():  # fmt: skip
        made[name] = home / name
        with pytest.raises(SystemExit) as leaving:
            main(["run", str(study), "--quiet", "--out", str(made[name]), *words])
        assert not leaving.value.code
    return made


@pytest.mark.parametrize("other", ["again", "megatron", "analytic", "four", "free"])
def test_the_change_of_a_step_is_shared_out_to_the_picosecond(call, runs, other):
    answer = json.loads(call("compare", runs["first"], runs[other], "--json").out)
    step = answer["step_time_ps"]
    for side in ("a", "b"):
        assert sum(cell[f"{side}_ps"] for cell in answer["attribution"]) == step[side]
        assert all(cell[f"{side}_ps"] >= 0 for cell in answer["attribution"])
    assert sum(cell["change_ps"] for cell in answer["attribution"]) == step["change"]
    assert all(one["change"] == one["b"] - one["a"] for one in answer["numbers"].values())
    assert (step["change"] == 0) == (other == "again")
    differ = {"megatron": {"plan.method"}, "analytic": {"plan.fidelity"}, "four": {"package.topology.columns"}}
    assert differ.get(other, set()) <= set(answer["inputs"])
    assert other != "again" or not answer["inputs"]


def test_a_comparison_for_people_names_inputs_phases_and_resources(call, runs):
    out = call("compare", runs["first"], runs["megatron"] / "result.json").out
    for words in ("plan.method: hecaton -> megatron", "exposed nop", "backward", "traffic.nop_link_bytes", "B is "):
        assert words in out
    assert "the inputs are the same" in call("compare", runs["first"], runs["again"]).out


def test_two_sweeps_are_compared_row_by_row(call, tmp_path):
    study = write_study(tmp_path)
    assert call("sweep", study, "--jobs", 2, "--out", tmp_path / "a").code == 0
    settings = ["--set", "package.memory.latency=200 ns"]
    assert call("sweep", study, "--jobs", 2, "--out", tmp_path / "b", *settings).code == 0
    answer = json.loads(call("compare", tmp_path / "a", tmp_path / "b" / "store.sqlite", "--json").out)
    assert len(answer["rows"]) == 8
    assert answer["only_a"] == answer["only_b"] == []
    assert all(row["step_time_ps"]["change"] > 0 and row["most"]["class"] == "exposed_dram" for row in answer["rows"])
    assert "mostly in" in call("compare", tmp_path / "a", tmp_path / "b").out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("[1]", "expected the JSON object"),
        ("{}", "schema: found None"),
        ("[" * 100_000, "not JSON"),
        ('{"schema": "hecasim.result/1"}', "inputs: required key is missing"),
        ('{"schema": "hecasim.result/1", "step_time_ps": NaN}', "NaN is not accepted"),
        (
            '{"schema": "hecasim.result/1", "inputs": 1, "step_time_ps": 0, "tile_time_ps": {}, "phases": []}',
            "not a whole",
        ),
    ],
)
def test_what_is_no_result_is_refused(call, runs, tmp_path, text, said):
    (tmp_path / "odd.json").write_text(text)
    answer = call("compare", tmp_path / "odd.json", runs["first"])
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err


def test_a_result_that_does_not_add_up_is_refused(call, runs, tmp_path):
    document = json.loads((runs["first"] / "result.json").read_text())
    document["phases"]["forward"]["compute_s"] *= 1.01
    (tmp_path / "odd.json").write_text(json.dumps(document))
    assert (
        "compute_s does not add up to tile_time_ps.compute" in call("compare", runs["first"], tmp_path / "odd.json").err
    )


def unpack(file: Path) -> Path:
    place = file.with_suffix("")
    with zipfile.ZipFile(file) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        archive.extractall(place)
    return place


def rerun(place: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, str(place / "rerun.py")]
    return subprocess.run(
        words, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("name", ["first", "free"])
def test_a_bundle_runs_again_to_the_same_bytes(call, runs, tmp_path, name):
    assert call("bundle", runs[name], "-o", tmp_path / "b.zip").code == 0
    place = unpack(tmp_path / "b.zip")
    assert {"result.json", "inputs.yaml", "layers.csv", "links.csv", "timeline.json", "VERSION"} <= {
        one.name for one in place.iterdir()
    }
    assert "host" not in json.loads((place / "result.json").read_text())
    done = rerun(place)
    assert (done.returncode, done.stdout) == (0, "every byte is the same\n"), done.stderr
    (place / "links.csv").write_text("changed")
    done = rerun(place)
    assert (done.returncode, done.stdout) == (5, "different: links.csv\n")


def test_the_bundle_of_a_second_run_has_the_same_bytes(call, runs, tmp_path):
    for name in ("first", "again"):
        assert call("bundle", runs[name], "-o", tmp_path / f"{name}.zip").code == 0
    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "again.zip").read_bytes()


def test_a_sweep_is_bundled_with_all_it_needs(call, tmp_path):
    assert call("sweep", write_study(tmp_path), "--jobs", 2, "--out", tmp_path / "out").code == 0
    for name in ("one.zip", "two.zip"):
        assert call("bundle", tmp_path / "out", "-o", tmp_path / name).code == 0
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    for file in ("package.yaml", "model.yaml"):
        (tmp_path / file).unlink()
    place = unpack(tmp_path / "one.zip")
    done = rerun(place)
    assert (done.returncode, done.stdout) == (0, "8 rows, every byte is the same\n"), done.stderr


def test_a_bundle_of_nothing_is_refused(call, tmp_path):
    assert "holds no result.json" in call("bundle", tmp_path).err
    assert "no such directory" in call("bundle", tmp_path / "nowhere").err
