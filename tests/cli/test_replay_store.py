"""`hecasim replay` into a store: parallel, resumable, and the integers of the run that wrote the trace."""

import json

import pytest

from tests.cli.test_compare_bundle import rerun, unpack
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


def test_replays_are_bundled_with_their_traces_and_run_again(call, traces, tmp_path):
    study, files = traces
    spoilt, folder = tmp_path / "spoilt.jsonl", tmp_path / "ck"
    spoilt.write_text(files[0].read_text().replace('"dram_read"', '"dram_rd"', 1))
    assert call("trace", study, "--format", "chakra", "-o", folder).code == 0
    words = [*files, spoilt, folder, "--package", tmp_path / "package.yaml", "--package", "hecaton_4x4_standard"]
    assert call("replay", *words, "--out", tmp_path / "out").code == 0
    for name in ("one.zip", "two.zip"):
        assert call("bundle", tmp_path / "out", "-o", tmp_path / name).code == 0
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    for one in (*files, spoilt):
        one.unlink()
    place = unpack(tmp_path / "one.zip")
    done = rerun(place)
    assert (done.returncode, done.stdout) == (0, "8 rows, every byte is the same\n"), done.stderr
    answer = call("bundle", tmp_path / "out", "-o", tmp_path / "three.zip")
    assert (answer.code, "cannot be read" in answer.err) == (2, True)


def test_a_trace_that_has_changed_since_is_not_bundled(call, traces, tmp_path):
    _, files = traces
    assert call("replay", files[0], "--package", tmp_path / "package.yaml", "--out", tmp_path / "out").code == 0
    files[0].write_bytes(files[1].read_bytes())
    answer = call("bundle", tmp_path / "out")
    assert (answer.code, "is not the trace that was replayed" in answer.err) == (2, True)
