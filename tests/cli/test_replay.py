"""`hecasim replay`: written traces on packages, and what is said where they do not suit."""

import json
from pathlib import Path

import pytest

from hecasim import load_package, simulate
from tests.tiny import tiny_inputs, write_inputs

TRACES = Path(__file__).parents[2] / "traces"
HAND = TRACES / "by_hand_8x8.jsonl"
TINY = TRACES / "tiny_2x2_hecaton.jsonl"


@pytest.fixture
def package(tmp_path):
    write_inputs(tmp_path)
    return tmp_path / "package.yaml"


def test_a_trace_on_a_package_gives_the_step_of_its_run(call, package, tmp_path):
    answer = call("replay", TINY, "--package", package, "--json", "--quiet")
    document = json.loads(answer.out)
    assert (answer.code, answer.err, document["store"]) == (0, "", None)
    (row,) = document["rows"]
    assert row["step_time_ps"] == simulate(*tiny_inputs(tmp_path))["step_time_ps"]
    assert (row["trace"], row["package"], row["method"]) == (str(TINY), str(package), "hecaton")


def test_every_trace_runs_on_every_package(call, tmp_path, package):
    faster = tmp_path / "faster.yaml"
    faster.write_text("extends: ./package.yaml\nname: faster\nlink: {bandwidth: 64 GB/s}\n")
    assert load_package(faster).name == "faster"
    copy = tmp_path / "copy.jsonl"
    copy.write_text(TINY.read_text())
    rows = json.loads(call("replay", TINY, copy, "--package", package, "--package", faster, "--json", "-q").out)["rows"]
    assert [Path(row["trace"]).name for row in rows] == [TINY.name] * 2 + ["copy.jsonl"] * 2
    assert [row["step_time_ps"] for row in rows[:2]] == [row["step_time_ps"] for row in rows[2:]]
    assert rows[1]["step_time_ps"] < rows[0]["step_time_ps"]


def test_a_trace_without_a_package_runs_on_the_shipped_one_it_names(call):
    answer = call("replay", HAND)
    assert answer.code == 0
    assert "oracle_8x8" in answer.out
    assert "12.40" in answer.out  # 12.39501 ms, computed by hand in tests/test_replaying.py
    assert "written by hand" in answer.out
    quiet = call("replay", HAND, "--quiet").out
    assert "12.40" in quiet
    assert "written by hand" not in quiet


def test_one_pair_that_does_not_suit_is_an_error_and_nothing_else(call, package):
    answer = call("replay", HAND, "--package", package)
    assert (answer.code, answer.out) == (2, "")
    assert "written for a grid of 8x8, 64 tiles" in answer.err


def test_among_others_a_pair_that_does_not_suit_is_a_row(call, package):
    answer = call("replay", HAND, TINY, "--package", package, "--json", "-q")
    assert answer.code == 2
    bad, good = json.loads(answer.out)["rows"]
    assert bad["step_time_ps"] is None
    assert "8x8" in bad["fault"]
    assert good["step_time_ps"] > 0
    table = call("replay", HAND, TINY, "--package", package, "-q")
    assert "no run" in table.out
    assert table.code == 2


def test_a_spoilt_trace_is_told_with_its_line(call, tmp_path):
    file = tmp_path / "spoilt.jsonl"
    file.write_text(HAND.read_text().replace('"ring.all_reduce"', '"ring.allreduce"'))
    answer = call("replay", file)
    assert answer.code == 2
    assert "spoilt.jsonl:6: algorithm: unknown name" in answer.err


def test_chakra_goes_out_and_comes_back(call, tmp_path, study, package):
    folder = tmp_path / "ck"
    answer = call("trace", study, "--format", "chakra", "-o", folder, "--json")
    assert answer.code == 0, answer.err
    assert json.loads(answer.out) == {"trace": str(folder), "bytes": sum(f.stat().st_size for f in folder.iterdir())}
    assert sorted(file.name for file in folder.iterdir()) == [
        "comm_groups.json", *(f"trace.{tile}.et" for tile in range(4))
    ]  # fmt: skip
    (row,) = json.loads(call("replay", folder, "--package", package, "--json", "-q").out)["rows"]
    assert row["step_time_ps"] == simulate(*tiny_inputs(tmp_path))["step_time_ps"]
    assert row["mfu"] is None
    assert call("replay", folder).code == 2  # names no package


def test_chakra_is_not_overwritten_without_force_nor_anything_else_with_it(call, tmp_path, study):
    folder = tmp_path / "ck"
    assert call("trace", study, "--format", "chakra", "-o", folder).code == 0
    assert call("trace", study, "--format", "chakra", "-o", folder).code == 2
    assert call("trace", study, "--format", "chakra", "-o", folder, "--force").code == 0
    (folder / "mine.txt").write_text("precious")
    assert call("trace", study, "--format", "chakra", "-o", folder, "--force").code == 2
    assert (folder / "mine.txt").read_text() == "precious"
    assert sorted(file.name for file in tmp_path.glob(".*")) == []


def test_an_unknown_format_is_told(call, study, tmp_path):
    answer = call("trace", study, "--format", "chakar", "-o", tmp_path / "x")
    assert (answer.code, "did you mean 'chakra'?" in answer.err) == (2, True)
