"""Mixtures of experts: parameters of the published models, their configs, and the rules between keys."""

from pathlib import Path
from typing import NamedTuple

import pytest

from hecasim.errors import ConfigError
from hecasim.specs import load_model, load_package, load_plan, resolved
from hecasim.workload import blocks_of

DATA = Path(__file__).parent / "data"


class Published(NamedTuple):
    """What is published of a model; billions as printed, and how far a printed number may be from the true one."""

    parameters: int  # of the released weights, counted tensor by tensor
    total: float
    active: float
    digit: float  # one unit of the last digit of `active`; above 0.5 % of it for all but Mixtral
    counts_embedding: bool = True


PUBLISHED = {
    # Qwen3 technical report (arXiv 2505.09388): 30.5 B total, "3.3 B" cut, not rounded, from 3.353.
    "qwen3-30b-a3b": Published(30_532_122_624, 30.5, 3.3, 0.1),
    # OLMoE (arXiv 2409.02060): 1.3 B active of 6.92 B (6.9 in the paper).
    "olmoe-1b-7b": Published(6_919_161_856, 6.92, 1.3, 0.1),
    # DeepSeekMoE (arXiv 2401.06066): 16.4 B, 2.8 B active.
    "deepseek-moe-16b": Published(16_375_728_128, 16.4, 2.8, 0.1),
    # Mixtral (arXiv 2401.04088) says 47 B and 13 B; its announcement 46.7 B and 12.9 B.
    "mixtral-8x7b": Published(46_702_792_704, 46.7, 12.9, 0.0),
    # DeepSeek-V2 (arXiv 2405.04434), appendix B: 15.7 B, 2.4 B active; like V3's, without the table that is looked up.
    "deepseek-v2-lite": Published(15_706_484_224, 15.7, 2.4, 0.1, counts_embedding=False),
    # DeepSeek-V3 (arXiv 2412.19437): 671 B, 37 B; README_WEIGHTS.md of the model says 36.7 B.
    "deepseek-v3": Published(671_026_419_200, 671, 36.7, 0.1, counts_embedding=False),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_total_parameters_are_exact_and_as_published(name):
    model = load_model(name)
    assert model.parameters == PUBLISHED[name].parameters
    assert model.parameters / 1e9 == pytest.approx(PUBLISHED[name].total, rel=0.005)


@pytest.mark.parametrize("name", PUBLISHED)
def test_active_parameters_are_as_published_to_half_a_percent_or_the_last_digit(name):
    model, says = load_model(name), PUBLISHED[name]
    ours = model.active_parameters - (0 if says.counts_embedding else model.parameter_parts["embedding"])
    assert abs(ours / 1e9 - says.active) <= max(0.005 * says.active, says.digit)


@pytest.mark.parametrize(
    ("name", "active"),
    [
        ("mixtral-8x7b", 12_879_925_248),
        ("deepseek-v3", 37_552_297_472),
        ("qwen3-30b-a3b", 3_353_032_704),
        ("olmoe-1b-7b", 1_282_017_280),
    ],
)
def test_active_parameters_equal_a_count_over_the_released_tensors(name, active):
    assert load_model(name).active_parameters == active


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_shipped_mixture_equals_its_published_config(name):
    words = {"name", "description"}
    imported = load_model(DATA / f"{name}.json")
    assert imported.model_dump(exclude=words) == load_model(name).model_dump(exclude=words)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_mixture_written_out_loads_as_the_same(name):
    model = load_model(name)
    assert load_model(resolved(model)) == model


@pytest.mark.parametrize("name", PUBLISHED)
def test_with_every_expert_chosen_all_parameters_are_active(name):
    model = load_model(name)
    whole = {"moe.top_k": model.moe.experts, "moe.top_groups": model.moe.groups}
    everyone = load_model(name, whole)
    assert everyone.active_parameters == everyone.parameters == model.parameters
    assert load_model("llama2-7b").active_parameters == load_model("llama2-7b").parameters


def test_one_expert_more_adds_its_three_matrices_and_its_line_of_the_router():
    model = load_model("olmoe-1b-7b")
    more = load_model("olmoe-1b-7b", {"moe.experts": 65})
    assert more.parameters - model.parameters == 16 * (3 * 2048 * 1024 + 2048)


def test_latent_attention_of_deepseek_v3_by_hand():
    # q_a, q_b, kv_a (with the shared rotary key), kv_b, o: the shapes of the released tensors.
    layer = 7168 * 1536 + 1536 * 24576 + 7168 * 576 + 512 * 32768 + 16384 * 7168
    assert load_model("deepseek-v3").parameter_parts["attention"] == 61 * layer


@pytest.mark.parametrize("name", PUBLISHED)
def test_dense_layers_come_first_and_the_rest_have_experts(name):
    model = load_model(name)
    assert model.dense_layers + model.moe_layers == model.layers
    dense = 3 * model.hidden * model.inner * model.dense_layers
    assert model.parameter_parts["ffn"] == dense


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"moe.top_k": 300}, "moe.top_k: expected at most experts (256)"),
        ({"moe.groups": 7}, "moe.groups: expected a divisor of experts (256)"),
        ({"moe.top_groups": 9}, "moe.top_groups: expected at most groups (8)"),
        ({"moe.top_k": 200}, "moe.top_groups: expected more: they hold 128 experts"),
        ({"moe.dense_first": 61}, "moe.dense_first: expected fewer than layers (61)"),
        ({"moe.experts": 1}, "moe.experts: found 1; expected greater than 1"),
        ({"moe.capacity_factor": 0}, "moe.capacity_factor: found 0; expected"),
        ({"moe.exprts": 1}, "did you mean 'experts'?"),
        ({"mla.rope_dim": 63}, "mla.rope_dim: expected an even number"),
        ({"kv_heads": 8}, "kv_heads: found 8; expected as many as heads (128)"),
        ({"head_dim": 128}, "head_dim: found 128; expected nope_dim + rope_dim of mla (192)"),
        ({"qkv_bias": True}, "expected qkv_bias and qk_norm to be false"),
    ],
)
def test_a_rule_between_keys_is_told_at_its_key(change, sentence):
    with pytest.raises(ConfigError) as caught:
        load_model("deepseek-v3", change)
    assert all(part in str(caught.value) for part in sentence.split(": ")), str(caught.value)


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        ("qwen3-30b-a3b", {"mlp_only_layers": [3]}, r"mlp_only_layers: found a list; only \[\] or null is supported"),
        ("qwen3-30b-a3b", {"decoder_sparse_step": 2}, "decoder_sparse_step: found 2; only 1 is supported"),
        ("deepseek-moe-16b", {"moe_layer_freq": 2}, "moe_layer_freq: found 2; only 1 is supported"),
        ("deepseek-v3", {"topk_method": "greedy"}, "topk_method: found greedy; only noaux_tc is supported"),
        ("deepseek-v3", {"n_routed_experts": None}, "n_routed_experts: required key is missing"),
        ("deepseek-v3", {"num_experts_per_tok": 0}, "num_experts_per_tok: found 0; expected greater than 0"),
        ("deepseek-v2-lite", {"scoring_func": "tanh"}, "scoring_func: found tanh; expected 'softmax' or 'sigmoid'"),
    ],
)
def test_a_config_we_cannot_follow_is_refused_at_its_key(name, change, sentence):
    import json

    config = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    with pytest.raises(ConfigError, match=sentence):
        load_model(config | change)


def test_no_shared_experts_may_be_said_with_null():
    import json

    config = json.loads((DATA / "deepseek-moe-16b.json").read_text(encoding="utf-8"))
    assert load_model(config | {"n_shared_experts": None}).moe.shared_experts == 0


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_step_of_a_mixture_is_refused_until_it_can_be_simulated(name):
    from hecasim.run import simulate

    assert load_package("hecaton_4x4_standard")
    with pytest.raises(ConfigError, match=r"model.moe: .* has expert layers"):
        simulate(load_package("hecaton_4x4_standard"), load_model(name), load_plan({"batch": 1, "sequence": 64}))
    with pytest.raises(ConfigError, match=r"model.mla: .* has latent attention"):
        blocks_of(load_model("deepseek-v3").model_copy(update={"moe": None}), materialised=False)
