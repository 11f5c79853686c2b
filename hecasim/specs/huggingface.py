"""A Hugging Face config.json read as a model: which of its keys means what, family by family.

Defaults are those of the configuration classes of `transformers`: a published file leaves out what equals them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from hecasim.errors import ConfigError, nearest
from hecasim.specs.tree import Node, found, shown

ACTIVATIONS = {
    "silu": "silu",
    "swish": "silu",
    "gelu": "gelu",
    "gelu_new": "gelu",
    "gelu_fast": "gelu",
    "gelu_python": "gelu",
    "gelu_pytorch_tanh": "gelu",
    "relu": "relu",
}
REQUIRED = ("layers", "hidden", "heads", "inner", "vocab")


@dataclass(frozen=True)
class Family:
    """How one model_type speaks of what a ModelSpec holds."""

    keys: Mapping[str, str]  # our key -> key of config.json
    fixed: Mapping[str, Any]  # what is true of every model of the family
    defaults: Mapping[str, Any]  # our key -> what a missing key means
    required: tuple[str, ...] = REQUIRED


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
ARCHITECTURES = {
    "LlamaForCausalLM": "llama",
    "MistralForCausalLM": "mistral",
    "Qwen2ForCausalLM": "qwen2",
    "Qwen3ForCausalLM": "qwen3",
    "GPT2LMHeadModel": "gpt2",
    "GPTNeoXForCausalLM": "gpt_neox",
}
MIXTURES = ("mixtral", "qwen2_moe", "qwen3_moe", "olmoe", "deepseek", "deepseek_v2", "deepseek_v3", "dbrx", "gpt_oss")
MIXTURE_KEYS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_intermediate_size")


def is_config(tree: Node) -> bool:
    """Whether this is a config.json rather than a model of ours."""
    return "model_type" in tree.keys or "architectures" in tree.keys


def convert(tree: Node) -> Node:
    """The config.json *tree* in the words of a ModelSpec; every value keeps the place it was written at."""
    family_name = _family_name(tree)
    family = FAMILIES[family_name]
    ours: dict[str, Node] = {}
    faults: list[str] = []
    for key in sorted({*family.keys, *family.fixed}):
        node = _given(tree, family, key)
        if node is not None:
            ours[key] = node
        elif key in family.required:
            faults.append(tree.place.below(family.keys[key]).says("required key is missing"))
    if faults:
        raise ConfigError("\n".join(faults))
    if family_name == "gpt2" and "inner" not in ours:
        ours["inner"] = _four_times(tree, ours["hidden"])
    ours["activation"] = _activation(ours["activation"])
    ours["name"] = _made(tree, "name", _name(tree))
    ours["description"] = _made(tree, "description", _description(tree, family_name))
    return Node(ours, tree.place)


def _family_name(tree: Node) -> str:
    """The model_type, or what the first architecture implies; ConfigError where it is not one of ours."""
    node = tree.keys.get("model_type")
    if node is None:
        listed = tree.keys["architectures"]
        node = listed.child(0) or listed
        name = ARCHITECTURES.get(str(node.value))
        known: Any = ARCHITECTURES
    else:
        name = str(node.value) if str(node.value) in FAMILIES else None
        known = FAMILIES
    mixture = str(node.value) in MIXTURES or any(_is_above_one(tree.keys.get(key)) for key in MIXTURE_KEYS)
    word = found(node)
    if mixture or "moe" in word.lower():
        raise ConfigError(node.place.says(f"found {word}; mixture of experts is not built yet"))
    if name is None:
        hint = nearest(str(node.value), known)
        choice = "" if hint.startswith("known") else f"; supported: {', '.join(sorted(known))}"
        raise ConfigError(node.place.says(f"found {word}; not a supported model; {hint}{choice}"))
    return name


def _is_above_one(node: Node | None) -> bool:
    return node is not None and isinstance(node.value, int | float) and node.value > 1


def _given(tree: Node, family: Family, key: str) -> Node | None:
    """What the file says, else what the family says, else None: missing, or left to the defaults of ModelSpec."""
    if key in family.fixed:
        return _made(tree, key, family.fixed[key])
    written = tree.keys.get(family.keys[key])
    if written is not None and written.value is not None:
        return written
    if written is None and key in family.defaults:
        return _made(tree, family.keys[key], family.defaults[key])
    if written is not None and key not in (*family.required, "kv_heads", "head_dim", "inner"):
        return written  # a null where a value must be: the fault is told at its line
    return None


def _made(tree: Node, key: str, value: Any) -> Node:
    return Node(value, tree.place.below(key), shown(value))


def _four_times(tree: Node, hidden: Node) -> Node:
    whole = isinstance(hidden.value, int) and not isinstance(hidden.value, bool)
    return _made(tree, "n_inner", 4 * int(str(hidden.value))) if whole else hidden


def _activation(node: Node) -> Node:
    word = ACTIVATIONS.get(str(node.value))
    if word is None:
        hint = nearest(str(node.value), ACTIVATIONS)
        raise ConfigError(node.place.says(f"found {found(node)}; not a supported activation; {hint}"))
    return Node(word, node.place, node.text)


def _name(tree: Node) -> str:
    node = tree.keys.get("_name_or_path")
    last = PurePath(str(node.value)).name if node is not None and node.value else ""
    file = PurePath(tree.place.file)
    return last or (file.parent.name if file.stem == "config" else file.stem) or "model"


def _description(tree: Node, family: str) -> str:
    """Where the model comes from, and what of it a ModelSpec does not say."""
    said = {key: node.value for key, node in tree.keys.items()}
    notes = [f"{family}, from a Hugging Face config.json"]
    if (family == "mistral" and said.get("sliding_window", 4096)) or said.get("use_sliding_window"):
        notes.append("sliding window ignored: attention reaches over the whole sequence")
    if family == "gpt_neox" and said.get("use_parallel_residual", True):
        notes.append("parallel residual simulated as attention, then FFN: the same work and parameters")
    if family in ("mistral", "qwen2", "qwen3") and "num_key_value_heads" not in said:
        notes.append("num_key_value_heads not given: the default of transformers")
    attention_dropout = said.get("attn_pdrop", said.get("attention_dropout", 0))
    if family != "gpt2" and attention_dropout:
        notes.append("dropout inside attention ignored")
    return "; ".join(notes)
