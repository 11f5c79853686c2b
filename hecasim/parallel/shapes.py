"""Local shapes: the matrix products and elementwise work that an operator leaves on every tile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from hecasim.parallel.layout import Counts, positions
from hecasim.parallel.program import Gemm, VectorLoad
from hecasim.parallel.sharding import Sharding, amount_of
from hecasim.workload.layers import Block
from hecasim.workload.operators import Operator, volume

Direction = Literal["forward", "dx", "dw"]
"""The product itself, the gradient of its input, the gradient of its weight."""


def gemms_of(sharding: Sharding, operator: Operator, direction: Direction) -> list[Gemm]:
    """Matrix products of an operator; none where it is elementwise."""
    if operator.kind == "product":
        return [product_gemm(sharding, operator, direction)]
    return core_gemms(sharding, operator, backward=direction != "forward") if operator.is_core else []


def product_gemm(sharding: Sharding, operator: Operator, direction: Direction) -> Gemm:
    """Shape of a product on every tile; token tiles cut its rows, and what its weight gradient sums over."""
    m, n, k = (_points(indices, sharding.local[operator.name]) for indices in operator.product_loops())
    one = np.ones_like(m)
    if direction == "forward":
        return Gemm(one, m, n, k, tiled="m")
    if direction == "dx":
        return Gemm(one, m, k, n, tiled="m")
    return Gemm(one, k, n, m, tiled="k")


def core_gemms(sharding: Sharding, operator: Operator, backward: bool) -> list[Gemm]:
    """Q K^T and P V; backward dV, dP, dQ, dK, and Q K^T once more where the scores were not kept."""
    local = sharding.local[operator.name]
    count = local["b"] * local["kv"] * local["group"]
    s, e, keys = local["s"], local["e"], local["u"]
    if sharding.setting.causal_skip:
        keys = _causal_keys(sharding, operator)
    scores, context = Gemm(count, s, keys, e), Gemm(count, s, e, keys)
    if not backward:
        return [scores, context]
    key_side = Gemm(count, keys, e, s)
    gradients = [key_side, scores, context, key_side]  # dV, dP, dQ, dK
    return gradients if sharding.setting.materialised else [scores, *gradients]


def _causal_keys(sharding: Sharding, operator: Operator) -> Counts:
    """Keys that the mean query of each tile may see, rounded up: positions up to its own."""
    cuts, extent = sharding.cuts[operator.name], sharding.setting.extents["s"]
    position, parts = positions([cuts[axis] for axis, _ in sharding.axes], "s", sharding.axes)
    first = position * (extent // parts) + np.minimum(position, extent % parts)
    length = sharding.local[operator.name]["s"]
    return np.asarray(first + (length + 2) // 2, dtype=np.int64)


def vector_loads(sharding: Sharding, operator: Operator, backward: bool = False) -> list[VectorLoad]:
    """Elementwise work of an operator; that of core attention is not cut by token tiles, like its products."""
    local, loads = sharding.local[operator.name], []
    for work in operator.vector_work:
        operations = work.backward if backward else work.forward
        if operations:
            extents = [(index, local[index]) for index in work.indices]
            amount = amount_of(extents, sharding.axes, element_bytes=1, streams=not operator.is_core)
            loads.append(VectorLoad(amount, operations))
    return loads


def _points(indices: Sequence[str], local: Mapping[str, Counts]) -> Counts:
    """Points of a loop nest on every tile."""
    return np.asarray(np.prod([local[index] for index in indices], axis=0), dtype=np.int64)


def model_product_flops(block: Block, extents: Mapping[str, int]) -> int:
    """Forward FLOPs of a block's matrix products, counted on the unsplit operators (2 per multiply-add)."""
    total = 0
    for operator in block.operators:
        if operator.kind == "product":
            m, n, k = operator.product_shape(extents)
            total += 2 * m * n * k
        if operator.is_core:
            total += 4 * volume(("b", "kv", "group", "s", "u", "e"), extents)
    return total
