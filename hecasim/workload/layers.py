"""The blocks of a decoder-only transformer as operators: embedding, attention, FFN, head.

A *block* is what keeps its weights on the package while micro-batches stream through it
(Hecaton's fused schedule): the attention half of a layer, the FFN half, the embedding, the output head.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hecasim.errors import ConfigError
from hecasim.specs import ModelSpec
from hecasim.workload.operators import Level, Operand, Operator, Tensor, VectorWork

# Scalar operations per element (assumed: counts of the usual formulas, one per add, multiply, compare or exp).
SOFTMAX = (5.0, 4.0)
ROTARY = (3.0, 3.0)
STATISTICS = (2.0, 2.0)
NORMALISE = (3.0, 6.0)
RESIDUAL = (1.0, 1.0)
DROPOUT = (2.0, 1.0)
BIAS = (1.0, 1.0)
LOSS = (4.0, 2.0)
LOOKUP = (1.0, 1.0)
ACTIVATIONS = {"silu": (5.0, 8.0), "gelu": (8.0, 12.0), "relu": (1.0, 1.0)}
GATE = (1.0, 2.0)

X = ("b", "s", "h")
QUERY = ("b", "s", "kv", "group", "e")
KEY = ("b", "s", "kv", "e")
KEY_IN_CORE = ("b", "u", "kv", "e")
SCORES = ("b", "kv", "group", "s", "u")
INNER = ("b", "s", "f")
ROWS = ("b", "s")


@dataclass(frozen=True)
class Block:
    """One block: operators level by level, the tensors they touch, and what enters and leaves."""

    kind: str
    levels: tuple[Level, ...]
    tensors: Mapping[str, Tensor]
    source: str = "x"
    result: str = "y"
    shared: frozenset[str] = frozenset()
    """Weights that another block owns and updates: a table tied to the head."""

    @property
    def operators(self) -> tuple[Operator, ...]:
        return tuple(operator for level in self.levels for operator in level)

    @property
    def weights(self) -> tuple[Tensor, ...]:
        return tuple(tensor for tensor in self.tensors.values() if tensor.role == "weight")


def extents_of(model: ModelSpec, sequences: int, sequence: int) -> dict[str, int]:
    """How far each loop index runs for a micro-batch of *sequences* of *sequence* tokens."""
    return {
        "b": sequences, "s": sequence, "u": sequence, "h": model.hidden, "kv": model.kv_heads,
        "group": model.heads // model.kv_heads, "e": model.head_dim, "f": model.inner, "v": model.vocab,
    }  # fmt: skip


def blocks_of(model: ModelSpec, materialised: bool) -> dict[str, Block]:
    """The four kinds of block of *model*; `materialised` attention keeps its score matrix for backward."""
    _refuse_mixture(model)
    return {
        "embedding": _embedding(model),
        "attention": _attention(model, materialised),
        "ffn": _ffn(model),
        "head": _head(model),
    }


def _refuse_mixture(model: ModelSpec) -> None:
    for key, what in (("moe", "expert layers"), ("mla", "latent attention")):
        if getattr(model, key) is not None:
            hint = "; on a grid use plan.method expert_parallel" if model.moe is not None else ""
            raise ConfigError(f"model.{key}: {model.name} has {what}, which this method cannot cut{hint}")


def _table(*tensors: Tensor) -> dict[str, Tensor]:
    return {tensor.name: tensor for tensor in tensors}


def _norm(model: ModelSpec, source: str) -> tuple[tuple[Level, ...], dict[str, Tensor]]:
    """Row statistics, then the scaled row: two operators, because the statistics are a sum over features."""
    layer_norm = model.norm == "layer"
    tensors = _table(
        Tensor("row_statistics", ROWS, "statistic", "saved", values=2 if layer_norm else 1),
        Tensor("gain", ("h",), "weight"),
        Tensor("normed", X, fate="recomputed"),
    )
    inputs = [Operand(source, X), Operand("row_statistics", ROWS), Operand("gain", ("h",))]
    if layer_norm:
        tensors["shift"] = Tensor("shift", ("h",), "weight")
        inputs.append(Operand("shift", ("h",)))
    statistics = Operator(
        "norm_statistics", "opaque", Operand("row_statistics", ROWS), (Operand(source, X),),
        (VectorWork(X, *STATISTICS),),
    )  # fmt: skip
    normalise = Operator("norm", "opaque", Operand("normed", X), tuple(inputs), (VectorWork(X, *NORMALISE),))
    return ((statistics,), (normalise,)), tensors


def _residual(model: ModelSpec, branch: str, bias: str | None) -> tuple[Operator, dict[str, Tensor]]:
    """y = x + dropout(branch + bias)."""
    tensors = _table(Tensor("y", X, fate="boundary"))
    inputs = [Operand("x", X), Operand(branch, X)]
    work = [VectorWork(X, *RESIDUAL)]
    sides: tuple[Operand, ...] = ()
    if bias:
        tensors[bias] = Tensor(bias, ("h",), "weight")
        inputs.append(Operand(bias, ("h",)))
        work.append(VectorWork(X, *BIAS))
    if model.dropout:
        tensors["residual_mask"] = Tensor("residual_mask", X, "mask", "saved")
        sides = (Operand("residual_mask", X),)
        work.append(VectorWork(X, *DROPOUT))
    return Operator("residual", "sum", Operand("y", X), tuple(inputs), tuple(work), sides), tensors


def _attention(model: ModelSpec, materialised: bool) -> Block:
    norm_levels, tensors = _norm(model, "x")
    tensors |= _table(
        Tensor("x", X, fate="boundary"),
        Tensor("query_weight", ("h", "kv", "group", "e"), "weight"),
        Tensor("key_weight", ("h", "kv", "e"), "weight"),
        Tensor("value_weight", ("h", "kv", "e"), "weight"),
        Tensor("output_weight", ("kv", "group", "e", "h"), "weight"),
        Tensor("query", QUERY, fate="saved"),
        Tensor("key", KEY, fate="saved"),
        Tensor("value", KEY, fate="saved"),
        Tensor("context", QUERY, fate="saved"),
        Tensor("attention_output", X),
    )
    normed = Operand("normed", X)
    projections = tuple(
        Operator(f"{name}_projection", "product", Operand(name, dims), (normed, Operand(f"{name}_weight", weight)))
        for name, dims, weight in (
            ("query", QUERY, ("h", "kv", "group", "e")),
            ("key", KEY, ("h", "kv", "e")),
            ("value", KEY, ("h", "kv", "e")),
        )
    )
    core, core_tensors = _core(model, materialised)
    output = Operator(
        "output_projection", "product", Operand("attention_output", X),
        (Operand("context", QUERY), Operand("output_weight", ("kv", "group", "e", "h"))),
    )  # fmt: skip
    residual, residual_tensors = _residual(model, "attention_output", "output_bias" if model.output_bias else None)
    levels = (*norm_levels, projections, (core,), (output,), (residual,))
    return Block("attention", levels, tensors | core_tensors | residual_tensors)


def _core(model: ModelSpec, materialised: bool) -> tuple[Operator, dict[str, Tensor]]:
    """softmax(Q K^T) V with rotary positions, Q/K norms, biases and dropout fused in."""
    inputs = [Operand("query", QUERY), Operand("key", KEY_IN_CORE), Operand("value", KEY_IN_CORE)]
    work = [VectorWork(SCORES, *SOFTMAX)]
    tensors: dict[str, Tensor] = {}
    if model.positions == "rotary":
        work += [VectorWork(QUERY, *ROTARY), VectorWork(KEY_IN_CORE, *ROTARY)]
    if model.qkv_bias:
        for name, dims in (("query", ("kv", "group", "e")), ("key", ("kv", "e")), ("value", ("kv", "e"))):
            tensors[f"{name}_bias"] = Tensor(f"{name}_bias", dims, "weight")
            inputs.append(Operand(f"{name}_bias", dims))
        work += [VectorWork(QUERY, *BIAS), VectorWork(KEY_IN_CORE, 2 * BIAS[0], 2 * BIAS[1])]
    if model.qk_norm:
        for name in ("query", "key"):
            tensors[f"{name}_gain"] = Tensor(f"{name}_gain", ("e",), "weight")
            inputs.append(Operand(f"{name}_gain", ("e",)))
        both = (STATISTICS[0] + NORMALISE[0], STATISTICS[1] + NORMALISE[1])
        work += [VectorWork(QUERY, *both), VectorWork(KEY_IN_CORE, *both)]
    sides = []
    if materialised:
        tensors["scores"] = Tensor("scores", SCORES, fate="saved")
        sides.append(Operand("scores", SCORES))
        if model.dropout:
            tensors["score_mask"] = Tensor("score_mask", SCORES, "mask", "saved")
            sides.append(Operand("score_mask", SCORES))
    else:
        # Online softmax keeps one log-sum-exp per query; its dropout mask is drawn again from a counter.
        tensors["softmax_statistics"] = Tensor("softmax_statistics", SCORES[:4], "statistic", "saved")
        sides.append(Operand("softmax_statistics", SCORES[:4]))
    if model.dropout:
        work.append(VectorWork(SCORES, *DROPOUT))
    core = Operator(
        "attention_core", "opaque", Operand("context", QUERY), tuple(inputs), tuple(work), tuple(sides),
        backward_reads_output=not materialised,
    )  # fmt: skip
    return core, tensors


def _ffn(model: ModelSpec) -> Block:
    norm_levels, tensors = _norm(model, "x")
    branches = ("gate", "up") if model.gated else ("up",)
    tensors |= _table(Tensor("x", X, fate="boundary"))
    normed, expand, inputs, biases = Operand("normed", X), [], [], []
    for branch in branches:
        tensors |= _table(Tensor(f"{branch}_weight", ("h", "f"), "weight"), Tensor(branch, INNER, fate="saved"))
        weight = Operand(f"{branch}_weight", ("h", "f"))
        expand.append(Operator(f"{branch}_projection", "product", Operand(branch, INNER), (normed, weight)))
        inputs.append(Operand(branch, INNER))
        if model.ffn_bias:
            tensors[f"{branch}_bias"] = Tensor(f"{branch}_bias", ("f",), "weight")
            biases.append(Operand(f"{branch}_bias", ("f",)))
    tensors |= _table(
        Tensor("activated", INNER, fate="recomputed"),
        Tensor("down_weight", ("f", "h"), "weight"),
        Tensor("ffn_output", X),
    )
    cost = ACTIVATIONS[model.activation]
    work = [VectorWork(INNER, cost[0] + GATE[0] * model.gated, cost[1] + GATE[1] * model.gated)]
    if biases:
        work.append(VectorWork(INNER, BIAS[0] * len(biases), BIAS[1] * len(biases)))
    activation = Operator("activation", "opaque", Operand("activated", INNER), (*inputs, *biases), tuple(work))
    down = Operator(
        "down_projection", "product", Operand("ffn_output", X),
        (Operand("activated", INNER), Operand("down_weight", ("f", "h"))),
    )  # fmt: skip
    residual, residual_tensors = _residual(model, "ffn_output", "down_bias" if model.ffn_bias else None)
    levels = (*norm_levels, tuple(expand), (activation,), (down,), (residual,))
    return Block("ffn", levels, tensors | residual_tensors)


def _embedding(model: ModelSpec) -> Block:
    """Rows of the table come from DRAM straight to the tiles that hold them; positions are added there."""
    tensors = _table(Tensor("y", X, fate="boundary"), Tensor("table", ("v", "h"), "weight"))
    inputs, work = [Operand("table", ("v", "h"))], [VectorWork(X, *LOOKUP)]
    sides: tuple[Operand, ...] = ()
    if model.positions == "learned":
        tensors["positions"] = Tensor("positions", ("s", "h"), "weight")
        inputs.append(Operand("positions", ("s", "h")))
    if model.dropout:
        tensors["embedding_mask"] = Tensor("embedding_mask", X, "mask", "saved")
        sides = (Operand("embedding_mask", X),)
        work.append(VectorWork(X, *DROPOUT))
    lookup = Operator("embedding", "lookup", Operand("y", X), tuple(inputs), tuple(work), sides)
    shared = frozenset({"table"}) if model.tied_embeddings else frozenset()
    return Block("embedding", ((lookup,),), tensors, source="", shared=shared)


def _head(model: ModelSpec) -> Block:
    """Final norm, output projection and cross-entropy over the vocabulary."""
    norm_levels, tensors = _norm(model, "x")
    words = ("b", "s", "v")
    tensors |= _table(
        Tensor("x", X, fate="boundary"),
        Tensor("head_weight", ("h", "v"), "weight"),
        Tensor("logits", words, fate="saved"),
        Tensor("loss_statistics", ROWS, "statistic", "saved", values=2),
        Tensor("loss", words),
    )
    project = Operator(
        "head_projection", "product", Operand("logits", words),
        (Operand("normed", X), Operand("head_weight", ("h", "v"))),
    )  # fmt: skip
    statistics = Operator(
        "loss_statistics", "opaque", Operand("loss_statistics", ROWS), (Operand("logits", words),),
        (VectorWork(words, LOSS[0], 0.0),), without_gradient=True,
    )  # fmt: skip
    loss = Operator(
        "loss", "opaque", Operand("loss", words), (Operand("logits", words), Operand("loss_statistics", ROWS)),
        (VectorWork(words, 0.0, LOSS[1]),),
    )  # fmt: skip
    return Block("head", (*norm_levels, (project,), (statistics,), (loss,)), tensors, result="")
