"""One block on one grid: the cuts of its operators, and the layout in which each of its tensors rests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from hecasim.parallel.layout import (
    PARTIAL,
    Axes,
    Counts,
    Cuts,
    Layout,
    assign,
    local_dims,
    local_extents,
    making,
    reading,
    tile_count,
)
from hecasim.parallel.method import FAMILIES, Method
from hecasim.parallel.program import Amount, Value
from hecasim.workload.layers import Block
from hecasim.workload.operators import TOKEN_INDICES, Operand, Operator, Tensor


@dataclass(frozen=True)
class Setting:
    """What the derivation of every block of a run shares."""

    method: Method
    axes: Axes
    extents: Mapping[str, int]
    precision_bytes: int
    regather: bool = True
    causal_skip: bool = False
    materialised: bool = False
    chunks: int = 1
    layerwise: bool = False
    recompute: str = "none"


class Sharding:
    """The cuts of every operator of a block and the layout in which every tensor rests."""

    def __init__(self, block: Block, setting: Setting) -> None:
        self.block, self.setting, self.axes = block, setting, setting.axes
        self.cuts: dict[str, Cuts] = {
            operator.name: assign(setting.method.cuts[FAMILIES[operator.name]], setting.axes, setting.extents)
            for operator in block.operators
        }
        self.local: dict[str, dict[str, Counts]] = {
            name: local_extents(cuts, setting.axes, setting.extents) for name, cuts in self.cuts.items()
        }
        """Per operator, how far each of its loop indices runs on every tile."""
        self.rest: dict[str, Layout] = {name: self._rest(tensor) for name, tensor in block.tensors.items()}

    def need(self, operator: Operator, operand: Operand) -> Layout:
        """The layout in which *operator* must have *operand*."""
        return reading(operand.indices, self.cuts[operator.name], self.axes)

    def made(self, operator: Operator, operand: Operand) -> Layout:
        """The layout in which *operator* leaves its output or side output *operand*."""
        return making(operand.indices, operator.indices, self.cuts[operator.name], self.axes)

    def copied_axes(self, operator: Operator) -> tuple[bool, ...]:
        """Whether each axis has a factor that cuts no index of the operator, which then runs in copies there."""
        cuts = self.cuts[operator.name]
        return tuple(any(str(index) not in operator.indices for _, index in cuts[axis]) for axis, _ in self.axes)

    def value(self, name: str, layout: Layout, gradient: bool = False) -> Value:
        """Tensor *name*, or its gradient, as it stands in *layout*."""
        return Value(value_name(name, layout, gradient), layout, self.amount(name, layout))

    def resting(self, name: str, gradient: bool = False) -> Value:
        """Tensor *name*, or its gradient, in its resting layout."""
        return self.value(name, self.rest[name], gradient)

    def rows(self, gradient: bool = False) -> Value:
        """Rows of the embedding table: they come from (and their gradients go to) DRAM directly."""
        name, layout = self.block.result, self.rest[self.block.result]
        return Value(value_name("rows", layout, gradient), layout, self.amount(name, layout))

    def reads(self, operator: Operator) -> list[str]:
        """Names of the values a forward nest reads, in the layouts it needs."""
        if operator.kind == "lookup":
            return [self.rows().name]
        return [value_name(operand.tensor, self.need(operator, operand)) for operand in operator.inputs]

    def amount(self, name: str, layout: Layout) -> Amount:
        """How much of tensor *name* in *layout* each tile holds."""
        tensor = self.block.tensors[name]
        extents = [self.setting.extents[index] for index in tensor.dims]
        local = zip(tensor.dims, local_dims(layout, self.axes, extents), strict=True)
        element_bytes = tensor.bytes_per_element(self.setting.precision_bytes)
        return amount_of(local, self.axes, element_bytes, streams=tensor.role != "weight")

    def _rest(self, tensor: Tensor) -> Layout:
        """As the method says; else as made, if those are no partial sums; else as its first reader needs it."""
        explicit = self.setting.method.rests.get(tensor.name)
        if explicit:
            return reading(tensor.dims, assign(explicit, self.axes, self.setting.extents), self.axes)
        outputs = [(operator, operator.output) for operator in self.block.operators]
        sides = [(operator, side) for operator in self.block.operators for side in operator.side_outputs]
        made = next((self.made(*maker) for maker in outputs + sides if maker[1].tensor == tensor.name), None)
        if made and not made.partial:
            return made
        for operator in self.block.operators:
            for operand in operator.inputs:
                if operand.tensor == tensor.name:
                    return self.need(operator, operand)
        raise AssertionError(f"{self.block.kind}: {tensor.name} is made in partial sums and read by nobody")


def amount_of(local: Iterable[tuple[str, Counts]], axes: Axes, element_bytes: int, streams: bool) -> Amount:
    """How much an array of these (index, extent on every tile) is; if it *streams*, token tiles cut its tokens."""
    tokens: Counts | None = None
    features = np.ones(tile_count(axes), dtype=np.int64)
    for index, extent in local:
        if streams and index in TOKEN_INDICES:
            tokens = extent if tokens is None else tokens * extent
        else:
            features = features * extent
    return Amount(tokens, features, element_bytes)


def value_name(tensor: str, layout: Layout, gradient: bool = False) -> str:
    """Identity of a value: its tensor (or gradient) and every axis's duties."""
    duties = ".".join(
        "".join(f"{size}{'p' if place == PARTIAL else '=' if place is None else place}" for size, place in axis)
        for axis in layout.axes
    )
    return f"{'d ' if gradient else ''}{tensor} [{duties}]"


def tensor_of(name: str) -> str:
    """The tensor (or gradient) of a value's name, without its layout."""
    return name.split(" [", maxsplit=1)[0]
