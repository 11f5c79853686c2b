"""A Trace as a file: a header, groups, kinds with their tasks, then the order of play; small however deep the model."""

import json

import pytest

from hecasim.specs import load_model, load_package, load_plan
from hecasim.trace import build_trace
from hecasim.trace.file import SCHEMA, lines, write
from tests.tiny import tiny_inputs


@pytest.fixture
def trace(tmp_path):
    return build_trace(*tiny_inputs(tmp_path))


def test_the_header_says_what_the_file_is_and_how_long(trace):
    header = json.loads(next(iter(lines(trace))))
    assert header["schema"] == SCHEMA
    assert (header["rows"], header["columns"]) == (2, 2)
    order = trace.bodies
    found = (header["kinds"], header["passages"], header["plays"])
    assert found == (len(trace.kinds), len(order.passages), len(order.plays))
    assert header["options"] == trace.options
    assert header["about"]["method"] == "hecaton"
    assert header["about"]["model"] == "tiny"
    assert header["about"]["token_tile"] == trace.about["token_tile"]


def test_every_line_is_json_and_every_group_kind_task_and_body_is_there(trace):
    pages = [json.loads(line) for line in lines(trace)]
    assert [page["group"] for page in pages if "group" in page and "members" in page] == list(trace.groups)
    kinds = [page for page in pages if "body" in page]
    assert [page["name"] for page in kinds] == [kind.name for kind in trace.kinds]
    tasks = [page for page in pages if "kind" in page]
    assert len(tasks) == sum(page["tasks"] for page in kinds) == sum(len(kind.tasks) for kind in trace.kinds)
    played = [
        (page["play"], page["layer"], number) for page in pages if "play" in page for number in page["micro_batches"]
    ]
    assert played == [tuple(play) for play in trace.bodies.plays]
    assert [page["runs"] for page in pages if "passage" in page] == [
        [list(run) for run in passage] for passage in trace.bodies.passages
    ]


def test_groups_hold_the_tiles_of_the_trace(trace):
    for line in lines(trace):
        page = json.loads(line)
        if "members" in page:
            assert sorted(tile for tiles in page["members"] for tile in tiles) == list(range(4))


def test_a_file_is_whole_or_not_there(trace, tmp_path):
    write(trace, tmp_path / "step.jsonl")
    assert (tmp_path / "step.jsonl").read_text().splitlines() == list(lines(trace))
    assert not list(tmp_path.glob("*.part"))
    with pytest.raises(OSError, match="missing"):
        write(trace, tmp_path / "missing" / "step.jsonl")


@pytest.mark.parametrize(
    ("grid", "plan"),
    [
        (16, {"batch": 16, "micro_batch": 2, "sequence": 512, "token_tile": 256, "capacity": "warn"}),
        (32, {"batch": 64, "micro_batch": 32, "sequence": 128, "capacity": "warn"}),
    ],
)
def test_the_405b_step_of_126_layers_is_under_a_mebibyte(tmp_path, grid, plan):
    package, model = load_package(f"hecaton_{grid}x{grid}_standard"), load_model("llama3.1-405b")
    trace = build_trace(package, model, load_plan(plan))
    write(trace, tmp_path / "step.jsonl")
    assert (tmp_path / "step.jsonl").stat().st_size < 2**20
