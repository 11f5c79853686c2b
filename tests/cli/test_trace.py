"""`hecasim trace`: the Trace goes to a file, whole or not at all."""

import json

import pytest


def test_the_trace_of_the_named_inputs_is_written(call, simulation, study, tmp_path):
    target = tmp_path / "new" / "step.jsonl"
    answer = call("trace", study, "--method", "optimus", "-o", target)
    assert answer.code == 0, answer.err
    assert target.read_text() == "trace of optimus\n"
    assert str(target) in answer.out
    assert [path.name for path in target.parent.iterdir()] == ["step.jsonl"]


def test_json_says_where_it_went(call, simulation, study, tmp_path):
    document = json.loads(call("trace", study, "-o", tmp_path / "step.jsonl", "--json").out)
    assert document == {"trace": str(tmp_path / "step.jsonl"), "bytes": 17}


def test_a_trace_is_of_one_method(call, simulation, comparison, tmp_path):
    answer = call("trace", comparison, "-o", tmp_path / "step.jsonl")
    assert (answer.code, simulation.calls) == (2, [])
    assert "megatron, hecaton" in answer.err
    assert "--method" in answer.err


def test_a_trace_is_not_overwritten_without_force(call, simulation, study, tmp_path):
    target = tmp_path / "step.jsonl"
    target.write_text("precious")
    assert call("trace", study, "-o", target).code == 2
    assert target.read_text() == "precious"
    assert call("trace", study, "-o", target, "--force").code == 0
    assert target.read_text() == "trace of hecaton\n"


@pytest.mark.parametrize("form", ["hecasim", "chakra"])
def test_a_dash_is_no_file_name(call, simulation, study, tmp_path, monkeypatch, form):
    monkeypatch.chdir(tmp_path)
    answer = call("trace", study, "-o", "-", "--format", form)
    assert (answer.code, answer.out, simulation.calls) == (2, "", [])
    assert answer.err == "hecasim: -: files and directories are not written to stdout; expected another name\n"
    assert not (tmp_path / "-").exists()


def test_a_trace_without_a_file_name_is_a_usage_error(call, simulation, study):
    assert call("trace", study).code == 2
