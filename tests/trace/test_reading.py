"""A trace file read back is the Trace that was written; what is wrong with a file is said with line and key path."""

import itertools
import json
import re
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hecasim.errors import ConfigError
from hecasim.mapping.work import Work
from hecasim.parallel import METHODS
from hecasim.specs import load_model, load_package
from hecasim.trace import build_trace
from hecasim.trace.file import lines, read, write
from hecasim.trace.task import Task
from tests.laws.strategies import cases
from tests.sim.parts import compute, trace_of
from tests.tiny import tiny_inputs
from tests.trace.mutations import mutated

TRACES = Path(__file__).parents[2] / "traces"
SPOILT = ("pipeline_1f1b_4x4", "tiny_tree_mozart", "tiny_2x2_experts")
CHOICES = list(itertools.product(METHODS, ("fused", "layerwise", "reload_weights"), ("none", "micro_batch", "chunk")))


@pytest.mark.parametrize(("method", "schedule", "overlap"), CHOICES)
def test_reading_gives_back_what_was_written(tmp_path, method, schedule, overlap):
    trace = build_trace(*tiny_inputs(tmp_path, method=method, schedule=schedule, overlap=overlap, token_tile=8))
    write(trace, tmp_path / "step.jsonl")
    assert read(tmp_path / "step.jsonl") == trace


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases())
def test_reading_gives_back_what_was_written_of_any_step(case):
    """Ragged tiles, every grid, every plan key that shapes tasks."""
    trace = build_trace(*case)
    with tempfile.TemporaryDirectory() as folder:
        write(trace, Path(folder) / "step.jsonl")
        assert read(Path(folder) / "step.jsonl") == trace


def test_uneven_tiles_are_read_back(tmp_path):
    package, model, plan = tiny_inputs(tmp_path, token_tile=13, sequence=61, micro_batch=2)
    odd = load_package(package, {"topology.rows": 3, "topology.columns": 5})
    trace = build_trace(odd, load_model(model, {"inner": 131}), plan)
    assert any(task.work_of for kind in trace.kinds for task in kind.tasks)
    write(trace, tmp_path / "step.jsonl")
    assert read(tmp_path / "step.jsonl") == trace


def test_a_compressed_file_is_the_same_trace_and_the_same_bytes(tmp_path):
    trace = build_trace(*tiny_inputs(tmp_path))
    for name in ("one.jsonl.gz", "two.jsonl.gz"):
        write(trace, tmp_path / name)
    assert (tmp_path / "one.jsonl.gz").read_bytes() == (tmp_path / "two.jsonl.gz").read_bytes()
    assert read(tmp_path / "one.jsonl.gz") == trace
    (tmp_path / "cut.jsonl.gz").write_bytes((tmp_path / "one.jsonl.gz").read_bytes()[:-200])
    with pytest.raises(ConfigError, match="not a whole gzip file"):
        read(tmp_path / "cut.jsonl.gz")


@pytest.mark.parametrize("path", sorted(TRACES.glob("*.jsonl")), ids=lambda path: path.name)
def test_every_shipped_trace_reads_and_is_written_the_same(path):
    trace = read(path)
    assert [json.loads(line) for line in lines(read(path))] == [json.loads(line) for line in lines(trace)]
    assert trace.task_count


@given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.integers(0, 3), st.booleans())
def test_rows_with_one_busy_tile_or_any_other_are_read_back(row, other, is_read):
    """Bytes and classes of work of any few tiles: whatever stands short in the file comes back as it was."""
    works = tuple(Work(((1, 1, 1, number),), 0) if number else Work((), 0) for number in (0, 1 + other, 2, 0))
    tasks = [
        compute(0, 2, (), work_of=None),
        replace(compute(1, 2), work=works, work_of=tuple(row)),
        replace(compute(2, 2), work=works[:2], work_of=tuple(one % 2 for one in row)),
        Task(
            3, "dram_read" if is_read else "dram_write", "", "ffn", "forward", (), stream="load", tile_bytes=tuple(row)
        ),
    ]
    trace = trace_of(1, len(row), [tasks])
    with tempfile.TemporaryDirectory() as folder:
        write(trace, Path(folder) / "step.jsonl")
        assert read(Path(folder) / "step.jsonl") == trace


def test_one_tile_alone_is_named_by_its_number():
    tasks = [replace(compute(0, 2), work=(Work((), 0), Work((), 5)), work_of=(0, 0, 1, 0)),
             Task(1, "dram_read", "", "ffn", "forward", (), stream="load", tile_bytes=(0, 7, 0, 0))]  # fmt: skip
    work, load = (json.loads(line) for line in lines(trace_of(2, 2, [tasks])) if '"id"' in line)
    assert (work["tile"], work["work"]) == (2, [{"gemms": [], "vector_operations": 5}])
    assert (load["tile"], load["tile_bytes"]) == (1, [7])
    assert "work_of" not in work


@pytest.mark.parametrize("kind", ["send", "collective"])
def test_a_send_is_a_collective_of_pairs(tmp_path, kind):
    """Both ways to say it are read; the first is written."""
    pairs = changed(GROUP, members=[[0, 63], *([tile] for tile in range(1, 63))]).splitlines()
    more = {"algorithm": "point.send"} if kind == "collective" else {"algorithm": None}
    page = [*pairs[:5], changed(REDUCE, kind=kind, **more).splitlines()[REDUCE], *pairs[6:]]
    (tmp_path / "step.jsonl").write_text("\n".join(page) + "\n")
    trace = read(tmp_path / "step.jsonl")
    task = trace.kinds[0].tasks[2]
    assert (task.kind, task.algorithm, task.size_bytes) == ("collective", "point.send", 6_400_000)
    assert [json.loads(line)["kind"] for line in lines(trace) if '"id":2' in line] == ["send"]


# --- faults ---------------------------------------------------------------------------------------------------------

HAND = (TRACES / "by_hand_8x8.jsonl").read_text().splitlines()
HEADER, GROUP, KIND, LOAD, PRODUCT, REDUCE, PASSAGE, PLAY = range(8)


def changed(place, **keys):
    """The file written by hand with keys of one line changed, or removed (None)."""
    page = list(HAND)
    line = {key: value for key, value in (json.loads(page[place]) | keys).items() if value is not None}
    page[place] = json.dumps(line)
    return "\n".join(page)


AGAIN = {"repeat": 1, "times": 10**6, "layer": 1, "micro_batch": 0}


def options(**keys):
    return {"segment_bytes": 1024, "dram_map": "row", "element_bytes": 2} | keys


FAULTS = {
    "schema of another version": (changed(HEADER, schema="hecasim.trace/7"), r":1: schema: found \"hecasim.trace/7\""),
    "no schema": (changed(HEADER, schema=None), r":1: schema: missing"),
    "unknown header key": (changed(HEADER, row=8), r":1: line: unknown key \"row\"; did you mean 'rows'"),
    "too many tiles": (changed(HEADER, rows=4096, columns=4096), r":1: rows: .*at most 65536"),
    "10^12 bodies": (changed(PASSAGE, runs=[[0, 10**12]]), r":7: runs\[0\]: found 1000000000000"),
    "10^12 plays": (changed(HEADER, plays=10**12), r":1: plays: found 1000000000000"),
    "10^12 kinds": (changed(HEADER, kinds=10**12), r":1: kinds"),
    "truth as number": (changed(HEADER, rows=True), r":1: rows: found true"),
    "unknown dram map": (changed(HEADER, options=options(dram_map="rwo")), r":1: options.dram_map: .*mean 'row'"),
    "no element bytes": (changed(HEADER, options={"segment_bytes": 1, "dram_map": "row"}), r"element_bytes: miss"),
    "zero segment": (changed(HEADER, options=options(segment_bytes=0)), r":1: options.segment_bytes: found 0"),
    "remarks of numbers": (changed(HEADER, about={"remarks": [1]}), r":1: about.remarks\[0\]: found 1"),
    "inputs and nothing else": (changed(HEADER, about={"inputs": {}}), r":1: about.token_tile: missing"),
    "a tile twice": (changed(GROUP, members=[[0, 0, *range(2, 64)]]), r":2: members\[0\]\[1\]: tile 0 stands twice"),
    "a tile beyond": (changed(GROUP, members=[[*range(63), 64]]), r":2: members\[0\]\[63\]: found 64"),
    "a tile missing": (changed(GROUP, members=[list(range(63))]), r":2: members: tile 63 is in no group"),
    "kinds out of order": (changed(KIND, body=3), r":3: body: found 3; expected 0"),
    "unknown phase": (changed(KIND, phase="forwards"), r":3: phase: .*did you mean 'forward'"),
    "too many tasks": (changed(KIND, tasks=10**9), r":3: tasks"),
    "ids out of order": (changed(PRODUCT, id=2), r":5: id: found 2; expected 1"),
    "unknown kind": (changed(PRODUCT, kind="computes"), r":5: kind: unknown name \"computes\"; did you mean 'compute'"),
    "unknown buffer": (changed(LOAD, takes=[["activation", 1]]), r":4: takes\[0\]: .*did you mean 'activations'"),
    "unknown stream": (changed(LOAD, stream="loads"), r":4: stream: .*did you mean 'load'"),
    "unknown group": (changed(REDUCE, group="everybdy"), r":6: group: .*did you mean 'everybody'"),
    "unknown collective": (changed(REDUCE, algorithm="ring.allreduce"), r":6: algorithm: .*mean 'ring.all_reduce'"),
    "unknown field": (changed(REDUCE, size=3), r":6: line: unknown key \"size\""),
    "field of another kind": (changed(REDUCE, tile_bytes=[1]), r":6: tile_bytes: not a field of a collective"),
    "amounts of a tree": (
        changed(REDUCE, algorithm="tree.dispatch"), r":6: tile_bytes: missing; tree.dispatch needs it",
    ),
    "a send with an algorithm": (changed(REDUCE, kind="send"), r":6: algorithm: not a field of a send"),
    "a send of nothing said": (
        changed(REDUCE, kind="send", algorithm=None, size_bytes=None), r":6: size_bytes: missing; a send needs it",
    ),
    "a send among 64": (changed(REDUCE, kind="send", algorithm=None), r":6: group: .*expected pairs"),
    "a tile of a collective": (changed(REDUCE, tile=3), r":6: tile: not a field of a collective"),
    "a tile that is not there": (changed(PRODUCT, tile=64), r":5: tile: found 64; .* from 0 to 63"),
    "a tile and classes": (changed(PRODUCT, tile=3, work_of=[[0, 64]]), r":5: work_of: stands beside tile"),
    "a tile and bytes of all": (changed(LOAD, tile=3, tile_bytes=[[1, 64]]), r":4: tile_bytes: found 64 entries"),
    "no algorithm": (changed(REDUCE, algorithm=None), r":6: algorithm: missing; a collective needs it"),
    "waits for itself": (changed(PRODUCT, after=[[0, 1]]), r":5: after\[0\]: found task 1; expected one before"),
    "waits for a later task": (changed(PRODUCT, after=[[0, 2]]), r":5: after\[0\]: found task 2"),
    "waits for a later body": (changed(PRODUCT, after=[[1, 0]]), r":5: after\[0\]: found 1; expected .* to 0"),
    "waits too far back": (changed(PRODUCT, after=[[-(10**12), 0]]), r":5: after\[0\]: found -1000000000000"),
    "waits twice": (changed(PRODUCT, after=[[0, 0], [0, 0]]), r":5: after: .*each task once"),
    "waits for what is not there": (changed(PRODUCT, after=[[-1, 9]]), r":8: play: by hand waits for task 9"),
    "negative size": (changed(REDUCE, size_bytes=-1), r":6: size_bytes: found -1"),
    "a product too large": (changed(PRODUCT, work=[{"gemms": [[10**9] * 4], "vector_operations": 0}]), r"\]\.gemms"),
    "bytes of three tiles": (changed(LOAD, tile_bytes=[1, 2, 3]), r":4: tile_bytes: found 3 numbers; .*64"),
    "10^12 tiles in a run": (changed(LOAD, tile_bytes=[[1, 10**12]]), r":4: tile_bytes\[0\]: found at least 10000"),
    "a run in a run in a run": (changed(LOAD, tile_bytes=[[[[[1, 2], 2]], 2]]), r":4: tile_bytes\[0\]\[0\]"),
    "class of work beyond": (changed(PRODUCT, work_of=[[7, 64]]), r":5: work_of: found class 7; expected 0 to 0"),
    "passages out of order": (changed(PASSAGE, passage=1), r":7: passage: found 1; expected 0"),
    "an unknown kind in a passage": (changed(PASSAGE, runs=[[1, 3]]), r":7: runs\[0\]: found 1; expected .* 0 to 0"),
    "a run that is none": (changed(PASSAGE, runs=[[0]]), r":7: runs\[0\]: found 1 values; expected 2"),
    "nothing in a passage": (changed(PASSAGE, runs=[]), r":7: runs: found 0 values"),
    "plays an unknown passage": (changed(PLAY, play=1), r":8: play: found 1; expected .* 0 to 0"),
    "repeats before it plays": ("\n".join([*HAND[:7], json.dumps(AGAIN)]), r":8: repeat: stands before any play"),
    "repeats too often": (changed(HEADER, plays=9) + "\n" + json.dumps(AGAIN), r":9: times: makes more plays than"),
    "repeats into no layer": (
        changed(HEADER, plays=4) + "\n" + json.dumps(AGAIN | {"times": 1, "layer": -2}), r":9: layer: leads to layer -2"
    ),
    "plays too many": (changed(PLAY, micro_batches=[[0, 10**9]]), r":8: micro_batches\[0\]: found at least 1000000000"),
    "plays nothing": (changed(PLAY, micro_batches=[]), r":8: micro_batches: found 0 values"),
    "cut after the kind": ("\n".join(HAND[:4]), r":5: line: the file ends here; expected task 1 of 3"),
    "cut before the play": ("\n".join(HAND[:-1]), r":8: line: the file ends here; expected the order of play"),
    "cut in a line": ("\n".join(HAND)[:-5], r":8: line: not JSON"),
    "more after the end": ("\n".join([*HAND, HAND[-1]]), r":9: line: expected the end of the file after 2 plays"),
    "lines swapped": ("\n".join([*HAND[:4], HAND[5], HAND[4], *HAND[6:]]), r":5: "),
    "a key twice": ("\n".join(HAND).replace('"id":1,', '"id":1,"id":1,'), r":5: line: key \"id\" stands twice"),
    "not a number": ("\n".join(HAND).replace("6400000", "NaN"), r":6: line: found NaN"),
    "infinity": ("\n".join(HAND).replace('"written by hand"', "1e999"), r":1: about.notes\[0\]"),
    "infinity elsewhere": ("\n".join(HAND).replace('"notes"', '"more":1e999,"notes"'), r":1: about.more: .*finite"),
    "deep": ("[" * 100_000, r":1: line: nested"),
    "deep inside": (changed(HEADER, about={"a": json.loads("[" * 60 + "]" * 60)}), r":1: about.*nested more than 40"),
    "huge number": ("\n".join(HAND).replace("6400000", "9" * 5000), r":6: line: found a very large number"),
    "half a character": (changed(KIND, name="x").replace('"x"', '"\\ud800"'), r":3: line: an escape"),
    "control character": (changed(KIND, name="\u001b[31m"), r":3: name: "),
    "not a mapping": ("[1]", r":1: line: found \[1\]"),
    "empty": ("", r":1: line: the file ends here; expected a header"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_with_its_line_and_key_path(tmp_path, name):
    page, expected = FAULTS[name]
    file = tmp_path / "step.jsonl"
    file.write_text(page + "\n" if page else "")
    with pytest.raises(ConfigError, match=expected):
        read(file)


def test_bytes_that_are_no_text_are_told_with_their_line(tmp_path):
    file = tmp_path / "step.jsonl"
    file.write_bytes("\n".join(HAND[:2]).encode() + b"\n\xff\xfe\n")
    with pytest.raises(ConfigError, match=":3: line: not UTF-8"):
        read(file)
    file.write_bytes(b"x" * (5 * 2**20))
    with pytest.raises(ConfigError, match=":1: line: longer than 4 MiB"):
        read(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        read(tmp_path / "missing.jsonl")
    with pytest.raises(ConfigError, match="cannot be read"):
        read(tmp_path)


def tried(file):
    """The trace in a file, or what is wrong with it."""
    try:
        return read(file), ""
    except ConfigError as error:
        return None, str(error)


@pytest.mark.parametrize("quarter", range(4))
def test_two_thousand_spoilt_files_end_in_a_sentence_with_a_line(tmp_path, quarter):
    """Each quarter spoils 500 files; what still reads must be a Trace that is written and read the same."""
    whole = "".join(line + "\n" for line in lines(build_trace(*tiny_inputs(tmp_path, batch=2)))).encode()
    samples = [(TRACES / f"{name}.jsonl").read_bytes() for name in SPOILT]
    bases = (whole, ("\n".join(HAND) + "\n").encode(), *samples)
    file, again = tmp_path / "spoilt.jsonl", tmp_path / "again.jsonl"
    refused = 0
    for seed in range(500 * quarter, 500 * (quarter + 1)):
        file.write_bytes(mutated(bases[seed % len(bases)], np.random.default_rng(seed)))
        trace, complaint = tried(file)
        if trace is None:
            assert re.search(r"spoilt\.jsonl:\d+: \S", complaint), (seed, complaint)
            assert len(complaint) < 2000, seed
            refused += 1
        else:
            write(trace, again)
            assert read(again) == trace, seed
    assert 400 < refused < 500  # most are spoilt, some only in what has no meaning
