"""Models: exact parameter counts, shipped and imported."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hecasim.errors import ConfigError
from hecasim.specs import ModelSpec, load_model, names
from hecasim.specs.huggingface import FAMILIES

DATA = Path(__file__).parent / "data"
LLAMA = {
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "vocab_size": 32000,
}
NEOX = LLAMA | {"model_type": "gpt_neox"}


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("tinyllama-1.1b", 1_100_048_384),
        ("llama2-7b", 6_738_415_616),
        ("llama2-13b", 13_015_864_320),
        ("llama2-70b", 68_976_648_192),
        ("llama3.1-405b", 405_853_388_800),
    ],
)
def test_a_shipped_model_has_exactly_the_published_parameters(name, parameters):
    assert load_model(name).parameters == parameters


@pytest.mark.parametrize("name", [name for name in names("models") if name.startswith(("gpt3", "megatron"))])
def test_a_gpt_has_the_parameters_of_the_published_formula_and_a_final_norm(name):
    model = load_model(name)
    layers, hidden = model.layers, model.hidden
    formula = 12 * layers * hidden**2 + 13 * layers * hidden + (model.vocab + model.max_positions) * hidden
    assert model.parameters == formula + 2 * hidden


@pytest.mark.parametrize("name", names("models"))
def test_the_parts_add_up_to_the_parameters(name):
    model = load_model(name)
    parts = {"attention", "ffn", "norms", "embedding", "positions", "head"}
    assert set(model.parameter_parts) == parts | ({"router", "experts", "shared_experts"} if model.moe else set())
    assert sum(model.parameter_parts.values()) == model.parameters


@pytest.mark.parametrize(
    ("file", "parameters"),
    [
        ("llama2-7b", 6_738_415_616),
        ("llama2-70b", 68_976_648_192),
        ("llama3.1-405b", 405_853_388_800),
        ("tinyllama-1.1b", 1_100_048_384),
        ("mistral-7b", 7_241_732_096),
        ("qwen2-7b", 7_615_616_512),
        ("qwen3-8b", 8_190_735_360),
        ("gpt2", 124_439_808),
        ("pythia-160m", 162_322_944),
    ],
)
def test_a_published_config_gives_exactly_the_published_parameters(file, parameters):
    assert load_model(DATA / f"{file}.json").parameters == parameters


@pytest.mark.parametrize("name", ["tinyllama-1.1b", "llama2-7b", "llama2-70b", "llama3.1-405b"])
def test_a_shipped_model_equals_its_published_config(name):
    words = {"name", "description"}
    imported = load_model(DATA / f"{name}.json")
    assert imported.model_dump(exclude=words) == load_model(name).model_dump(exclude=words)


def test_a_missing_key_means_what_transformers_means():
    llama = load_model(LLAMA)
    assert (llama.kv_heads, llama.head_dim, llama.tied_embeddings, llama.qkv_bias) == (32, 128, False, False)
    gpt2 = load_model({"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12, "vocab_size": 50257})
    assert (gpt2.inner, gpt2.tied_embeddings, gpt2.max_positions, gpt2.dropout) == (3072, True, 1024, 0.1)
    qwen2 = load_model(LLAMA | {"model_type": "qwen2"})
    assert (qwen2.qkv_bias, qwen2.output_bias, qwen2.ffn_bias) == (True, False, False)
    qwen3 = load_model(LLAMA | {"model_type": "qwen3", "hidden_size": 2048})
    assert (qwen3.head_dim, qwen3.qk_norm) == (128, True)
    assert load_model(LLAMA | {"model_type": "mistral"}).kv_heads == 8
    neox = load_model(NEOX)
    assert (neox.gated, neox.norm, neox.ffn_bias, neox.tied_embeddings) == (False, "layer", True, False)


def test_a_null_for_heads_of_keys_means_as_many_as_heads():
    assert load_model(LLAMA | {"num_key_value_heads": None, "head_dim": None}).kv_heads == 32


def test_what_a_model_cannot_say_is_said_in_its_description():
    assert "parallel residual" in load_model(NEOX).description
    assert "sliding window ignored" in load_model(DATA / "mistral-7b.json").description


def test_a_folder_with_a_config_is_a_model(tmp_path):
    (tmp_path / "my-model").mkdir()
    (tmp_path / "my-model" / "config.json").write_text((DATA / "qwen2-7b.json").read_text())
    assert load_model(tmp_path / "my-model").name == "my-model"


def test_the_architecture_tells_the_family_where_the_type_is_missing():
    config = {key: value for key, value in LLAMA.items() if key != "model_type"}
    assert load_model(config | {"architectures": ["LlamaForCausalLM"]}).parameters == load_model(LLAMA).parameters


@pytest.mark.parametrize("change", [{"model_type": "qwen2_moe"}, {"model_type": "dbrx"}, {"num_local_experts": 8}])
def test_a_mixture_of_another_family_is_refused_by_name(change):
    with pytest.raises(
        ConfigError, match=r"model_type: found .*; not a supported mixture of experts; supported: .*olmoe"
    ):
        load_model(LLAMA | change)


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_value_in_a_config_loads_or_is_a_config_error(family, data):
    values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just([]) | st.just({})
    keys = sorted(set(FAMILIES[family].keys.values()))
    changes = data.draw(st.dictionaries(st.sampled_from(keys), values, max_size=3))
    begin = ("num", "n_", "hidden_s", "inter", "vocab", "max", "moe_i", "kv_", "qk_", "v_h")
    sizes = {key: 64 for key in keys if key.startswith(begin)}
    with contextlib.suppress(ConfigError):
        load_model(sizes | {"model_type": family} | changes)


@settings(deadline=None)
@given(st.integers(1, 64), st.integers(1, 8), st.booleans(), st.booleans(), st.booleans())
def test_tying_the_embeddings_saves_exactly_the_head(heads, groups, gated, bias, qk_norm):
    sizes = {"layers": 3, "hidden": 256, "heads": heads * groups, "kv_heads": heads, "head_dim": 16, "inner": 512}
    words = {"vocab": 1000, "positions": "rotary", "max_positions": 128, "norm": "rms", "activation": "silu"}
    choices = {"gated": gated, "qkv_bias": bias, "output_bias": bias, "ffn_bias": bias, "qk_norm": qk_norm}
    loose = ModelSpec(name="x", **sizes, **words, **choices, dropout=0.0, tied_embeddings=False)
    tied = ModelSpec(name="x", **sizes, **words, **choices, dropout=0.0, tied_embeddings=True)
    assert loose.parameters - tied.parameters == 1000 * 256
