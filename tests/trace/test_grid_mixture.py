"""A step of a mixture of experts on a grid: tokens and bytes are conserved, nobody waits forever, engines agree."""

import json
from dataclasses import replace

import numpy as np
import pytest

from hecasim.collectives import PER_PAIR
from hecasim.errors import ConfigError, InfeasiblePlan
from hecasim.experts import PLACEMENTS
from hecasim.mapping.dispatch import count_dispatch
from hecasim.replaying import replay_trace
from hecasim.run import simulate
from hecasim.sim import replay
from hecasim.specs import load_model, load_package, load_plan
from hecasim.trace import assemble, prepare
from hecasim.trace.chakra import write_chakra
from hecasim.trace.file import read, write
from hecasim.trace.grid_mixed_layer import GridLayer
from hecasim.trace.task import COMPUTE, DRAM_READ, DRAM_WRITE
from tests.sim.equality import assert_engines_agree_above_bounds, assert_same
from tests.tiny import PACKAGE

DIES, BATCH, SEQUENCE = 4, 8, 16
PLANS = {
    "default": {},
    "one micro-batch": {"micro_batch": 8},
    "serial": {"overlap": "none"},
    "copies": {"dispatch_copies": "per_expert", "stash": "full", "optimizer": "sgd"},
    "no update": {"optimizer": "none", "expert_placement": "clustered"},
    "balanced": {"expert_placement": "balanced", "optimizer_traffic": False},
}


@pytest.fixture
def inputs(tmp_path):
    """Package, model and plan, changed by keys of each."""

    def load(package=None, model=None, **plan):
        (tmp_path / "package.yaml").write_text(PACKAGE)
        sizes = {
            "layers": "3", "hidden": "64", "heads": "4", "head_dim": "16", "kv_heads": "4", "vocab": "256",
            "moe.experts": "8", "moe.top_k": "2", "moe.expert_inner": "64",
        }  # fmt: skip
        base = {"method": "expert_parallel", "batch": BATCH, "sequence": SEQUENCE, "profile_tokens": 256}
        return (
            load_package(str(tmp_path / "package.yaml"), package or {}),
            load_model("olmoe-1b-7b", sizes | (model or {})),
            load_plan(base | plan),
        )

    return load


def tasks_of(trace):
    return [(kind, task) for kind, times in trace.counted_kinds() for task in kind.tasks for _ in range(times)]


@pytest.mark.parametrize("copies", ["per_expert", "per_chiplet"])
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_every_assignment_is_dispatched_computed_and_combined_once(inputs, copies, placement):
    package, model, plan = inputs(expert_placement=placement, dispatch_copies=copies)
    step = prepare(package, model, plan)
    vector = model.hidden * plan.bytes_per_element
    trace = assemble(step)
    tables = {(phase, name): [np.array(task.tile_bytes).reshape(DIES, DIES) for kind, task in tasks_of(trace)
                              if kind.phase == phase and task.label == name]
              for phase in ("forward", "backward") for name in ("dispatch", "combine")}  # fmt: skip
    chosen, tokens = step.kept.routing.chosen, step.tokens
    for phase in ("forward", "backward"):
        out = tables[phase, "dispatch"]
        assert len(out) == model.layers * step.micro_batches
        assert all(np.array_equal(there, home.T) for there, home in zip(out, tables[phase, "combine"], strict=True))
    for layer in range(model.layers):
        where = step.placement.chiplet_of[layer]
        for number in range(step.micro_batches):
            wanted = np.zeros((DIES, DIES), dtype=int)
            for die in range(DIES):
                first = (number * DIES + die) * tokens
                for token in chosen[layer, first : first + tokens]:
                    targets = [int(where[expert]) for expert in token]
                    for target in targets if copies == "per_expert" else set(targets):
                        wanted[die, target] += vector * (target != die)
            table = tables["forward", "dispatch"][layer * step.micro_batches + number]
            assert np.array_equal(table, wanted)
    computed = sum(task.work_at(tile).flops for kind, task in tasks_of(trace) for tile in range(DIES)
                   if task.kind == COMPUTE and task.label == "experts" and kind.phase == "forward")  # fmt: skip
    assert computed == 2 * model.expert_parameters * BATCH * SEQUENCE * model.moe.top_k * model.layers


@pytest.mark.parametrize("kind", ["mesh", "torus"])
@pytest.mark.parametrize("name", PLANS)
def test_both_engines_play_one_step_above_its_bounds(inputs, name, kind):
    package, model, plan = inputs({"topology.kind": kind}, **PLANS[name])
    assert_engines_agree_above_bounds(package, model, plan)
    trace = assemble(prepare(package, model, plan))
    assert_same(replay(trace, package, engine="plain"), replay(trace, package, engine="fast"))


@pytest.mark.parametrize("weights", ["1 MiB", "32 KiB"])
@pytest.mark.parametrize("engine", ["fast", "plain"])
def test_a_written_step_is_replayed_as_it_ran(inputs, tmp_path, weights, engine):
    package, model, plan = inputs({"chiplet.sram.weights": weights}, engine=engine)
    ran = simulate(package, model, plan)
    trace = assemble(prepare(package, model, plan))
    write(trace, tmp_path / "step.jsonl")
    again = read(tmp_path / "step.jsonl")
    assert again == trace
    replayed = replay_trace(again, package, engine=engine)
    assert dict(replayed.to_json(), host={}) == dict(ran.to_json(), host={})


def test_dense_first_layers_shared_experts_and_latent_attention_play_too(inputs):
    package, _, plan = inputs(sequence=8)
    sizes = {"layers": "2", "hidden": "64", "inner": "128", "vocab": "128", "moe.experts": "8", "moe.top_k": "2",
             "moe.expert_inner": "32"}  # fmt: skip
    model = load_model("deepseek-v2-lite", sizes)
    plan = load_plan(plan, {"capacity": "warn"})
    fast, plain = (simulate(package, model, plan.model_copy(update={"engine": engine})) for engine in ("fast", "plain"))
    assert fast["step_time_ps"] == plain["step_time_ps"] > 0
    labels = [task.label for kind, task in tasks_of(assemble(prepare(package, model, plan))) if kind.phase == "forward"]
    assert labels.count("dispatch") == 2  # the second layer, two micro-batches


@pytest.mark.parametrize(("weights", "times"), [("1 MiB", 1), ("32 KiB", 2)])
def test_weights_and_gradients_cross_dram_as_often_as_the_room_says(inputs, weights, times):
    package, model, plan = inputs({"chiplet.sram.weights": weights}, optimizer="sgd", optimizer_traffic=False)
    step = prepare(package, model, plan)
    assert step.micro_batches == 2
    assert bool([line for line in step.remarks if "exceed the weight buffer" in line]) == (times == 2)
    trace = assemble(step)

    def moved(kind, label):
        return sum(sum(task.tile_bytes) for _, task in tasks_of(trace) if (task.kind, task.label) == (kind, label))

    experts = model.moe.experts * model.expert_parameters * model.layers * 2
    shared = sum(layer.home.parameters for layer in step.layers) * 2
    head = model.vocab * model.hidden * 2
    assert moved(DRAM_READ, "read experts") == 2 * times * experts
    assert moved(DRAM_READ, "read weights") == times * (2 * shared + head)
    parts = experts + sum(-(-layer.home.parameters // DIES) * DIES for layer in step.layers) * 2 + head
    assert moved(DRAM_WRITE, "write weights") == parts
    assert moved(DRAM_READ, "read gradients") == moved(DRAM_WRITE, "write gradients") == (times - 1) * parts


def test_what_is_saved_is_read_again_once(inputs):
    step = prepare(*inputs())
    trace = assemble(step)
    row = BATCH * SEQUENCE * step.model.hidden * 2
    saved = sum(sum(layer.saved_bytes(number)) for layer in step.layers for number in range(step.micro_batches))
    written = sum(sum(task.tile_bytes) for _, task in tasks_of(trace) if task.label == "save activations")
    came = sum(sum(task.tile_bytes) for kind, task in tasks_of(trace)
               if task.label == "load activations" and kind.phase == "backward" and kind.block == "ffn")  # fmt: skip
    assert written == saved + row
    assert came == saved
    assert step.dram_by_class["activations"] >= saved


@pytest.mark.parametrize("expert", [0, 5])
@pytest.mark.parametrize("overlap", ["none", "micro_batch"])
def test_one_expert_may_take_every_token_and_all_others_none(inputs, expert, overlap):
    package, model, plan = inputs(model={"moe.top_k": "1"}, overlap=overlap)
    step = prepare(package, model, plan)
    chosen = np.full_like(step.kept.routing.chosen, expert)
    kept = replace(step.kept, routing=replace(step.kept.routing, chosen=chosen))
    dispatches = [[[count_dispatch(kept, step.placement, layer, slice(first, first + step.tokens))
                    for first in range(place, place + DIES * step.tokens, step.tokens)]
                   for place in range(0, BATCH * SEQUENCE, DIES * step.tokens)]
                  for layer in range(model.layers)]  # fmt: skip
    layers = [GridLayer(model, step.plan, DIES, layer, step.placement, dispatches) for layer in range(model.layers)]
    trace = assemble(replace(step, kept=kept, dispatches=dispatches, layers=layers))
    assert replay(trace, package).step_ps == replay(trace, package, engine="plain").step_ps > 0


def test_dropped_tokens_go_nowhere(inputs):
    package, model, plan = inputs(model={"moe.capacity_factor": "0.5"})
    step = prepare(package, model, plan)
    trace = assemble(step)
    computed = sum(task.work_at(tile).flops for kind, task in tasks_of(trace) for tile in range(DIES)
                   if task.kind == COMPUTE and task.label == "experts" and kind.phase == "forward")  # fmt: skip
    assigned = model.layers * BATCH * SEQUENCE * model.moe.top_k
    dropped = int(step.kept.dropped.sum())
    assert dropped >= assigned / 2
    assert computed == 2 * model.expert_parameters * (assigned - dropped)


@pytest.mark.parametrize(("keys", "said"), [
    ({"batch": 6}, "multiple of the 4 dies"),
    ({"micro_batch": 2}, "micro_batch: found 2; expected a multiple of the 4 dies"),
    ({"recompute": "full"}, "recompute: found full; expected none"),
    ({"shared_expert_placement": "chiplets"}, "expected attention"),
    ({"causal_skip": True}, "causal_skip: found True"),
    ({"grid": {"r": 1, "c": 4}}, "plan.grid"),
])  # fmt: skip
def test_a_plan_that_is_not_modelled_is_refused(inputs, keys, said):
    with pytest.raises(ConfigError, match=said):
        prepare(*inputs(**keys))


def test_what_does_not_suit_the_method_is_refused(inputs):
    package, model, plan = inputs()
    with pytest.raises(ConfigError, match="is dense; expected a mixture"):
        prepare(package, load_model("tinyllama-1.1b"), plan)
    with pytest.raises(ConfigError, match="found 'expert_parallel'; expected 'mozart'"):
        prepare(load_package("mozart_olmoe_hbm2"), model, plan)
    with pytest.raises(ConfigError, match=r"on a grid use plan\.method expert_parallel"):
        prepare(package, model, load_plan(plan, {"method": "hecaton"}))
    with pytest.raises(ConfigError, match="expected a divisor of the experts"):
        prepare(package, load_model(model, {"moe.experts": "6"}), plan)
    with pytest.raises(ConfigError, match="at most 256 dies"):
        prepare(load_package("hecaton_32x32_standard"), model, plan)
    with pytest.raises(InfeasiblePlan, match="activation SRAM per die"):
        prepare(load_package(package, {"chiplet.sram.activations": "1 KiB"}), model, plan)


def test_chakra_does_not_take_it(inputs, tmp_path):
    trace = assemble(prepare(*inputs()))
    with pytest.raises(ConfigError, match=rf"'dispatch' is a {PER_PAIR}; Chakra has no collective of unequal members"):
        write_chakra(trace, tmp_path)


@pytest.mark.parametrize(("change", "said"), [
    (lambda task: task["tile_bytes"].pop(), "tile_bytes: found .* numbers; expected one per source and target"),
    (lambda task: task.update(tile_bytes=[4, *task["tile_bytes"][1:]]), "4 bytes stay on their tile"),
    (lambda task: task.update(size_bytes=task["size_bytes"] + 1), "size_bytes: found .*; expected the sum"),
    (lambda task: task.pop("tile_bytes"), "tile_bytes: missing; direct.uneven_all_to_all needs it"),
])  # fmt: skip
def test_a_table_that_is_wrong_is_refused_with_its_line(inputs, tmp_path, change, said):
    file = tmp_path / "step.jsonl"
    write(assemble(prepare(*inputs())), file)
    lines = file.read_text().splitlines()
    at = next(at for at, line in enumerate(lines) if PER_PAIR in line)
    task = json.loads(lines[at])
    change(task)
    lines[at] = json.dumps(task)
    file.write_text("\n".join(lines) + "\n")
    with pytest.raises(ConfigError, match=rf"step.jsonl:{at + 1}: {said}|step.jsonl:{at + 1}: tile_bytes: {said}"):
        read(file)
