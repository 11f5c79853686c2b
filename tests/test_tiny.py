"""If this fails nothing else matters: the whole path, from files to numbers, on four dies and two layers."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import hecasim
from hecasim.parallel import METHODS
from tests.tiny import tiny_inputs, write_inputs

CLASSES = ("compute_s", "exposed_nop_s", "exposed_dram_s", "bubble_s", "idle_s")


def program(folder: Path, *words: str) -> str:
    command = [sys.executable, "-m", "hecasim", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(autouse=True)
def hecasim_is_found_from_any_folder(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(hecasim.__file__).parents[1]))


@pytest.mark.parametrize("method", METHODS)
def test_a_step_of_every_method_closes_its_sums(tmp_path, method):
    result = hecasim.simulate(*tiny_inputs(tmp_path, method=method)).to_json()
    step_s = result["step_time_s"]
    assert result["step_time_ps"] > 0
    assert step_s == pytest.approx(result["step_time_ps"] / 1e12)
    assert sum(result["breakdown"][key] for key in CLASSES) == pytest.approx(step_s)
    assert sum(phase["time_s"] for phase in result["phases"].values()) == pytest.approx(step_s)
    energy = result["energy_j"]
    assert sum(value for key, value in energy.items() if key != "total") == pytest.approx(energy["total"])
    assert max(result["bounds_s"].values()) <= step_s
    assert all(0 <= share <= 1 for share in result["utilization"].values())
    assert result["tokens_per_s"] == pytest.approx(4 * 64 / step_s)


def test_two_runs_of_the_same_input_give_the_same_document(tmp_path):
    first, second = (hecasim.simulate(*tiny_inputs(tmp_path)).to_json() for _ in range(2))
    for document in (first, second):
        del document["host"]
    assert json.dumps(first) == json.dumps(second)


def test_the_program_runs_writes_and_runs_again_what_it_wrote(tmp_path):
    write_inputs(tmp_path)
    first = json.loads(program(tmp_path, "run", "study.yaml", "--out", "one", "--json"))
    assert first == json.loads((tmp_path / "one" / "result.json").read_text())
    again = json.loads(program(tmp_path, "run", "one/inputs.yaml", "--json"))
    assert {**first, "host": {}} == {**again, "host": {}}
    timeline = json.loads((tmp_path / "one" / "timeline.json").read_text())
    assert timeline["traceEvents"]
    header = (tmp_path / "one" / "layers.csv").read_text().splitlines()[0]
    assert header == "layer,phase,block,start_ps,end_ps,compute_ps,nop_ps,dram_ps,flops,nop_bytes"


def test_the_program_compares_methods(tmp_path):
    write_inputs(tmp_path, ["megatron", "hecaton"])
    table = program(tmp_path, "run", "study.yaml", "--quiet")
    assert "megatron" in table
    assert "1.00x" in table


def test_the_program_previews_and_traces(tmp_path):
    write_inputs(tmp_path)
    assert json.loads(program(tmp_path, "run", "study.yaml", "--dry", "--json"))
    program(tmp_path, "trace", "study.yaml", "-o", "step.jsonl")
    assert (tmp_path / "step.jsonl").read_text().startswith("{")
