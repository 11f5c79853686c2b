"""`hecasim replay` into a store: parallel, resumable, and the integers of the run that wrote the trace."""

import json

import pytest

from tests.tiny import write_inputs


@pytest.fixture
def traces(call, tmp_path):
    study = write_inputs(tmp_path)
    for method in ("hecaton", "megatron"):
        assert call("trace", study, "--method", method, "-o", tmp_path / f"{method}.jsonl").code == 0
    return study, [tmp_path / "hecaton.jsonl", tmp_path / "megatron.jsonl"]


def test_rows_are_kept_equal_the_runs_and_are_not_run_twice(call, traces, tmp_path):
    study, files = traces
    packages = ["--package", tmp_path / "package.yaml", "--package", "hecaton_4x4_standard"]
    answer = call("replay", *files, *packages, "--jobs", 2, "--out", tmp_path / "out", "--json")
    assert answer.code == 0, answer.err
    document = json.loads(answer.out)
    assert document["store"] == str(tmp_path / "out" / "store.sqlite")
    steps = {(row["trace"], row["package"]): row["step_time_ps"] for row in document["rows"]}
    for file in files:
        run = json.loads(call("run", study, "--method", file.stem, "--json").out)
        assert steps[str(file), "tiny_2x2"] == run["step_time_ps"]
        assert steps[str(file), "hecaton_4x4_standard"] is None  # another number of tiles: a row with its reason
    again = call("replay", *files, *packages, "--jobs", 1, "--out", tmp_path / "other", "--json")
    assert json.loads(again.out)["rows"] == document["rows"]
    for name in ("out", "other"):
        assert call("export", tmp_path / name, tmp_path / f"{name}.csv").code == 0
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "other.csv").read_bytes()
    assert call("replay", *files, *packages, "--out", tmp_path / "out").code == 2
    resumed = call("replay", *files, *packages, "--resume", "--out", tmp_path / "out", "--json")
    assert json.loads(resumed.out)["rows"] == document["rows"]


def test_replays_are_not_bundled_without_their_traces(call, traces, tmp_path):
    assert call("replay", *traces[1], "--package", tmp_path / "package.yaml", "--out", tmp_path / "out").code == 0
    assert "holds replays" in call("bundle", tmp_path / "out").err
