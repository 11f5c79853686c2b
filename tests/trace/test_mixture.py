"""A step of a mixture of experts on a tree: tokens and bytes are conserved, nobody waits forever, engines agree."""

import json
from dataclasses import replace

import numpy as np
import pytest

from hecasim.errors import ConfigError
from hecasim.experts import PLACEMENTS
from hecasim.mapping.dispatch import count_dispatch
from hecasim.run import simulate
from hecasim.sim import replay
from hecasim.specs import load_model, load_package, load_plan
from hecasim.trace import assemble, prepare
from hecasim.trace.task import COLLECTIVE, COMPUTE, DRAM_READ

MOZART = {"baseline": (False, "per_expert"), "C": (True, "per_chiplet")}


def inputs(attention=1, dense_first=0, **plan):
    package = load_package("mozart_olmoe_hbm2", {"topology.attention": str(attention)})
    changes = {"layers": "3", "moe.dense_first": str(dense_first)} if dense_first else {"layers": "3"}
    model = load_model("olmoe-1b-7b", changes)
    base = {
        "method": "mozart", "batch": 4, "micro_batch": 2 if attention < 4 else 4, "sequence": 32,
        "optimizer": "sgd", "capacity": "warn", "profile_tokens": 256,
    }  # fmt: skip
    return package, model, load_plan(base | plan)


def tasks_of(trace):
    return [(kind, task) for kind, times in trace.counted_kinds() for task in kind.tasks for _ in range(times)]


@pytest.mark.parametrize("copies", ["per_expert", "per_chiplet"])
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_every_assignment_is_dispatched_computed_and_combined_once(copies, placement):
    package, model, plan = inputs(expert_placement=placement, dispatch_copies=copies)
    step = prepare(package, model, plan)
    for layer in range(model.moe_layers):
        found = [count_dispatch(step.kept, step.placement, layer, step.token_slice(number, 0)) for number in range(2)]
        assert sum(int(one.per_expert.sum()) for one in found) == 4 * 32 * model.moe.top_k
        for one in found:
            assert one.assigned.sum() == one.per_expert.sum()
            assert np.all(one.copies <= one.assigned)
            assert np.all(one.group_tokens <= one.copies.reshape(4, 4).sum(axis=1))
            assert one.group_tokens.max() <= step.tokens
    trace = assemble(step)
    sent = {name: [] for name in ("dispatch", "combine")}
    for kind, task in tasks_of(trace):
        if task.kind == COLLECTIVE:
            sent[task.label].append((kind.phase, task.tile_bytes[5:]))
    for phase in ("forward", "backward"):
        out, home = (sorted(sizes for where, sizes in sent[name] if where == phase) for name in sent)
        assert len(out) == 3 * 2
        assert out == home


def test_executed_flops_are_those_of_the_assignments():
    package, model, plan = inputs()
    trace = assemble(prepare(package, model, plan))
    computed = sum(
        sum(task.work_at(tile).flops for tile in range(trace.tiles))
        for kind, task in tasks_of(trace)
        if task.kind == COMPUTE and task.label == "experts" and kind.phase == "forward"
    )
    assert computed == 2 * model.expert_parameters * 4 * 32 * model.moe.top_k * model.moe_layers


@pytest.mark.parametrize("variant", MOZART)
@pytest.mark.parametrize(("attention", "dense_first"), [(1, 0), (2, 0), (4, 1)])
def test_both_engines_play_one_step_above_its_bounds(variant, attention, dense_first):
    streams, copies = MOZART[variant]
    package, model, plan = inputs(
        attention, dense_first, stream_tokens=streams, stream_experts=streams, dispatch_copies=copies
    )
    fast, plain, lower = (
        simulate(package, model, plan.model_copy(update=update))
        for update in ({}, {"engine": "plain"}, {"fidelity": "analytic"})
    )
    documents = [dict(result.to_json(), host={}, inputs={}, simulation={}) for result in (fast, plain)]
    assert json.dumps(documents[0]) == json.dumps(documents[1])
    assert max(fast["bounds_s"].values()) <= lower["step_time_s"] <= fast["step_time_s"]


def test_streaming_and_fewer_copies_save_time():
    def time(streams, copies):
        return simulate(*inputs(stream_tokens=streams, stream_experts=streams, dispatch_copies=copies))["step_time_ps"]

    assert time(True, "per_chiplet") < time(True, "per_expert") < time(False, "per_expert")


@pytest.mark.parametrize("expert", [0, 63])
def test_nothing_waits_forever_when_one_expert_takes_a_token_of_all_or_none(expert):
    package, model, plan = inputs()
    step = prepare(package, model, plan)
    chosen = np.broadcast_to(np.arange(model.moe.top_k, dtype=np.int16), step.kept.routing.chosen.shape).copy()
    chosen += 0 if expert == 0 else np.int16(64 - model.moe.top_k)
    routing = replace(step.kept.routing, chosen=chosen)
    log = replay(assemble(replace(step, kept=replace(step.kept, routing=routing))), package)
    assert log.step_ps > 0


def test_weights_cross_dram_as_often_as_the_plan_says():
    reads = {}
    for passes in (3, 5):
        trace = assemble(prepare(*inputs(weight_passes=passes)))
        reads[passes] = sum(sum(task.tile_bytes) for _, task in tasks_of(trace) if task.kind == DRAM_READ)
    package, model, plan = inputs()
    step = prepare(package, model, plan)
    held = model.moe.experts * model.expert_parameters + step.root_module(0).parameters
    assert reads[5] - reads[3] == 2 * model.moe_layers * held * plan.bytes_per_element


def test_a_grid_or_a_dense_model_is_refused():
    package, model, plan = inputs()
    with pytest.raises(ConfigError, match="needs a package whose topology is a tree"):
        prepare(load_package("hecaton_4x4_standard"), load_model("tinyllama-1.1b"), plan)
    with pytest.raises(ConfigError, match="is dense"):
        prepare(package, load_model("tinyllama-1.1b"), plan)
    with pytest.raises(ConfigError, match="expected 'mozart'"):
        prepare(package, model, load_plan(plan, {"method": "hecaton"}))
