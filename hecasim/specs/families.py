"""Which key of a Hugging Face config.json means what, family by family.

Defaults are those of the configuration classes of `transformers`: a published file leaves out what equals them. A key
of ours with a dot lies in a section: `moe.top_k` is `top_k` under `moe`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

REQUIRED = ("layers", "hidden", "heads", "inner", "vocab")


@dataclass(frozen=True)
class Family:
    """How one model_type speaks of what a ModelSpec holds."""

    keys: Mapping[str, str]  # our key -> key of config.json
    fixed: Mapping[str, Any]  # what is true of every model of the family
    defaults: Mapping[str, Any]  # our key -> what a missing key means
    required: tuple[str, ...] = REQUIRED
    only: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)  # key of config.json -> the values we can follow


LLAMA_KEYS = {
    "layers": "num_hidden_layers",
    "hidden": "hidden_size",
    "heads": "num_attention_heads",
    "kv_heads": "num_key_value_heads",
    "head_dim": "head_dim",
    "inner": "intermediate_size",
    "vocab": "vocab_size",
    "max_positions": "max_position_embeddings",
    "activation": "hidden_act",
    "tied_embeddings": "tie_word_embeddings",
}
BIASES = {"qkv_bias": "attention_bias", "output_bias": "attention_bias"}
NO_BIAS = {"qkv_bias": False, "output_bias": False, "ffn_bias": False}
LLAMA_FIXED = {"positions": "rotary", "norm": "rms", "gated": True, "dropout": 0.0}
LLAMA_DEFAULTS = {"activation": "silu", "tied_embeddings": False}

FAMILIES = {
    "llama": Family(
        LLAMA_KEYS | BIASES | {"ffn_bias": "mlp_bias"}, LLAMA_FIXED, LLAMA_DEFAULTS | NO_BIAS | {"max_positions": 2048}
    ),
    "mistral": Family(LLAMA_KEYS, LLAMA_FIXED | NO_BIAS, LLAMA_DEFAULTS | {"kv_heads": 8, "max_positions": 131072}),
    "qwen2": Family(
        LLAMA_KEYS,
        LLAMA_FIXED | NO_BIAS | {"qkv_bias": True},
        LLAMA_DEFAULTS | {"kv_heads": 32, "max_positions": 32768},
    ),
    "qwen3": Family(
        LLAMA_KEYS | BIASES,
        LLAMA_FIXED | {"ffn_bias": False, "qk_norm": True},
        LLAMA_DEFAULTS | NO_BIAS | {"kv_heads": 32, "head_dim": 128, "max_positions": 32768},
    ),
    "gpt2": Family(
        {
            "layers": "n_layer",
            "hidden": "n_embd",
            "heads": "n_head",
            "inner": "n_inner",
            "vocab": "vocab_size",
            "max_positions": "n_positions",
            "activation": "activation_function",
            "tied_embeddings": "tie_word_embeddings",
            "dropout": "resid_pdrop",
        },
        {"positions": "learned", "norm": "layer", "gated": False}
        | {"qkv_bias": True, "output_bias": True, "ffn_bias": True},
        {"max_positions": 1024, "activation": "gelu_new", "tied_embeddings": True, "dropout": 0.1},
        required=("layers", "hidden", "heads", "vocab"),
    ),
    "gpt_neox": Family(
        {key: LLAMA_KEYS[key] for key in LLAMA_KEYS if key not in ("kv_heads", "head_dim")}
        | BIASES
        | {"dropout": "hidden_dropout"},
        {"positions": "rotary", "norm": "layer", "gated": False, "ffn_bias": True},
        {"activation": "gelu", "tied_embeddings": False, "dropout": 0.0, "max_positions": 2048}
        | {"qkv_bias": True, "output_bias": True},
    ),
}

MIXTRAL_KEYS = {key: LLAMA_KEYS[key] for key in LLAMA_KEYS} | {
    "moe.experts": "num_local_experts",
    "moe.top_k": "num_experts_per_tok",
    "moe.expert_inner": "intermediate_size",
}
EXPERT_KEYS = {
    "moe.experts": "num_experts",
    "moe.top_k": "num_experts_per_tok",
    "moe.expert_inner": "moe_intermediate_size",
    "moe.renormalise": "norm_topk_prob",
}
DEEPSEEK_KEYS = EXPERT_KEYS | {
    "moe.experts": "n_routed_experts",
    "moe.shared_experts": "n_shared_experts",
    "moe.dense_first": "first_k_dense_replace",
    "moe.gate": "scoring_func",
}
# Of DeepSeek-V2 on; head_dim and kv_heads follow from them.
LATENT_KEYS = {
    "mla.q_rank": "q_lora_rank",
    "mla.kv_rank": "kv_lora_rank",
    "mla.nope_dim": "qk_nope_head_dim",
    "mla.rope_dim": "qk_rope_head_dim",
    "mla.v_dim": "v_head_dim",
    "moe.groups": "n_group",
    "moe.top_groups": "topk_group",
    "moe.routed_scale": "routed_scaling_factor",
}
LATENT_REQUIRED = ("mla.kv_rank", "mla.nope_dim", "mla.rope_dim", "mla.v_dim")
EXPERTS_REQUIRED = ("moe.experts", "moe.top_k", "moe.expert_inner")
DEEPSEEK_LLAMA = {key: LLAMA_KEYS[key] for key in LLAMA_KEYS if key != "head_dim"}
DEEPSEEK_DEFAULTS = (
    LLAMA_DEFAULTS | NO_BIAS | {"moe.renormalise": False, "moe.dense_first": 0, "moe.shared_experts": 0}
) | {"moe.gate": "softmax"}
LATENT_LLAMA = {key: DEEPSEEK_LLAMA[key] for key in DEEPSEEK_LLAMA if key != "kv_heads"}
EVERY_LAYER = {"moe_layer_freq": (1,), "attention_bias": (False,)}

MIXTURES = {
    "mixtral": Family(
        MIXTRAL_KEYS,
        LLAMA_FIXED | NO_BIAS | {"moe.renormalise": True},
        LLAMA_DEFAULTS | {"kv_heads": 8, "max_positions": 131072, "moe.experts": 8, "moe.top_k": 2},
    ),
    "qwen3_moe": Family(
        LLAMA_KEYS | BIASES | EXPERT_KEYS,
        LLAMA_FIXED | {"ffn_bias": False, "qk_norm": True},
        LLAMA_DEFAULTS
        | NO_BIAS
        | {"kv_heads": 4, "max_positions": 32768, "moe.experts": 128, "moe.top_k": 8, "moe.expert_inner": 768}
        | {"moe.renormalise": False},
        only={"decoder_sparse_step": (1,), "mlp_only_layers": ([], None)},
    ),
    "olmoe": Family(
        LLAMA_KEYS | BIASES | EXPERT_KEYS | {"moe.expert_inner": "intermediate_size"},
        LLAMA_FIXED | {"ffn_bias": False, "qk_norm": True, "qk_norm_over": "all_heads"},
        LLAMA_DEFAULTS | NO_BIAS | {"max_positions": 4096, "moe.experts": 64, "moe.top_k": 8, "moe.renormalise": False},
    ),
    "deepseek": Family(
        DEEPSEEK_LLAMA | DEEPSEEK_KEYS,
        LLAMA_FIXED | NO_BIAS,
        DEEPSEEK_DEFAULTS | {"max_positions": 2048},
        required=REQUIRED + EXPERTS_REQUIRED,
        only=EVERY_LAYER,
    ),
    "deepseek_v2": Family(
        LATENT_LLAMA | DEEPSEEK_KEYS | LATENT_KEYS,
        LLAMA_FIXED | NO_BIAS,
        DEEPSEEK_DEFAULTS
        | {"max_positions": 2048, "moe.groups": 1, "moe.top_groups": 1, "moe.routed_scale": 1.0, "mla.q_rank": 1536},
        required=REQUIRED + EXPERTS_REQUIRED + LATENT_REQUIRED,
        only=EVERY_LAYER | {"topk_method": ("greedy", "group_limited_greedy")},
    ),
    "deepseek_v3": Family(
        LATENT_LLAMA | DEEPSEEK_KEYS | LATENT_KEYS,
        LLAMA_FIXED | NO_BIAS | {"moe.gate_bias": True, "moe.group_score": "top_two"},
        DEEPSEEK_DEFAULTS
        | {"max_positions": 4096, "moe.groups": 8, "moe.top_groups": 4, "moe.routed_scale": 2.5, "mla.q_rank": 1536}
        | {"moe.gate": "sigmoid", "moe.renormalise": True},
        required=REQUIRED + EXPERTS_REQUIRED + LATENT_REQUIRED,
        only=EVERY_LAYER | {"topk_method": ("noaux_tc",)},
    ),
}
FAMILIES |= MIXTURES
ARCHITECTURES = {
    "LlamaForCausalLM": "llama",
    "MistralForCausalLM": "mistral",
    "Qwen2ForCausalLM": "qwen2",
    "Qwen3ForCausalLM": "qwen3",
    "GPT2LMHeadModel": "gpt2",
    "GPTNeoXForCausalLM": "gpt_neox",
    "MixtralForCausalLM": "mixtral",
    "Qwen3MoeForCausalLM": "qwen3_moe",
    "OlmoeForCausalLM": "olmoe",
    "DeepseekForCausalLM": "deepseek",
    "DeepseekV2ForCausalLM": "deepseek_v2",
    "DeepseekV3ForCausalLM": "deepseek_v3",
}
OTHER_MIXTURES = ("qwen2_moe", "dbrx", "gpt_oss", "jamba", "phimoe", "granitemoe", "llama4")
