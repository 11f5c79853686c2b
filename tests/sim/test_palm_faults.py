"""Faults that a published wafer simulator (PALM, arXiv 2406.03868) was found to have, each as a law of ours."""

import json

import pytest

from hecasim.analytic import take_census
from hecasim.collectives import COLLECTIVES
from hecasim.run import simulate
from hecasim.sim import replay
from hecasim.specs import load_model, load_package, load_plan
from hecasim.topologies import make
from hecasim.trace import build_trace
from hecasim.trace.task import COLLECTIVE
from tests.sim.parts import NS, collective, oracle, trace_of
from tests.tiny import tiny_inputs


def outcome(package, model, plan):
    """Everything of a result but what went in and how long the simulator itself took."""
    result = simulate(package, model, plan)
    document = {key: value for key, value in result.to_json().items() if key not in ("inputs", "host")}
    return json.dumps(document, sort_keys=True), result.tables()


def test_a_run_of_few_micro_batches_keeps_every_utilisation_at_or_below_one(tmp_path):
    for micro_batch in (1, 2, 4):
        result = simulate(*tiny_inputs(tmp_path, micro_batch=micro_batch))
        assert all(0 <= share <= 1 for share in result["utilization"].values())
        assert result["mfu"] <= result["hfu"] <= 1
        assert max(result["bounds_s"].values()) <= result["step_time_s"]


@pytest.mark.parametrize("hops", [1, 2, 4])
@pytest.mark.parametrize("bandwidth", ["32 GB/s", "4 GB/s"])
def test_a_message_takes_the_same_time_down_a_column_as_along_a_row(hops, bandwidth):
    side = hops + 1
    task = collective(0, "point.send", 32_000, group="pair")
    times = []
    for rows, columns, pair in ((1, side, (0, hops)), (side, 1, (0, hops))):
        trace = trace_of(rows, columns, [[task]])
        others = tuple((tile,) for tile in range(side) if tile not in pair)
        trace.groups["pair"] = (pair, *others)
        times.append(replay(trace, oracle(rows, columns, **{"link.bandwidth": bandwidth})).step_ps)
    rate = int(bandwidth.split()[0])
    assert times == [hops * 10 * NS + 32_000 * NS // rate] * 2


def test_a_narrow_link_slows_rows_and_columns_alike():
    for algorithm in ("ring.all_gather", "ring.all_reduce"):
        times = [
            replay(trace_of(rows, columns, [[collective(0, algorithm, 64_000)]]),
                   oracle(rows, columns, **{"link.bandwidth": "2 GB/s"})).step_ps
            for rows, columns in ((1, 4), (4, 1))
        ]  # fmt: skip
        assert times[0] == times[1]


def test_megatron_moves_four_all_reduces_of_the_activations_per_layer(tmp_path):
    package, model, plan = tiny_inputs(tmp_path, method="megatron", batch=2, micro_batch=2, token_tile=128)
    model = load_model(model, {"layers": 5})
    trace = build_trace(package, model, plan)
    size = plan.batch * plan.sequence * model.hidden * plan.bytes_per_element
    found = {block: sum(times * task.size_bytes for kind, times in trace.counted_kinds() for task in kind.tasks
                        if kind.block == block and kind.phase != "update" and task.kind == COLLECTIVE)
             for block in ("attention", "ffn")}  # fmt: skip
    assert found == {"attention": 2 * 5 * size, "ffn": 2 * 5 * size}
    (stage,) = COLLECTIVES["ring.all_reduce"](make("mesh", 2, 2), (0, 1, 2, 3), size, {"ring": "unidirectional"})
    sent = sum(sum(pattern.flows().values()) for pattern in stage)
    assert sent == 2 * 3 * size


def test_bytes_on_wires_are_those_counted_however_much_repeats(tmp_path):
    package, model, plan = tiny_inputs(tmp_path, batch=16, micro_batch=1)
    trace = build_trace(package, load_model(model, {"layers": 6}), plan)
    log, census = replay(trace, package), take_census(trace, package)
    assert [lane.bytes_carried for lane in log.lanes if lane.kind == "link"] == list(census.link_bytes)


def test_renaming_a_package_changes_nothing(tmp_path):
    package, model, plan = tiny_inputs(tmp_path)
    renamed = load_package(package, {"name": "A100", "description": "a GPU"})
    assert outcome(package, model, plan) == outcome(renamed, model, plan)


def test_the_kind_of_a_memory_is_only_a_name_once_its_numbers_are_given(tmp_path):
    package, model, plan = tiny_inputs(tmp_path)
    other = package.model_copy(update={"memory": package.memory.model_copy(update={"kind": "hbm2_2000"})})
    assert outcome(package, model, plan) == outcome(other, model, plan)


CHANGES = {
    "topology.kind": "torus", "topology.rows": 1, "topology.columns": 3,
    "chiplet.core.clock": "500 MHz", "chiplet.core.arrays": 2, "chiplet.core.rows": 8, "chiplet.core.columns": 8,
    "chiplet.core.dataflow": "os", "chiplet.core.fold_overlap": True, "chiplet.core.vector_lanes": 4,
    "chiplet.sram.weights": "4 KiB", "chiplet.sram.activations": "16 KiB",
    "chiplet.sram.core_bandwidth": "1 GB/s", "chiplet.sram.nop_bandwidth": "8 GB/s",
    "chiplet.sram.dram_bandwidth": "8 GB/s", "chiplet.sram.reduction_bandwidth": "1 GB/s",
    "link.bandwidth": "8 GB/s", "link.latency": "99 ns", "link.adapter_latency": "5 ns",
    "link.payload_efficiency": 0.5, "link.energy": "9 pJ/b",
    "memory.attached": "every_die", "memory.bandwidth": "2 GB/s", "memory.latency": "999 ns",
    "memory.capacity": "1 MiB", "memory.energy": "99 pJ/b",
    "energy.mac": "9 pJ", "energy.vector_op": "9 pJ", "energy.sram": "9 pJ/b", "energy.static_per_chiplet": "9 W",
    "energy.phy_idle_per_link": "1 W", "memory.background_per_channel": "9 W",
    "chiplet.sram.ports": "shared", "chiplet.sram.port_bandwidth": "9 GB/s", "chiplet.reduction": "vector",
    "chiplet.tiles": 2, "chiplet.core.broadcast": 4, "chiplet.core.adder_tree": True, "link.wires": 2,
    "energy.sram_link": "1 pJ/b",
}  # fmt: skip
BESIDE = {
    "topology.columns": {"topology.columns": 2},
    "chiplet.sram.ports": {"chiplet.sram.port_bandwidth": "64 GB/s"},
    "chiplet.sram.port_bandwidth": {"chiplet.sram.ports": "shared", "chiplet.sram.port_bandwidth": "64 GB/s"},
}
"""What must be otherwise for a key to have its say."""
INERT = {"name", "description", "memory.kind", "chiplet.core.kind", "memory.enforce_capacity",
         "area", "cost", "memory.price", "switch", "root_link", "memory.root_stacks"}  # fmt: skip
"""Names say nothing; a kind chooses which other keys there are; capacity is enforced only where it is exceeded.

Area and cost are tables that this package has not; `tests/results` moves every key of theirs, the price of DRAM too.
Switches, root links and root stacks are parts of a tree; `tests/sim/test_tree.py` moves theirs.
"""


def keys_of(spec, prefix=""):
    for key, field in type(spec).keys().items():
        value = getattr(spec, field)
        if hasattr(type(value), "keys") and hasattr(value, "model_fields_set"):
            yield from keys_of(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def test_every_key_of_a_package_is_in_the_list_of_changes_or_explained(tmp_path):
    package, _, _ = tiny_inputs(tmp_path)
    assert set(keys_of(package)) == set(CHANGES) | INERT


@pytest.mark.parametrize("key", CHANGES)
def test_every_key_of_a_package_changes_some_result(tmp_path, key):
    package, model, plan = tiny_inputs(tmp_path, batch=2, sequence=96, micro_batch=2, capacity="warn")
    package = load_package(package, {"topology.columns": 3})  # a torus of fewer columns has no other wires
    package = load_package(package, BESIDE.get(key, {}))
    model = load_model(model, {"layers": 1})
    assert outcome(package, model, plan) != outcome(load_package(package, {key: CHANGES[key]}), model, plan)


def test_a_step_that_exceeds_its_memory_is_refused_or_remarked_on(tmp_path):
    package, model, _ = tiny_inputs(tmp_path)
    small = load_package(package, {"memory.capacity": "1 KiB"})
    result = simulate(small, model, load_plan({"batch": 1, "sequence": 64, "capacity": "warn"}))
    remarks = result["simulation"]["approximations"]
    assert any("DRAM capacity" in remark and "exceeded" in remark for remark in remarks)
