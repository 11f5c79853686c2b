"""A Hugging Face config.json read as a model: its values at their places, in the words of a ModelSpec."""

from pathlib import PurePath
from typing import Any

from hecasim.errors import ConfigError, nearest
from hecasim.specs.families import ARCHITECTURES, FAMILIES, MIXTURES, OTHER_MIXTURES, Family
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
MIXTURE_KEYS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_intermediate_size")


def is_config(tree: Node) -> bool:
    """Whether this is a config.json rather than a model of ours."""
    return "model_type" in tree.keys or "architectures" in tree.keys


def convert(tree: Node) -> Node:
    """The config.json *tree* in the words of a ModelSpec; every value keeps the place it was written at."""
    family_name = _family_name(tree)
    family = FAMILIES[family_name]
    ours: dict[str, Node] = {}
    faults = _unfollowed(tree, family)
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
    return Node(_in_sections(ours, tree), tree.place)


def _in_sections(flat: dict[str, Node], tree: Node) -> dict[str, Node]:
    """`{"moe.top_k": ...}` as `{"moe": {"top_k": ...}}`."""
    whole: dict[str, Node] = {key: node for key, node in flat.items() if "." not in key}
    for section in sorted({key.partition(".")[0] for key in flat if "." in key}):
        inside = {key.partition(".")[2]: node for key, node in flat.items() if key.startswith(f"{section}.")}
        whole[section] = Node(inside, tree.place)
    return whole


def _unfollowed(tree: Node, family: Family) -> list[str]:
    """Faults about values that mean a network we do not build."""
    faults = []
    for key, accepted in family.only.items():
        node = tree.keys.get(key)
        if node is not None and node.plain() not in accepted:
            faults.append(node.place.says(f"found {found(node)}; only {_alternatives(accepted)} is supported"))
    return faults


def _alternatives(values: tuple[Any, ...]) -> str:
    """Alternatives as they would be written in the file."""
    return " or ".join("[]" if value == [] else shown(value) for value in values)


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
    word = found(node)
    has_experts = any(_is_above_one(tree.keys.get(key)) for key in MIXTURE_KEYS)
    unknown_mixture = name is None and (str(node.value) in OTHER_MIXTURES or "moe" in word.lower())
    if name not in MIXTURES and (has_experts or unknown_mixture):
        known = ", ".join(sorted(MIXTURES))
        raise ConfigError(node.place.says(f"found {word}; not a supported mixture of experts; supported: {known}"))
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
    if written is not None and key not in (*family.required, "kv_heads", "head_dim", "inner", "moe.shared_experts"):
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
    if family in ("mistral", "qwen2", "qwen3", "mixtral", "qwen3_moe") and "num_key_value_heads" not in said:
        notes.append("num_key_value_heads not given: the default of transformers")
    if said.get("num_nextn_predict_layers"):
        notes.append("multi-token prediction left out: the main model alone")
    attention_dropout = said.get("attn_pdrop", said.get("attention_dropout", 0))
    if family != "gpt2" and attention_dropout:
        notes.append("dropout inside attention ignored")
    return "; ".join(notes)
