"""What holds of every run, whatever package, model and plan: sums close, counts agree, rungs are ordered."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from hecasim.analytic import estimate, take_census
from hecasim.mapping.sram import UNLIMITED_ROOMS, Rooms, rooms_of
from hecasim.parallel import METHODS
from hecasim.parallel.layout import assign
from hecasim.run import simulate
from hecasim.sim import hardware as hardware_module
from hecasim.sim import replay
from hecasim.sim.sram import Sram
from hecasim.specs import load_model
from hecasim.trace import Trace, build_trace, prepare
from hecasim.trace.log import Log
from hecasim.workload.layers import extents_of
from tests.laws.strategies import Case, cases, cases_of_several_tiles
from tests.tiny import tiny_inputs

PHASES = ("forward", "recompute", "backward", "update")
some = settings(max_examples=10, suppress_health_check=list(HealthCheck))
few = settings(max_examples=6, suppress_health_check=list(HealthCheck))


def document(case: Case) -> dict[str, Any]:
    return simulate(*case).to_json()


def without_host(case: Case) -> str:
    return json.dumps({**document(case), "host": {}})


def played(case: Case, trace: Trace | None = None, *, rooms: Rooms | None = None, engine: str = "fast") -> Log:
    """The Log of a case, in the SRAM pools that `simulate` would give it unless told others."""
    trace = trace or build_trace(*case)
    estimate_bytes = trace.about["sram_estimate_bytes"]
    pools = rooms or rooms_of(case.package.chiplet.sram, case.plan.capacity, estimate_bytes)
    return replay(trace, case.package, rooms=pools, engine=engine)


class WatchedSram(Sram):
    """An SRAM that remembers itself, and objects when more is given back than was taken."""

    made: list["WatchedSram"] = []  # noqa: RUF012  emptied by each test

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.activation_peak = 0
        self.pool_peak = [0, 0]
        self.below_zero: set[str] = set()
        self.made.append(self)

    def take(self, buffers: Any) -> None:
        super().take(buffers)
        streaming = self.level.get("activations", 0) + self.level.get("gathered", 0)
        self.activation_peak = max(self.activation_peak, streaming)
        self.pool_peak = [max(pair) for pair in zip(self.pool_peak, self.held, strict=True)]

    def give(self, buffers: Any) -> None:
        for kind, _ in buffers:
            self.level.setdefault(kind, 0)
        super().give(buffers)
        self.below_zero |= {kind for kind, level in self.level.items() if level < 0}


@pytest.fixture
def watched_srams(monkeypatch):
    monkeypatch.setattr(hardware_module, "Sram", WatchedSram)
    return WatchedSram.made


def test_more_token_tiles_than_tokens_on_a_tile_still_run(tmp_path):
    package, model, plan = tiny_inputs(tmp_path, method="megatron_sp", batch=1, sequence=64, token_tile=2)
    assert simulate(package, model, plan)["step_time_ps"] > 0


# --- sums close -------------------------------------------------------------------------------------------------------


@some
@given(cases())
def test_every_picosecond_of_every_tile_has_one_class(case):
    log = played(case)
    assert log.step_ps > 0
    for tile in log.tiles:
        assert sum(sum(classes) for classes in tile.spent) == log.step_ps
        assert all(cell >= 0 for classes in tile.spent for cell in classes)


@some
@given(cases())
def test_classes_phases_and_energy_add_up(case):
    result = document(case)
    tiles = case.package.topology.rows * case.package.topology.columns
    assert sum(result["tile_time_ps"].values()) == tiles * result["step_time_ps"]
    assert sum(result["phases"][phase]["time_s"] for phase in PHASES) == pytest.approx(result["step_time_s"])
    parts = {name: joules for name, joules in result["energy_j"].items() if name != "total"}
    assert sum(parts.values()) == pytest.approx(result["energy_j"]["total"], rel=1e-12)
    assert sum(step["time_s"] for step in result["critical_path"]) == pytest.approx(result["step_time_s"])
    assert sum(result["flops"]["by_phase"].values()) == result["flops"]["executed"]
    by_use = result["traffic"]["nop_link_bytes_by_use"]
    assert by_use["collective"] + by_use["memory"] == result["traffic"]["nop_link_bytes"]
    assert sum(result["memory"]["by_class"].values()) == result["memory"]["dram_peak_bytes"]


@some
@given(cases())
def test_no_resource_is_used_more_than_always(case):
    result = document(case)
    assert all(0 <= share <= 1 for share in result["utilization"].values()), result["utilization"]
    # Model FLOPs count attention without causal skipping, by convention: a core that skips may beat its peak by them.
    assert 0 <= result["mfu"] <= (1.5 if case.plan.causal_skip else 1)
    assert 0 <= result["hfu"] <= 1


# --- counts agree -----------------------------------------------------------------------------------------------------


@some
@given(cases())
def test_what_links_and_channels_carried_is_what_was_counted_beforehand(case):
    trace = build_trace(*case)
    log, census = played(case, trace), take_census(trace, case.package)
    links = [lane.bytes_carried for lane in log.lanes if lane.kind == "link"]
    assert links == list(census.link_bytes)
    assert sum(links) == census.collective_link_bytes + census.memory_link_bytes
    channels = sorted(lane.bytes_carried for lane in log.lanes if lane.kind == "dram" and lane.bytes_carried)
    assert channels == sorted(int(size) for size in census.channel_bytes if size)
    assert log.tasks == trace.task_count
    if case.package.chiplet.sram.ports == "shared" and not case.package.memory.is_ideal:
        assert sum(lane.bytes_carried for lane in log.lanes if lane.kind == "port") == census.sram_bytes


@few
@given(cases())
def test_the_table_of_links_adds_up_to_the_traffic_of_the_result(case):
    result = simulate(*case)
    rows = list(csv.DictReader(io.StringIO(result.tables()["links.csv"])))
    links = [int(row["bytes"]) for row in rows if row["kind"] == "link"]
    channels = [int(row["bytes"]) for row in rows if row["kind"] == "dram"]
    traffic = result["traffic"]
    assert sum(links) == traffic["nop_link_bytes"]
    if channels:
        assert sum(channels) == traffic["dram_read_bytes"] + traffic["dram_write_bytes"]


def executed_and_own(case: Case) -> tuple[int, int]:
    """FLOPs executed, those of recomputation apart, and FLOPs of the model."""
    trace = build_trace(*case)
    flops = take_census(trace, case.package).flops
    return sum(flops.values()) - flops.get("recompute", 0), trace.about["model_flops"]


@pytest.mark.parametrize("method", METHODS)
@few
@given(case=cases_of_several_tiles())
def test_splitting_neither_adds_nor_loses_a_multiplication(method, case):
    if METHODS[method](case.plan.options).objection(case.package.topology.rows, case.package.topology.columns):
        return
    case = case.with_plan(method=method, attention="materialised", causal_skip=False).with_options(kv="gather")
    executed, own = executed_and_own(case)
    assert executed == own


@few
@given(cases())
def test_streamed_attention_computes_its_scores_once_more(case):
    case = case.with_plan(attention="streamed", causal_skip=False).with_options(kv="gather")
    executed, own = executed_and_own(case)
    model, plan = case.model, case.plan
    scores = 2 * plan.batch * model.heads * plan.sequence**2 * model.head_dim
    assert executed - own == model.layers * scores


@few
@given(cases_of_several_tiles())
def test_replicated_keys_cost_exactly_the_projections_of_their_copies(case):
    case = case.with_plan(attention="materialised", causal_skip=False).with_options(kv="replicate")
    executed, own = executed_and_own(case)
    prepared, model, plan = prepare(*case), case.model, case.plan
    extents = extents_of(model, int(prepared.plan.micro_batch), plan.sequence)
    copies = 1
    for segments in assign(prepared.method.cuts["key"], prepared.axes, extents).values():
        for size, index in segments:
            copies *= size if index not in ("b", "s", "h", "kv", "e") else 1
    one_projection = 2 * plan.batch * plan.sequence * model.hidden * model.kv_heads * model.head_dim
    assert executed - own == (copies - 1) * 2 * 3 * model.layers * one_projection


def phase_flops(case: Case, recompute: str) -> dict[str, int]:
    case = case.with_plan(recompute=recompute)
    return take_census(build_trace(*case), case.package).flops


@some
@given(cases())
def test_recomputation_adds_its_own_products_and_changes_no_other(case):
    """Full adds the forward of every attention and FFN block, selective that of the attention core."""
    model, plan = case.model, case.plan
    none, selective, full = (phase_flops(case, word) for word in ("none", "selective", "full"))
    for flops in (selective, full):
        assert {**flops, "recompute": 0} == {**none, "recompute": 0}
    assert selective["recompute"] <= full["recompute"] <= none["forward"]
    head = 2 * plan.batch * plan.sequence * model.hidden * model.vocab
    assert full["recompute"] == none["forward"] - head
    if not plan.causal_skip:
        assert selective["recompute"] == model.layers * 4 * plan.batch * model.heads * plan.sequence**2 * model.head_dim


@some
@given(cases())
def test_recomputation_never_needs_more_dram(case):
    none, selective, full = (
        sum(prepare(*case.with_plan(recompute=word)).dram_by_class.values()) for word in ("none", "selective", "full")
    )
    assert full <= none
    assert selective <= none


# --- the same again ---------------------------------------------------------------------------------------------------


@few
@given(cases())
def test_two_runs_give_the_same_document(case):
    assert without_host(case) == without_host(case)


@few
@given(cases())
def test_a_package_or_model_by_another_name_is_the_same(case):
    renamed = Case(case.package.model_copy(update={"name": "A100", "description": "other"}),
                   case.model.model_copy(update={"name": "gpt"}), case.plan)  # fmt: skip
    first, second = document(case), document(renamed)
    for key in ("inputs", "host"):
        del first[key], second[key]
    assert first == second


# --- the ladder -------------------------------------------------------------------------------------------------------


@some
@given(cases())
def test_a_step_takes_at_least_every_bound_and_the_analytic_rung_is_one(case):
    trace = build_trace(*case)
    log = played(case, trace)
    rung, census = estimate(trace, case.package)
    assert all(0 <= bound <= rung.step_ps for bound in census.bounds_ps.values()), (census.bounds_ps, rung.step_ps)
    assert rung.step_ps <= log.step_ps


@few
@given(cases())
def test_the_analytic_rung_closes_its_sums_too(case):
    result = document(case.with_plan(fidelity="analytic"))
    tiles = case.package.topology.rows * case.package.topology.columns
    assert sum(result["tile_time_ps"].values()) == tiles * result["step_time_ps"]
    assert sum(result["phases"][phase]["time_s"] for phase in PHASES) == pytest.approx(result["step_time_s"])
    assert max(result["bounds_s"].values()) <= result["step_time_s"]


def quicker(case: Case) -> Case:
    """Every bandwidth doubled, every latency halved."""
    package = case.package
    ports = {
        f"chiplet.tile_sram.{name}": rate * 2
        for name, rate in package.chiplet.sram.model_dump(by_alias=False).items()
        if name.endswith("per_s") and rate
    }
    memory = package.memory.bandwidth_bytes_per_s
    return case.with_package(**{
        **ports,
        "link.bandwidth_bytes_per_s": package.link.bandwidth_bytes_per_s * 2,
        "link.latency_ps": max(1, package.link.latency_ps // 2),
        "link.adapter_latency_ps": package.link.adapter_latency_ps // 2,
        "memory.bandwidth_bytes_per_s": memory and memory * 2,
        "memory.latency_ps": package.memory.latency_ps // 2 or min(1, package.memory.latency_ps),
    })  # fmt: skip


@some
@given(cases())
def test_quicker_wires_never_slow_an_estimate(case):
    slow = estimate(build_trace(*case), case.package)[0].step_ps
    fast_case = quicker(case)
    fast = estimate(build_trace(*fast_case), fast_case.package)[0].step_ps
    assert fast <= slow


@few
@given(cases())
def test_twice_the_batch_does_not_take_less_time(case):
    micro_batch = int(prepare(*case).plan.micro_batch)
    once, twice = (case.with_plan(micro_batch=micro_batch, batch=case.plan.batch * times) for times in (1, 2))
    assert document(twice)["step_time_ps"] >= document(once)["step_time_ps"]


# --- SRAM -------------------------------------------------------------------------------------------------------------


@settings(some, max_examples=20)
@given(case=cases())
def test_sram_ends_empty_and_never_holds_less_than_nothing(watched_srams, case):
    watched_srams.clear()
    played(case, engine="plain")
    assert watched_srams
    left = {kind: level for sram in watched_srams for kind, level in sram.level.items() if level}
    assert not left
    assert not set().union(*(sram.below_zero for sram in watched_srams))


@settings(some, max_examples=20)
@given(case=cases())
def test_activations_take_no_more_sram_than_the_mapping_said(watched_srams, case):
    watched_srams.clear()
    trace = build_trace(*case)
    played(case, trace, rooms=UNLIMITED_ROOMS, engine="plain")
    estimated = trace.about["sram_estimate_bytes"]
    assert max(sram.activation_peak for sram in watched_srams) <= estimated


@some
@given(case=cases())
def test_both_engines_play_one_step(case):
    case = case.with_plan(batch=case.plan.batch * 3)
    plain, fast = (played(case, engine=engine) for engine in ("plain", "fast"))
    for name in ("step_ps", "tasks", "happenings", "lanes", "core_wait_ps", "sram_wait_ps", "sram_peaks", "layers"):
        assert getattr(plain, name) == getattr(fast, name), name
    for one, other in zip(plain.tiles, fast.tiles, strict=True):
        assert (one.spent, one.hidden) == (other.spent, other.hidden)


@some
@given(case=cases())
def test_no_pool_ever_holds_more_than_it_has_room_for(watched_srams, case):
    watched_srams.clear()
    played(case, engine="plain")
    for sram in watched_srams:
        assert all(room is None or peak <= room for peak, room in zip(sram.pool_peak, sram.rooms, strict=True))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kv_heads", [4, 2, 1])
def test_sram_ends_empty_with_fewer_key_heads_than_query_heads(watched_srams, tmp_path, method, kv_heads):
    package, model, plan = tiny_inputs(tmp_path, method=method, batch=2, micro_batch=2, sequence=24)
    model = load_model(model, {"kv_heads": kv_heads, "head_dim": 16, "layers": 1})
    watched_srams.clear()
    replay(build_trace(package, model, plan), package, engine="plain")
    assert watched_srams
    assert not {kind: level for sram in watched_srams for kind, level in sram.level.items() if level}
