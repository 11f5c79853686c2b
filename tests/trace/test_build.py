"""The Trace of a step: bodies in order, kinds written once, and waits that a replay can keep."""

from functools import cache

import pytest

from hecasim.parallel import METHODS
from hecasim.specs import load_model, load_package, load_plan
from hecasim.trace import build_trace
from hecasim.trace.task import COLLECTIVE, COMPUTE, DRAM_READ, DRAM_WRITE
from tests.tiny import tiny_inputs


def built(tmp_path, layers=2, package_changes=None, **plan):
    package, model, plan = tiny_inputs(tmp_path, **({"batch": 4, "micro_batch": 1} | plan))
    return build_trace(load_package(package, package_changes or {}), load_model(model, {"layers": layers}), plan)


@cache
def deep(layers):
    """The 405B step on 256 dies, of as many layers as asked for."""
    return build_trace(
        load_package("hecaton_16x16_standard"),
        load_model("llama3.1-405b", {"layers": layers}),
        load_plan({"batch": 16, "micro_batch": 2, "sequence": 512, "token_tile": 256, "capacity": "warn"}),
    )


every_method = pytest.mark.parametrize("method", METHODS)


@every_method
def test_all_micro_batches_pass_each_block_forward_then_backward_in_reverse_then_the_update(tmp_path, method):
    trace = built(tmp_path, method=method)
    order = [
        (trace.kinds[body.kind].phase, trace.kinds[body.kind].block, body.layer, body.micro_batch)
        for body in trace.bodies
        if not body.token_tile
    ]
    blocks = [("embedding", -1), *((block, layer) for layer in range(2) for block in ("attention", "ffn")), ("head", 2)]
    passes = [("forward", *block, number) for block in blocks for number in range(4)]
    passes += [("backward", *block, number) for block in blocks[::-1] for number in range(4)]
    assert order == passes + [("update", *block, 0) for block in blocks]


def test_a_step_without_an_optimizer_has_no_update(tmp_path):
    trace = built(tmp_path, optimizer="none")
    assert {kind.phase for kind in trace.kinds} == {"forward", "backward"}


@pytest.mark.parametrize("layers", [8, 126])
def test_a_deep_model_has_as_few_kinds_as_one_of_four_layers(layers):
    few, many = deep(4), deep(layers)
    assert len(many.kinds) == len(few.kinds)
    assert many.kinds == few.kinds
    assert len(many.bodies.plays) - len(few.bodies.plays) == (layers - 4) * 2 * (8 + 8 + 1)


def test_every_kind_is_played_and_no_two_are_alike(tmp_path):
    trace = built(tmp_path, layers=3)
    assert {body.kind for body in trace.bodies} == set(range(len(trace.kinds)))
    assert len({(kind.block, kind.phase, kind.tasks) for kind in trace.kinds}) == len(trace.kinds)
    assert trace.task_count == sum(len(kind.tasks) * times for kind, times in trace.counted_kinds())


@every_method
@pytest.mark.parametrize("overlap", ["none", "micro_batch"])
@pytest.mark.parametrize("micro_batch", [1, 2, 4])
def test_waits_name_tasks_of_earlier_bodies(tmp_path, method, overlap, micro_batch):
    trace = built(tmp_path, method=method, overlap=overlap, micro_batch=micro_batch)
    for place, body in enumerate(trace.bodies):
        for number, task in enumerate(trace.kinds[body.kind].tasks):
            assert task.id == number
            for offset, before in task.after:
                assert offset <= 0
                assert place + offset >= 0, f"{task.label} waits for a body {offset} away"
                there = trace.kinds[trace.bodies[place + offset].kind].tasks
                assert before < (number if offset == 0 else len(there))


def ancestors(trace, place, number, seen):
    """Every (body, task) that must have ended before a task, over its own waits."""
    stack = [(place, number)]
    while stack:
        here, task = stack.pop()
        for offset, before in trace.kinds[trace.bodies[here].kind].tasks[task].after:
            if (here + offset, before) not in seen:
                seen.add((here + offset, before))
                stack.append((here + offset, before))
    return seen


@every_method
@pytest.mark.parametrize(
    ("micro_batch", "overlap"), [(4, "micro_batch"), (2, "micro_batch"), (1, "micro_batch"), (4, "none")]
)
def test_a_block_loads_what_the_block_before_has_finished_writing(tmp_path, method, micro_batch, overlap):
    """Read after write through DRAM, by a chain of waits."""
    trace = built(tmp_path, method=method, micro_batch=micro_batch, overlap=overlap, optimizer="none", token_tile=16)
    bodies = list(trace.bodies)
    starts = [place for place, body in enumerate(bodies) if not body.token_tile]
    passages = [range(first, end) for first, end in zip(starts, [*starts[1:], len(bodies)], strict=True)]
    checked = 0
    for number, (writer, reader) in enumerate(zip(passages, passages[4 // micro_batch :], strict=False)):
        there, here = (trace.kinds[bodies[places[0]].kind].phase for places in (writer, reader))
        if there != here:
            continue
        made, read = ("x", "d y") if here == "backward" else ("y", "x")
        stored = {
            (place, task.id)
            for place in writer
            for task in trace.kinds[bodies[place].kind].tasks
            if task.kind == DRAM_WRITE and task.label.split()[-1].endswith(made)
        }
        loads = [
            (place, task.id)
            for place in reader
            for task in trace.kinds[bodies[place].kind].tasks
            if task.kind == DRAM_READ and f"read {read}" in task.label
        ]
        assert loads or trace.kinds[bodies[reader[0]].kind].block == "head"
        for place, load in loads[:2]:
            assert stored <= ancestors(trace, place, load, set()), f"passage {number}"
            checked += bool(stored)
    assert checked


@every_method
def test_a_task_has_what_its_kind_needs(tmp_path, method):
    trace = built(tmp_path, method=method)
    for kind in trace.kinds:
        for task in kind.tasks:
            assert task.label
            if task.kind == COMPUTE:
                assert task.work
                assert task.work_of is None or len(task.work_of) == trace.tiles
            elif task.kind == COLLECTIVE:
                assert task.size_bytes > 0
                assert task.group in trace.groups
            else:
                assert task.stream in ("weights", "load", "store")
                assert len(task.tile_bytes) in (1, trace.tiles)


def test_weights_that_do_not_stay_are_read_for_every_token_tile(tmp_path):
    def reads(size):
        trace = built(tmp_path, package_changes={"chiplet.sram.weights": size}, token_tile=16)
        return sum(
            times * sum(task.label == "read weights" for task in kind.tasks) for kind, times in trace.counted_kinds()
        )

    assert reads("1 KiB") >= 4 * reads("unlimited")


def test_two_builds_are_equal(tmp_path):
    assert built(tmp_path) == built(tmp_path)
