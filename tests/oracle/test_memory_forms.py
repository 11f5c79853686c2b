"""DRAM bytes of the fused schedule and SRAM per token equal Hecaton's closed forms (arXiv 2407.05784, our algebra)."""

import pytest

from hecasim.parallel.sharding import tensor_of
from hecasim.sim import replay
from hecasim.specs import load_model, load_package, load_plan
from hecasim.trace import assemble, prepare

LLAMAS = ("tinyllama-1.1b", "llama2-7b", "llama2-70b", "llama3.1-405b")
ELEMENT_BYTES = 2
STATISTICS = ("row_statistics", "softmax_statistics", "loss_statistics")


def prepared(name, method, **plan):
    package = load_package("oracle_8x8")
    chosen = {"method": method, "batch": 8, "micro_batch": 8, "sequence": 64, "options": {"kv": "gather"}, **plan}
    return prepare(package, load_model(name, {"layers": "1"}), load_plan(chosen))


def elements_per_token(values, tokens):
    """Distinct elements per token of loads or stores, fp32 row statistics (4 bytes each, our addition) left out."""
    counted = [value for value in values if tensor_of(value.name) not in STATISTICS]
    total = sum(int(value.amount.bytes().sum()) // value.layout.copies for value in counted)
    assert total % (tokens * ELEMENT_BYTES) == 0
    return total // (tokens * ELEMENT_BYTES)


def traffic(step, block, phase):
    sections = step.programs[(block, phase)].sections
    tokens = int(step.plan.micro_batch) * step.plan.sequence
    loads = [value for section in sections for value in section.loads]
    stores = [value for section in sections for value in section.stores]
    return elements_per_token(loads, tokens), elements_per_token(stores, tokens)


@pytest.mark.parametrize("method", ["hecaton", "megatron", "megatron_sp", "megatron_torus", "optimus"])
@pytest.mark.parametrize("name", LLAMAS)
def test_activations_cross_dram_as_the_fused_schedule_says(name, method):
    step = prepared(name, method)
    model = step.model
    h, f = model.hidden, model.inner
    q = h + 2 * model.kv_heads * model.head_dim
    assert traffic(step, "attention", "forward") == (h, h + q + h)
    assert traffic(step, "attention", "backward") == (h + q + h + h, h)
    assert traffic(step, "ffn", "forward") == (h, h + 2 * f)
    assert traffic(step, "ffn", "backward") == (h + 2 * f + h, h)


@pytest.mark.parametrize("name", LLAMAS)
def test_weights_cross_dram_twice_and_their_gradients_once(name):
    step = prepared(name, "hecaton")
    for block, part in (("attention", "attention"), ("ffn", "ffn")):
        gains = step.model.hidden
        own = step.model.parameter_parts[part] // step.model.layers + gains
        for phase in ("forward", "backward"):
            weights = step.programs[(block, phase)].weights
            assert sum(int(w.amount.bytes().sum()) // w.layout.copies for w in weights) == own * ELEMENT_BYTES
        gradients = step.programs[(block, "backward")].gradients
        whole = [g for g in gradients if not g.layout.partial]
        assert sum(int(g.amount.elements().sum()) // g.layout.copies for g in whole) == own - gains


@pytest.mark.parametrize(("name", "rows", "columns", "expected"), [
    ("tinyllama-1.1b", 4, 4, 6656),
    ("llama2-7b", 8, 8, 6528),
    ("llama2-70b", 16, 16, 8192),
])  # fmt: skip
def test_gathered_input_and_partial_output_take_the_closed_form_of_sram_per_token(name, rows, columns, expected):
    package = load_package("oracle_8x8", {"topology.rows": str(rows), "topology.columns": str(columns)})
    model = load_model(name, {"layers": "1", "vocab": "256"})
    plan = load_plan({"batch": 4, "micro_batch": 4, "sequence": 64, "options": {"kv": "gather"}})
    step = prepare(package, model, plan)
    log = replay(assemble(step), package)
    statistics = 64  # a few bytes of row statistics stand beside them
    tokens = 4 * 64
    assert expected * tokens <= log.sram_peaks["gathered"] <= expected * tokens + statistics * tokens
