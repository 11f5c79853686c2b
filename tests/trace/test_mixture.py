"""A step of a mixture of experts on a tree: tokens and bytes are conserved, nobody waits forever, engines agree."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from hecasim.errors import ConfigError, InfeasiblePlan
from hecasim.experts import PLACEMENTS
from hecasim.mapping.dispatch import count_dispatch
from hecasim.run import simulate
from hecasim.sim import replay
from hecasim.specs import load_model, load_package, load_plan
from hecasim.trace import assemble, prepare
from hecasim.trace.task import COMPUTE, DRAM_READ, DRAM_WRITE
from tests.sim.equality import assert_engines_agree_above_bounds

MOZART = {
    "baseline": {"stream_tokens": False, "stream_experts": False, "dispatch_copies": "per_expert",
                 "combine_point": "attention"},
    "C": {},
    "tokens alone": {"stream_experts": False, "tokens_ahead": 1, "weights_ahead": "block"},
    "experts alone": {"stream_tokens": False, "dispatch_point": "switch", "optimizer": "adam", "weight_passes": 4},
}  # fmt: skip
STAGED = ("read weights", "read states", "hand on weights", "hand back weights", "write weights")
SHOWN_SWITCH = 2  # of the eight tiles of a timeline


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
        found = [one for of_micro_batch in step.dispatches[layer] for one in of_micro_batch]
        assert sum(int(one.per_expert.sum()) for one in found) == 4 * 32 * model.moe.top_k
        for one in found:
            assert one.assigned.sum() == one.per_expert.sum()
            assert np.all(one.copies <= one.assigned)
            assert np.all(one.group_tokens <= one.copies.reshape(4, 4).sum(axis=1))
            assert one.group_tokens.max() <= step.tokens
    trace = assemble(step)
    sent = {name: [] for name in ("dispatch", "combine")}
    for kind, task in tasks_of(trace):
        if task.label in sent:
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
    package, model, plan = inputs(attention, dense_first, **MOZART[variant])
    assert_engines_agree_above_bounds(package, model, plan)


def test_streaming_and_fewer_copies_save_time():
    def time(**plan):
        return simulate(*inputs(**plan))["step_time_ps"]

    baseline = MOZART["baseline"]
    streams = {"stream_tokens": True, "stream_experts": True}
    assert time() < time(**baseline | streams) < time(**baseline)


@pytest.mark.parametrize("point", ["attention", "switch"])
@pytest.mark.parametrize("copies", ["per_expert", "per_chiplet"])
def test_outputs_come_home_as_often_as_the_plan_says(copies, point):
    step = prepare(*inputs(dispatch_copies=copies, combine_point=point))
    home = [task for _, task in tasks_of(assemble(step)) if task.label == "combine"]
    for task in home:
        to_root = sum(task.tile_bytes[1:5]) if point == "switch" else sum(task.tile_bytes[5:])
        assert to_root == (task.size_bytes - sum(task.tile_bytes[5:]) if point == "switch" else task.size_bytes)
    tokens = sum(int((one.group_tokens if point == "switch" else step.vectors(one)).sum())
                 for layer in step.dispatches for found in layer for one in found)  # fmt: skip
    upward = sum(sum(task.tile_bytes[1:5]) or sum(task.tile_bytes[5:]) for task in home)
    assert upward == 2 * tokens * step.model.hidden * 2  # forward and backward, in fp16


@pytest.mark.parametrize("path", ["staged", "through"])
@pytest.mark.parametrize("passes", [3, 4])
@pytest.mark.parametrize("variant", MOZART)
def test_every_chiplet_gets_the_weights_of_every_layer_and_gives_them_back(variant, passes, path):
    package, model, plan = inputs(**MOZART[variant] | {"weight_passes": passes, "optimizer_traffic": False})
    package = load_package(package, {"switch.memory_path": path})
    trace = assemble(prepare(package, model, plan))
    came, went = Counter(), Counter()
    for _, task in tasks_of(trace):
        if task.algorithm == "staged.send":
            for source, *target in trace.groups[task.group]:
                if target:
                    (came if source < 5 else went)[max(source, *target)] += task.size_bytes
        elif "weights" in task.label or "states" in task.label:
            for tile in range(5, trace.tiles):
                (came if task.kind == DRAM_READ else went)[tile] += task.bytes_at(tile)
    held = model.moe_layers * model.moe.experts // 16 * model.expert_parameters * plan.bytes_per_element
    assert came == dict.fromkeys(range(5, 21), (passes - 1) * held)
    assert went == dict.fromkeys(range(5, 21), held)
    read, written = (sum(sum(task.tile_bytes[1:]) for _, task in tasks_of(trace)
                         if task.kind == kind and "activations" not in task.label)
                     for kind in (DRAM_READ, DRAM_WRITE))  # fmt: skip
    assert (read, written) == ((passes - 1) * 16 * held, 16 * held)


@pytest.mark.parametrize("variant", MOZART)
def test_a_switch_stages_one_thing_at_a_time(variant):
    package, model, plan = inputs(**MOZART[variant])
    log = replay(assemble(prepare(package, model, plan)), package, keep_spans=True)
    spans = sorted((span.start_ps, span.end_ps) for span in log.spans
                   if span.tile == SHOWN_SWITCH and span.end_ps > span.start_ps and span.label in STAGED)  # fmt: skip
    assert len(spans) > 2 * 3 * 4
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_tokens_wait_at_their_experts_as_far_as_the_sram_holds_them():
    package, model, plan = inputs(batch=8, micro_batch=1, sequence=64, capacity="refuse")

    def ahead(mebibytes):
        small = load_package(package, {"chiplet.tiles": "1", "chiplet.sram.weights": f"{round(mebibytes * 2**19)} B",
                                       "chiplet.sram.activations": f"{round(mebibytes * 2**19)} B"})  # fmt: skip
        step = prepare(small, model, plan)
        assert step.sram_bytes <= mebibytes * 2**20
        return step.tokens_ahead

    least = prepare(package, model, load_plan(plan, {"tokens_ahead": "1"})).sram_bytes / 2**20
    found = [ahead(least + extra) for extra in (0.01, 0.3, 0.6, 10)]
    assert found == sorted(found)
    assert (found[0], found[-1]) == (1, 8)
    with pytest.raises(InfeasiblePlan, match="SRAM of an expert chiplet"):
        ahead(least - 0.01)


def test_a_grid_or_a_dense_model_is_refused():
    package, model, plan = inputs()
    with pytest.raises(ConfigError, match="needs a package whose topology is a tree"):
        prepare(load_package("hecaton_4x4_standard"), load_model("tinyllama-1.1b"), plan)
    with pytest.raises(ConfigError, match="is dense"):
        prepare(package, load_model("tinyllama-1.1b"), plan)
    with pytest.raises(ConfigError, match="expected 'mozart'"):
        prepare(package, model, load_plan(plan, {"method": "hecaton"}))


def test_the_result_says_what_the_sram_of_each_role_holds():
    result = simulate(*inputs())
    said = [line for line in result["simulation"]["approximations"] if line.startswith("SRAM per die")]
    step = prepare(*inputs())
    assert result["memory"]["sram_peak_bytes"] == step.sram_bytes
    # Four experts of a layer, the gradient of one, and tokens: those that wait and the outputs of one micro-batch.
    weights = 4 * step.model.expert_parameters * 2
    tokens = (step.tokens_ahead + 1) * step.room.tokens_bytes
    assert step.sram_bytes == weights + weights // 4 + tokens
    assert len(said) == 1
    assert f"{step.sram_bytes / 2**20:.1f} MiB at the fullest expert chiplet" in said[0]
    assert not [line for line in step.remarks if "attention chiplet exceeded" in line]
    package, model, plan = inputs()
    small = load_package(package, {"chiplet.tiles": "30"})
    exceeded = [line for line in prepare(small, model, plan).remarks if line.startswith("SRAM of an attention")]
    assert len(exceeded) == 1
    assert "not modelled" in exceeded[0]


def test_dropped_tokens_are_counted_and_go_nowhere():
    package, model, plan = inputs()
    model = load_model(model, {"moe.capacity_factor": "0.5"})
    step = prepare(package, model, plan)
    found = [one for layer in step.dispatches for of_micro_batch in layer for one in of_micro_batch]
    assigned = model.moe_layers * 4 * 32 * model.moe.top_k
    kept, dropped = sum(int(one.per_expert.sum()) for one in found), int(step.kept.dropped.sum())
    assert kept + dropped == assigned
    assert dropped >= assigned / 2  # every expert takes half its mean at most
    # Capacity is per micro-batch: 64 tokens x 8 / 64 experts / 2.
    assert max(int(one.per_expert.max()) for one in found) <= 4
    trace = assemble(step)
    computed = sum(task.work_at(tile).flops for kind, task in tasks_of(trace) for tile in range(trace.tiles)
                   if task.kind == COMPUTE and task.label == "experts" and kind.phase == "forward")  # fmt: skip
    assert computed == 2 * model.expert_parameters * kept
    result = simulate(package, model, plan)
    assert any(f"{dropped} of {assigned} dropped" in line for line in result["simulation"]["approximations"])


@pytest.mark.parametrize("variant", MOZART)
@pytest.mark.parametrize("expert", [0, 17, 63])
def test_one_expert_may_take_every_token_and_all_others_none(variant, expert):
    package, _, plan = inputs(**MOZART[variant])
    model = load_model("olmoe-1b-7b", {"layers": "2", "moe.top_k": "1"})
    step = prepare(package, model, plan)
    chosen = np.full_like(step.kept.routing.chosen, expert)
    kept = replace(step.kept, routing=replace(step.kept.routing, chosen=chosen))
    tokens = step.tokens
    dispatches = [[[count_dispatch(kept, step.placement, layer, slice(first, first + tokens))]
                   for first in range(0, 4 * 32, tokens)] for layer in range(2)]  # fmt: skip
    assert all(one.copies.sum() == one.copies.max() == tokens for layer in dispatches for (one,) in layer)
    log = replay(assemble(replace(step, kept=kept, dispatches=dispatches)), package)
    plain = replay(assemble(replace(step, kept=kept, dispatches=dispatches)), package, engine="plain")
    assert log.step_ps == plain.step_ps > 0
