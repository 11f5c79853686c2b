"""The work of whole modules on one chiplet: attention with its norms and router, a dense FFN, the experts, the head.

Backward of a product makes two: the gradient of its input and of its weight. Core attention is streamed: in backward
Q K^T is computed once more, then dV, dP, dQ and dK. Operations per element are those of `hecasim.workload.layers`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hecasim.mapping.work import Work
from hecasim.specs import ModelSpec
from hecasim.workload.layers import ACTIVATIONS, GATE, LOSS, NORMALISE, RESIDUAL, ROTARY, SOFTMAX, STATISTICS

Shape = tuple[int, int, int, int]
"""(count, m, n, k) of a product."""


class Module(NamedTuple):
    """Work of one module on one chiplet, the elements of its weights, and what it saves for backward."""

    forward: Work
    backward: Work
    parameters: int
    saved_elements: int


def _both_ways(products: Sequence[Shape]) -> list[Shape]:
    """The gradients of input and weight of each product."""
    return [shape for count, m, n, k in products for shape in ((count, m, k, n), (count, k, n, m))]


def _module(
    products: Sequence[Shape], vectors: Sequence[tuple[int, tuple[float, float]]], parameters: int, saved: int,
    core: tuple[Sequence[Shape], Sequence[Shape]] = ((), ()),
) -> Module:  # fmt: skip
    """*vectors*: (elements, operations per element forward and backward)."""
    products = [shape for shape in products if min(shape)]
    ahead, back = (round(sum(elements * operations[way] for elements, operations in vectors)) for way in (0, 1))
    return Module(Work((*products, *core[0]), ahead), Work((*core[1], *_both_ways(products)), back), parameters, saved)


def attention(model: ModelSpec, sequences: int, sequence: int) -> Module:
    """Norms, projections, core attention, output and residual of one layer for *sequences* sequences."""
    tokens, hidden, heads, mla = sequences * sequence, model.hidden, model.heads, model.mla
    value = mla.v_dim if mla else model.head_dim
    query = mla.query_dim if mla else model.head_dim
    if mla:
        latent = mla.kv_rank + mla.rope_dim
        into_query = [(1, tokens, heads * query, hidden)]
        if mla.q_rank:
            into_query = [(1, tokens, mla.q_rank, hidden), (1, tokens, heads * query, mla.q_rank)]
        products = [*into_query, (1, tokens, latent, hidden), (1, tokens, heads * (mla.nope_dim + value), mla.kv_rank)]
        keys, saved = latent, heads * query + latent + (mla.q_rank or 0)
    else:
        keys = 2 * model.kv_heads * model.head_dim
        products = [(1, tokens, heads * query + keys, hidden)]
        saved = heads * query + keys
    products.append((1, tokens, hidden, heads * value))
    count = sequences * heads
    scores, context = (count, sequence, sequence, query), (count, sequence, value, sequence)
    of_keys, of_values = (count, sequence, query, sequence), (count, sequence, value, sequence)
    of_weights = (count, sequence, sequence, value)
    vectors = [
        (2 * tokens * hidden, STATISTICS), (2 * tokens * hidden, NORMALISE), (2 * tokens * hidden, RESIDUAL),
        (tokens * (heads * query + keys), ROTARY), (count * sequence * sequence, SOFTMAX),
    ]  # fmt: skip
    parts = model.parameter_parts
    parameters = (parts["attention"] + parts["norms"]) // model.layers
    kept = tokens * (2 * hidden + saved + heads * value)
    return _module(products, vectors, parameters, kept, (
        (scores, context), (scores, of_values, of_weights, of_keys, of_keys)))  # fmt: skip


def router(model: ModelSpec, tokens: int) -> Module:
    """The gate of an expert layer."""
    moe = model.moe
    assert moe is not None
    vectors = [(tokens * moe.experts, SOFTMAX), (tokens * model.hidden, GATE)]
    return _module([(1, tokens, moe.experts, model.hidden)], vectors, model.hidden * moe.experts, tokens * moe.experts)


def ffn(model: ModelSpec, inner: int, tokens: int, copies: int = 1) -> Module:
    """A dense FFN, or *copies* equal shared experts, of this width for *tokens* tokens each."""
    gates = 2 if model.gated else 1
    products = [(copies, tokens, gates * inner, model.hidden), (copies, tokens, model.hidden, inner)]
    vectors = [(copies * tokens * inner, ACTIVATIONS[model.activation]), (copies * tokens * inner, GATE)]
    parameters = copies * (gates + 1) * inner * model.hidden
    return _module(products, vectors, parameters, copies * tokens * gates * inner)


def experts(model: ModelSpec, tokens: Sequence[int], copies: int, *, keeps_outputs: bool = False) -> Module:
    """The experts of one chiplet one after another, *tokens* assignments to each; *copies* vectors have come in.

    Saved are the inputs that came and what enters the activations; with `keeps_outputs` also what every expert made,
    from which a framework works out the gradient of the gate.
    """
    moe = model.moe
    assert moe is not None
    inner, gates = moe.expert_inner, 2 if model.gated else 1
    products = [shape for each in tokens
                for shape in ((1, each, gates * inner, model.hidden), (1, each, model.hidden, inner))]  # fmt: skip
    total = sum(tokens)
    vectors = [
        (total * inner, ACTIVATIONS[model.activation]), (total * inner, GATE), (total * model.hidden, GATE),
        ((total - copies) * model.hidden, RESIDUAL),
    ]  # fmt: skip
    parameters = len(tokens) * model.expert_parameters
    kept = copies * model.hidden + total * gates * inner + (total * model.hidden if keeps_outputs else 0)
    return _module(products, vectors, parameters, kept)


def head(model: ModelSpec, tokens: int) -> Module:
    """The output head with its loss."""
    product = (1, tokens, model.vocab, model.hidden)
    parameters = model.vocab * model.hidden
    return _module([product], [(tokens * model.vocab, LOSS)], parameters, tokens * model.hidden)


def together(modules: Sequence[Module]) -> Module:
    """Several modules on one chiplet, one after another."""
    return Module(
        _joined([module.forward for module in modules]),
        _joined([module.backward for module in modules]),
        sum(module.parameters for module in modules),
        sum(module.saved_elements for module in modules),
    )


def _joined(works: Sequence[Work]) -> Work:
    return Work(tuple(shape for work in works for shape in work.gemms), sum(work.vector_operations for work in works))
