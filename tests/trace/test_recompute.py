"""Recomputation in a whole step: FLOPs by closed form, bytes that are spared, and what is said of it."""

import csv
import io

import pytest

import hecasim
from hecasim.analytic import take_census
from hecasim.errors import ConfigError
from hecasim.parallel import METHODS
from hecasim.specs import load_model, load_package, load_plan
from hecasim.trace import build_trace, prepare
from hecasim.trace.task import COLLECTIVE, DRAM_READ, DRAM_WRITE
from tests.tiny import tiny_inputs

WORDS = ("none", "selective", "full")
every_method = pytest.mark.parametrize("method", METHODS)


def run(tmp_path, recompute, **plan):
    return hecasim.simulate(*tiny_inputs(tmp_path, recompute=recompute, **plan))


def tight(tmp_path, recompute, size="14 KiB", **plan):
    """Prepared on a package whose SRAM has no room for residuals beside the token tile."""
    package, model, plan = tiny_inputs(tmp_path, recompute=recompute, **{"token_tile": 32, "capacity": "warn"} | plan)
    return prepare(load_package(package, {"chiplet.sram.activations": size}), model, plan)


# --- FLOPs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("recompute", "scale", "scores", "words"), [
    ("none", 72, 1 / 6, 1 / 12), ("selective", 72, 2 / 9, 1 / 12), ("full", 96, 1 / 6, 1 / 16),
])  # fmt: skip
def test_executed_flops_are_the_closed_forms_of_megatron(recompute, scale, scores, words):
    """Korthikanti et al., arXiv 2205.05198: 72BLsh^2(1 + s/6h + v/12hL), full 96BLsh^2(1 + s/6h + v/16hL).

    Selective counts one more forward of the core, a third of its forward and backward: 2s/9h instead of s/6h.
    """
    model = load_model("megatron-22b", {"layers": "2"})
    plan = {"batch": 4, "micro_batch": 2, "sequence": 256, "attention": "materialised", "method": "megatron"}
    package = load_package("oracle_8x8")
    trace = build_trace(package, model, load_plan({**plan, "recompute": recompute, "options": {"kv": "gather"}}))
    flops = take_census(trace, package).flops
    h, s, layers = model.hidden, 256, 2
    expected = scale * 4 * layers * s * h * h * (1 + scores * s / h + words * model.vocab / (h * layers))
    assert sum(flops.values()) == pytest.approx(expected, rel=1e-12)
    assert trace.about["model_flops"] == pytest.approx(72 * 4 * layers * s * h * h * (
        1 + s / (6 * h) + model.vocab / (12 * h * layers)), rel=1e-12)  # fmt: skip


@every_method
def test_utilization_counts_recomputed_flops_in_hfu_and_not_in_mfu(tmp_path, method):
    none, full = (run(tmp_path, word, method=method, attention="materialised") for word in ("none", "full"))
    assert full["flops"]["model"] == none["flops"]["model"]
    assert full["hfu"] / full["mfu"] > none["hfu"] / none["mfu"]
    assert full["step_time_ps"] > none["step_time_ps"]
    assert full["phases"]["recompute"]["time_s"] > 0
    assert none["phases"]["recompute"]["time_s"] == 0


@pytest.mark.parametrize("fidelity", ["message", "analytic"])
@every_method
def test_recomputation_takes_about_as_long_as_forward(tmp_path, method, fidelity):
    phases = run(tmp_path, "full", method=method, fidelity=fidelity)["phases"]
    assert 0.7 < phases["recompute"]["time_s"] / phases["forward"]["time_s"] < 1.1


def test_the_table_of_layers_has_a_row_for_what_runs_again(tmp_path):
    rows = list(csv.DictReader(io.StringIO(run(tmp_path, "full").tables()["layers.csv"])))
    flops = {phase: sum(int(row["flops"]) for row in rows if row["phase"] == phase and row["block"] != "head")
             for phase in ("forward", "recompute")}  # fmt: skip
    assert flops["recompute"] == flops["forward"] > 0


# --- bytes ------------------------------------------------------------------------------------------------------------


def moved(trace, package, phase, blocks=("attention", "ffn")):
    """Bytes that collectives of a pass send over the whole step."""
    census = 0
    for kind, times in trace.counted_kinds():
        for task in kind.tasks:
            if task.kind == COLLECTIVE and task.phase == phase and kind.block in blocks:
                census += times * task.size_bytes
    return census


@every_method
def test_collectives_of_the_forward_run_again(tmp_path, method):
    traces = {word: build_trace(*tiny_inputs(tmp_path, method=method, recompute=word)) for word in WORDS}
    forward = moved(traces["none"], None, "forward")
    assert moved(traces["full"], None, "recompute") == forward > 0
    for word in WORDS:
        assert moved(traces[word], None, "forward") == forward
        assert moved(traces[word], None, "backward") == moved(traces["none"], None, "backward")


def dram_bytes(trace, kind, label):
    """Bytes of one kind of DRAM task whose label contains a word."""
    return sum(
        times * sum(task.bytes_at(tile) for tile in range(trace.tiles))
        for body, times in trace.counted_kinds() for task in body.tasks if task.kind == kind and label in task.label
    )  # fmt: skip


def test_residuals_kept_in_sram_cross_dram_no_more(tmp_path):
    none, full = (run(tmp_path, word, attention="materialised")["traffic"] for word in ("none", "full"))
    trace = build_trace(*tiny_inputs(tmp_path, recompute="none", attention="materialised"))
    written = dram_bytes(trace, DRAM_WRITE, "") - dram_bytes(
        build_trace(*tiny_inputs(tmp_path, recompute="full", attention="materialised")), DRAM_WRITE, ""
    )
    assert written > 0
    assert none["dram_write_bytes"] - full["dram_write_bytes"] == written
    tokens, hidden, layers, element = 4 * 64, 64, 2, 2
    again = 2 * layers * tokens * hidden * element  # every block's input is read once more
    assert none["dram_read_bytes"] - full["dram_read_bytes"] == written - again


@pytest.mark.parametrize("schedule", ["fused", "layerwise", "reload_weights"])
def test_residuals_that_do_not_fit_are_written_and_read_as_without_recomputation(tmp_path, schedule):
    """The same bytes at another time: written in backward instead of forward, so DRAM holds few at once."""
    none, full = (tight(tmp_path, word, schedule=schedule, micro_batch=1) for word in ("none", "full"))
    assert any("attention in DRAM, ffn in DRAM" in note for note in full.notes)
    none_trace, full_trace = (hecasim.trace.assemble(prepared) for prepared in (none, full))
    again = dram_bytes(full_trace, DRAM_WRITE, "again ")
    assert again > 0
    assert full.dram_by_class["activations"] < none.dram_by_class["activations"]
    if schedule != "layerwise":
        assert dram_bytes(full_trace, DRAM_WRITE, "") == dram_bytes(none_trace, DRAM_WRITE, "")
        extra = dram_bytes(full_trace, DRAM_READ, "again x")
        assert extra == 2 * 2 * 4 * 64 * 64 * 2
        weights = (dram_bytes(trace, DRAM_READ, "read weights") for trace in (full_trace, none_trace))
        assert len(set(weights)) == 1
        assert dram_bytes(full_trace, DRAM_READ, "") == dram_bytes(none_trace, DRAM_READ, "") + extra


def ancestors(trace, place, task):
    """All (body, task) that a task of body *place* waits for, itself left out."""
    seen, stack = set(), [(place, task)]
    while stack:
        body, number = stack.pop()
        for offset, before in trace.kinds[trace.bodies[body].kind].tasks[number].after:
            if body + offset >= 0 and (body + offset, before) not in seen:
                seen.add((body + offset, before))
                stack.append((body + offset, before))
    return seen


@pytest.mark.parametrize("overlap", ["none", "micro_batch", "chunk"])
def test_a_residual_is_read_back_after_it_was_written(tmp_path, overlap):
    trace = hecasim.trace.assemble(tight(tmp_path, "full", micro_batch=1, overlap=overlap))
    for place, body in enumerate(trace.bodies):
        tasks = trace.kinds[body.kind].tasks
        writes = [task for task in tasks if task.kind == DRAM_WRITE and "write again" in task.label]
        for read in (task for task in tasks if task.kind == DRAM_READ and task.phase == "backward"):
            tensors = set(read.label.removeprefix("read ").split("+"))
            known = ancestors(trace, place, read.id) if writes else set()
            for write in writes:
                made = {name.removeprefix("again ") for name in write.label.removeprefix("write ").split("+")}
                if made & tensors and write.token_tile == read.token_tile:
                    assert (place, write.id) in known


@pytest.mark.parametrize("schedule", ["fused", "layerwise", "reload_weights"])
@every_method
def test_more_recomputation_holds_less_in_dram(tmp_path, method, schedule):
    held = [
        tight(tmp_path, word, method=method, schedule=schedule, attention="materialised").dram_by_class["activations"]
        for word in WORDS
    ]
    assert held == sorted(held, reverse=True)
    assert len(set(held)) == 3


def test_with_full_recomputation_dram_holds_the_inputs_of_the_blocks(tmp_path):
    prepared = prepare(*tiny_inputs(tmp_path, recompute="full"))
    tokens, hidden, vocab, layers, element = 4 * 64, 64, 256, 2, 2
    boundaries = (2 * layers + 1) * tokens * hidden * element
    head = tokens * (vocab * element + 4 + 8)  # logits, norm statistics, loss statistics
    assert prepared.dram_by_class["activations"] == boundaries + head


# --- what is said -----------------------------------------------------------------------------------------------------


def test_a_list_of_operators_and_a_boundary_are_refused_in_words():
    with pytest.raises(ConfigError, match="a list of operator names is not modelled"):
        load_plan({"recompute": ["attention_core"]})
    with pytest.raises(ConfigError, match="recompute"):
        load_plan({"recompute": "everything"})
    with pytest.raises(ConfigError, match="recompute_boundary"):
        load_plan({"recompute_boundary": "megatron"})


@pytest.mark.parametrize(("plan", "words"), [
    ({"recompute": "full"}, "held: attention in SRAM, ffn in SRAM"),
    ({"recompute": "full", "schedule": "layerwise"}, "held: attention in DRAM, ffn in DRAM"),
    ({"recompute": "selective"}, "only the softmax statistics"),
    ({"recompute": "selective", "attention": "materialised"}, "the score matrix"),
])  # fmt: skip
def test_the_result_says_what_runs_again_and_where_its_values_stay(tmp_path, plan, words):
    said = [line for line in run(tmp_path, **plan)["simulation"]["approximations"] if line.startswith("recompute")]
    assert len(said) == 1
    assert words in said[0]


def test_the_preview_shows_what_runs_again_apart(tmp_path):
    shown = hecasim.run.preview(*tiny_inputs(tmp_path, recompute="full"))["tasks_of_first_token_tile"]
    assert any("recompute query_projection" in label for label in shown["recompute attention"])
    assert not any("recompute" in label for label in shown["backward attention"])
