"""`hecasim sweep` and `export` as a user calls them; small real runs."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import hecasim
from hecasim.sweep import code
from hecasim.sweep.store import FILE
from tests.tiny import write_inputs

ROOT = Path(__file__).parents[2]
AXES = """\
  package.link.latency: [1 ns, 20 ns]
  plan.method: [hecaton, megatron]
  plan.schedule: [fused, layerwise]
"""


def write_study(folder: Path, axes: str = AXES, more: str = "") -> Path:
    write_inputs(folder)
    file = folder / "study_with_axes.yaml"
    plan = "plan: {batch: 2, sequence: 16, fidelity: analytic, capacity: warn}"
    file.write_text(f"name: ../up/../small\npackage: ./package.yaml\nmodel: ./model.yaml\n{plan}\naxes:\n{axes}{more}")
    return file


@pytest.fixture
def axes(tmp_path):
    return write_study(tmp_path)


def test_a_sweep_fills_a_store_prints_its_rows_and_resumes(call, axes, tmp_path):
    answer = call("sweep", axes, "--jobs", 1, "--out", tmp_path / "out")
    assert answer.code == 0, answer.err
    assert "8 rows" in answer.out
    assert "8 done, 0 infeasible, 0 failed; 0 of them were there before" in answer.out
    assert call("sweep", axes, "--out", tmp_path / "out").code == 2
    answer = call("sweep", axes, "--out", tmp_path / "out", "--resume", "--json")
    store = str(tmp_path / "out" / FILE)
    assert json.loads(answer.out) == {"store": store, "done": 8, "infeasible": 0, "failed": 0, "skipped": 8}


def test_exports_are_the_same_bytes_in_any_process_count(call, axes, tmp_path):
    for jobs in (1, 2, 4):
        assert call("sweep", axes, "--jobs", jobs, "--out", tmp_path / str(jobs), "--quiet").code == 0
        assert call("export", tmp_path / str(jobs), tmp_path / f"{jobs}.csv").code == 0
    texts = {(tmp_path / f"{jobs}.csv").read_bytes() for jobs in (1, 2, 4)}
    assert len(texts) == 1
    assert len(texts.pop().splitlines()) == 9


def test_a_point_that_does_not_fit_is_a_row_with_its_reason(call, tmp_path):
    more = "  package.memory.kind: [ddr5_6400]\n  package.memory.capacity: [1 KiB, 1 GiB]\n  plan.capacity: [refuse]\n"
    file = write_study(tmp_path, "  plan.batch: [2]\n" + more)
    answer = call("sweep", file, "--jobs", 1, "--out", tmp_path / "out", "--json")
    assert json.loads(answer.out) | {"store": ""} == {
        "store": "",
        "done": 1,
        "infeasible": 1,
        "failed": 0,
        "skipped": 0,
    }
    assert "no fit" in call("sweep", file, "--out", tmp_path / "out", "--resume").out
    assert call("export", tmp_path / "out", tmp_path / "rows.csv").code == 0
    assert 'infeasible,"DRAM capacity' in (tmp_path / "rows.csv").read_text()


def test_columns_and_ratios_to_the_baseline(call, tmp_path):
    file = write_study(
        tmp_path, more="columns: [traffic.dram_read_bytes, step_time_s, no.such]\nbaseline: plan.schedule == fused\n"
    )
    out = call("sweep", file, "--jobs", 2, "--out", tmp_path / "out").out
    assert "dram read" in out
    assert "no.such: no result has this number" in out
    fused = [line for line in out.splitlines() if " fused " in line]
    layerwise = [line for line in out.splitlines() if " layerwise " in line]
    assert len(fused) == len(layerwise) == 4
    assert all(line.count("1.00x") == 2 for line in fused)
    assert not all(line.count("1.00x") == 2 for line in layerwise)


def test_without_out_a_study_writes_below_runs_whatever_its_name(call, axes, tmp_path, monkeypatch):
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    answer = call("sweep", axes, "--jobs", 1, "--json")
    store = Path(json.loads(answer.out)["store"]).resolve()
    assert store.is_relative_to(place / "runs")
    assert not (tmp_path / "up").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--jobs", "0"], "Invalid value"),
        (["--scheduler", "tcp://nowhere:1"], "--scheduler: expected --executor dask beside it"),
        (["--retry"], "--retry: expected --resume beside it"),
        (["--set", "plan.method=hecaton"], "--set plan.method: an axis of"),
        (["--set", "plan.batch=0"], "--set plan.batch: found 0; expected greater than 0"),
    ],
)
def test_a_wrong_word_is_exit_code_2_and_writes_nothing(call, axes, tmp_path, words, said):
    answer = call("sweep", axes, "--out", tmp_path / "out", *words)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
    assert not (tmp_path / "out").exists()


def test_run_sends_a_study_with_axes_to_sweep(call, axes):
    answer = call("run", axes)
    assert answer.code == 2
    assert f"has axes; `hecasim sweep {axes}` runs all of its points" in answer.err


def test_export_refuses_other_endings_and_other_places(call, axes, tmp_path):
    assert "expected .csv or .parquet" in call("export", tmp_path, tmp_path / "rows.xls").err
    assert "no such store" in call("export", tmp_path, tmp_path / "rows.csv").err
    (tmp_path / FILE).write_text("mine")
    answer = call("export", tmp_path, tmp_path / "rows.csv")
    assert (answer.code, "not a store of hecasim" in answer.err) == (2, True)


def test_ctrl_c_keeps_what_is_done_says_how_to_go_on_and_leaves_with_130(call, tmp_path):
    file = write_study(tmp_path, "  package.link.latency: {from: 1 ns, to: 100 ns, steps: 200}\n")
    out = tmp_path / "out"
    words = [sys.executable, "-m", "hecasim", "sweep", str(file), "--jobs", "2", "--out", str(out)]
    run = subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    limit = time.monotonic() + 60
    while not (out / f"{FILE}-wal").exists() or (out / f"{FILE}-wal").stat().st_size < 200_000:
        assert run.poll() is None, run.stderr.read()
        assert time.monotonic() < limit
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does: parent and workers
    _, err = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "Traceback" not in err
    assert err.startswith("hecasim: interrupted; ")
    assert f"are kept in {out / FILE}; go on with: hecasim sweep {file} --jobs 2 --out {out} --resume" in err
    kept = int(err.split("; ")[1].split()[0])
    file.write_text(file.read_text().replace("steps: 200", "steps: 2"))
    answer = json.loads(call("sweep", file, "--jobs", 1, "--out", out, "--resume", "--json").out)
    assert kept > 0
    assert answer["done"] == 2


def test_rows_of_another_code_are_told_and_run_again(call, axes, tmp_path, monkeypatch):
    study, out = axes, tmp_path / "out"
    assert call("sweep", study, "--jobs", 1, "--out", out).code == 0
    before = code.code_version()
    code.code_version.cache_clear()
    monkeypatch.setattr(code, "fingerprint", lambda home: "0123456789abcdef")
    answer = call("sweep", study, "--jobs", 1, "--out", out, "--resume", "--json")
    assert json.loads(answer.out)["skipped"] == 0
    assert (
        f"its rows were computed by hecasim {before}, and this is {hecasim.__version__}+0123456789abcdef" in answer.err
    )
    assert json.loads(call("sweep", study, "--out", out, "--resume", "--json").out)["skipped"] == 8
    monkeypatch.undo()
    code.code_version.cache_clear()
    assert json.loads(call("sweep", study, "--out", out, "--resume", "--json").out)["skipped"] == 8
