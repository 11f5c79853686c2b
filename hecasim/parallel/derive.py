"""Derive a block's exchanges and local shapes, forward and backward, from its operators and a method's table.

The rules (derived; checked against every closed form of Hecaton, arXiv 2407.05784, in the oracle tests):
an operand needs the cuts of its loop indices; an output is partial over factors that cut an index it lacks;
it rests as made, or, if partial, as its first reader needs it; a gradient is a nest over the same indices,
settles once at its last contribution, and keeps a factor partial where the product that made the value left
that factor unused; one exchange per tensor, needed layout and pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from hecasim.parallel.layout import (
    PARTIAL,
    Axes,
    Counts,
    Cuts,
    Layout,
    Segment,
    assign,
    local_dims,
    local_extents,
    making,
    normal,
    positions,
    reading,
)
from hecasim.parallel.method import FAMILIES, Method
from hecasim.parallel.program import (
    Amount,
    ExchangeStep,
    Gemm,
    NestStep,
    Program,
    Section,
    Step,
    Value,
    VectorLoad,
)
from hecasim.parallel.reshard import Exchange, exchanges
from hecasim.workload.layers import Block
from hecasim.workload.operators import TOKEN_INDICES, Level, Operand, Operator, Tensor, volume


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
        self.rest: dict[str, Layout] = {name: self._rest(tensor) for name, tensor in block.tensors.items()}

    def need(self, operator: Operator, operand: Operand) -> Layout:
        return reading(operand.indices, self.cuts[operator.name], self.axes)

    def made(self, operator: Operator, operand: Operand) -> Layout:
        return making(operand.indices, operator.indices, self.cuts[operator.name], self.axes)

    def unused(self, operator: Operator) -> dict[str, frozenset[str]]:
        """Per axis, the loop indices of factors that no index of the operator uses: it runs in copies there."""
        return {
            axis: frozenset(str(place) for _, place in segments if place not in operator.indices)
            for axis, segments in self.cuts[operator.name].items()
        }

    def amount(self, name: str, layout: Layout, dims: Sequence[str] | None = None) -> Amount:
        """How much of tensor *name* in *layout* each tile holds."""
        tensor = self.block.tensors[name]
        extents = [self.setting.extents[index] for index in tensor.dims]
        tokens: Counts | None = None
        features = np.ones(tile_count(self.axes), dtype=np.int64)
        for index, extent in zip(tensor.dims, local_dims(layout, self.axes, extents), strict=True):
            if index in TOKEN_INDICES and tensor.role != "weight":
                tokens = extent if tokens is None else tokens * extent
            else:
                features = features * extent
        return Amount(tokens, features, tensor.bytes_per_element(self.setting.precision_bytes))

    def value(self, name: str, layout: Layout, gradient: bool = False) -> Value:
        return Value(value_name(name, layout, gradient), layout, self.amount(name, layout))

    def _rest(self, tensor: Tensor) -> Layout:
        explicit = self.setting.method.rests.get(tensor.name)
        if explicit:
            return reading(tensor.dims, assign(explicit, self.axes, self.setting.extents), self.axes)
        makers = [(op, op.output) for op in self.block.operators if op.output.tensor == tensor.name]
        makers += [(op, side) for op in self.block.operators for side in op.side_outputs if side.tensor == tensor.name]
        made = self.made(*makers[0]) if makers else None
        if made and not made.partial:
            return made
        for operator in self.block.operators:
            for operand in operator.inputs:
                if operand.tensor == tensor.name:
                    return self.need(operator, operand)
        raise AssertionError(f"{self.block.kind}: {tensor.name} is made in partial sums and read by nobody")


def tile_count(axes: Axes) -> int:
    return int(np.prod([size for _, size in axes]))


def value_name(tensor: str, layout: Layout, gradient: bool = False) -> str:
    """Identity of a value: its tensor (or gradient) and every axis's duties."""
    duties = ".".join(
        "".join(f"{size}{'p' if place == PARTIAL else '=' if place is None else place}" for size, place in axis)
        for axis in layout.axes
    )
    return f"{'d ' if gradient else ''}{tensor} [{duties}]"


@dataclass
class _Walk:
    """The pass under construction: its sections, and what has been exchanged in it already."""

    sharding: Sharding
    program: Program
    moved: dict[tuple[str, bool], set[Layout]] = field(default_factory=dict)

    def section(self, tiled: bool) -> None:
        if not self.program.sections or self.program.sections[-1].tiled != tiled:
            self.program.sections.append(Section(tiled))

    def wave(self, *steps: Step) -> None:
        if steps:
            self.program.sections[-1].waves.append(steps)

    def have(self, name: str, layout: Layout, gradient: bool = False) -> None:
        self.moved.setdefault((name, gradient), set()).add(layout)

    def bring(self, wishes: Sequence[tuple[str, Layout, Layout, bool]], after: str) -> None:
        """Move tensors: (name, has, wants, is it a gradient); moves of one stage, kind and group are one step."""
        stages: list[dict[tuple[str, tuple[object, ...]], list[tuple[str, Exchange, bool, Layout]]]] = []
        for name, has, wants, gradient in wishes:
            known = self.moved.setdefault((name, gradient), set())
            if wants in known or wants == has:
                continue
            known.add(wants)
            for stage, move in enumerate(exchanges(has, wants, self.sharding.axes)):
                while len(stages) <= stage:
                    stages.append({})
                stages[stage].setdefault((move.kind, move.group), []).append((name, move, gradient, wants))
        for stage_moves in stages:
            self.wave(*(self._step(kind, items, after) for (kind, _), items in stage_moves.items()))

    def _step(self, kind: str, items: Sequence[tuple[str, Exchange, bool, Layout]], after: str) -> ExchangeStep:
        moved, reads, makes = [], [], []
        for name, move, gradient, _ in items:
            smaller = move.after if kind == "reduce_scatter" else move.before
            moved.append(self.sharding.amount(name, smaller))
            reads.append(value_name(name, move.before, gradient))
            makes.append(self.sharding.value(name, move.after, gradient))
        tensors = self.sharding.block.tensors
        label = "+".join(f"{'d ' if gradient else ''}{name}" for name, _, gradient, _ in items)
        weights = all(tensors[name].role == "weight" for name, *_ in items)
        return ExchangeStep(kind, items[0][1].group, f"{kind} {label}", tuple(moved), tuple(reads), tuple(makes), weights)


def has_core(level: Level) -> bool:
    return any(operator.name == "attention_core" for operator in level)


def derive_forward(sharding: Sharding) -> Program:
    """Every level: bring the operands, compute, bring the results to rest."""
    block = sharding.block
    walk = _Walk(sharding, Program(block.kind, "forward", [], rounds=sharding.setting.method.rounds, panels=sharding.setting.chunks))
    for level in block.levels:
        walk.section(tiled=not has_core(level))
        _bring_operands(walk, level, weights=True)
        made = [sharding.value(op.output.tensor, sharding.made(op, op.output)) for op in level if op.name != "loss"]
        made += [sharding.value(side.tensor, sharding.made(op, side)) for op in level for side in op.side_outputs]
        walk.wave(_nest(sharding, level, "forward", tuple(made), _operand_names(sharding, level)))
        wishes = []
        for operator in level:
            if operator.name == "loss":
                continue
            tensor, has = operator.output.tensor, sharding.made(operator, operator.output)
            wishes.append((tensor, has, sharding.rest[tensor], False))
        walk.bring(wishes, block.kind)
    _add_forward_traffic(walk)
    return walk.program


def _bring_operands(walk: _Walk, level: Level, weights: bool) -> None:
    sharding = walk.sharding
    wishes = []
    for operator in level:
        for operand in operator.inputs:
            is_weight = sharding.block.tensors[operand.tensor].role == "weight"
            if operator.kind != "lookup" and (weights or not is_weight):
                rest = sharding.rest[operand.tensor]
                wishes.append((operand.tensor, rest, sharding.need(operator, operand), False))
    walk.bring(wishes, "")


def _operand_names(sharding: Sharding, level: Level) -> tuple[str, ...]:
    """Activations a level reads, in the layouts it needs (weights have a buffer of their own)."""
    if level[0].kind == "lookup":
        return (_rows(sharding, gradient=False).name,)
    names = [
        value_name(operand.tensor, sharding.need(operator, operand))
        for operator in level
        for operand in operator.inputs
        if operator.kind != "lookup"
    ]
    return tuple(dict.fromkeys(names))


def _vectors(sharding: Sharding, operator: Operator, backward: bool) -> list[VectorLoad]:
    local = sharding.local[operator.name]
    loads = []
    for work in operator.vector_work:
        operations = work.backward if backward else work.forward
        if operations:
            tokens: Counts | None = None
            features = np.ones(tile_count(sharding.axes), dtype=np.int64)
            for index in work.indices:
                # Core attention is not cut by token tiles: all its indices count as features.
                if index in TOKEN_INDICES and operator.name != "attention_core":
                    tokens = local[index] if tokens is None else tokens * local[index]
                else:
                    features = features * local[index]
            loads.append(VectorLoad(Amount(tokens, features, 1), operations))
    return loads


def _nest(
    sharding: Sharding, level: Level, direction: str, makes: tuple[Value, ...], reads: tuple[str, ...]
) -> NestStep:
    """The forward work of a level."""
    gemms: list[Gemm] = []
    vectors: list[VectorLoad] = []
    for operator in level:
        if operator.kind == "product":
            gemms.append(product_gemm(sharding, operator, "forward"))
        if operator.name == "attention_core":
            gemms += core_gemms(sharding, operator, backward=False)
        vectors += _vectors(sharding, operator, backward=False)
    label = f"{direction} {'+'.join(operator.name for operator in level)}"
    return NestStep(label, tuple(gemms), tuple(vectors), reads, makes)


def product_gemm(sharding: Sharding, operator: Operator, direction: str) -> Gemm:
    """Shape on every tile of a product (`forward`), of its input gradient (`dx`) or its weight gradient (`dw`)."""
    local = sharding.local[operator.name]
    m, n, k = operator.product_shape(local)  # type: ignore[arg-type]  # the same product over arrays
    one = np.ones_like(np.asarray(m))
    if direction == "forward":
        return Gemm(one, m * one, n * one, k * one, tiled="m")
    if direction == "dx":
        return Gemm(one, m * one, k * one, n * one, tiled="m")
    return Gemm(one, k * one, n * one, m * one, tiled="k")


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


def _add_forward_traffic(walk: _Walk) -> None:
    """DRAM brings the block's input and weights; it takes the output and what backward needs."""
    sharding, program = walk.sharding, walk.program
    block = sharding.block
    if block.source:
        _load(program, sharding.value(block.source, sharding.rest[block.source]))
    else:
        _load(program, _rows(sharding, gradient=False))
    for value in saved_values(sharding):
        _store(program, value)
    if block.result:
        program.sections[-1].stores.append(sharding.value(block.result, sharding.rest[block.result]))
    program.weights = weight_values(sharding)


def _rows(sharding: Sharding, gradient: bool) -> Value:
    """Rows of the embedding table: they come from (and their gradients go to) DRAM directly."""
    layout = sharding.rest[sharding.block.result]
    return Value(value_name("rows", layout, gradient), layout, sharding.amount(sharding.block.result, layout))


def weight_values(sharding: Sharding) -> list[Value]:
    return [sharding.value(weight.name, sharding.rest[weight.name]) for weight in sharding.block.weights
            if weight.name != "table"]  # fmt: skip


def saved_values(sharding: Sharding) -> list[Value]:
    """What forward stores for backward besides the block's input, in the layout in which backward reads it."""
    values = []
    for tensor in sharding.block.tensors.values():
        if tensor.fate == "saved":
            values.append(sharding.value(tensor.name, sharding.rest[tensor.name]))
    if not sharding.setting.regather:
        values += [sharding.value(name, need) for name, need in gathered_activations(sharding)]
        names = {name for name, _ in gathered_activations(sharding)}
        rest = {value_name(name, sharding.rest[name]) for name in names}
        values = [value for value in values if value.name not in rest]
    return values


def gathered_activations(sharding: Sharding) -> list[tuple[str, Layout]]:
    """Inputs of weight products in the layout their product needs, where that differs from rest."""
    found: dict[tuple[str, Layout], None] = {}
    for operator in sharding.block.operators:
        if operator.kind == "product":
            name, need = operator.inputs[0].tensor, sharding.need(operator, operator.inputs[0])
            if need != sharding.rest[name]:
                found[(name, need)] = None
    return list(found)


def _load(program: Program, value: Value) -> None:
    """DRAM brings *value* at the start of the first section that reads it."""
    for section in program.sections:
        if any(value.name in step.reads for wave in section.waves for step in wave):
            section.loads.append(value)
            return
    program.sections[0].loads.append(value)


def _store(program: Program, value: Value) -> None:
    """DRAM takes *value* at the end of the section that makes it."""
    for section in program.sections:
        if any(value.name == made.name for wave in section.waves for step in wave for made in step.makes):
            section.stores.append(value)
            return
    program.sections[-1].stores.append(value)


# --- backward -----------------------------------------------------------------------------------------------------


@dataclass
class _Gradients:
    """Contributions to each tensor's gradient, and how many are still to come."""

    waiting: dict[str, int]
    layouts: dict[str, list[Layout]] = field(default_factory=dict)
    settled: dict[str, Layout] = field(default_factory=dict)

    def add(self, tensor: str, layout: Layout) -> bool:
        """Add one contribution; True when it was the last."""
        self.layouts.setdefault(tensor, []).append(layout)
        self.waiting[tensor] -= 1
        return self.waiting[tensor] == 0


def derive_backward(sharding: Sharding) -> Program:
    """Levels in reverse: bring the gradient, input gradients, settle, then weight gradients."""
    block = sharding.block
    program = Program(block.kind, "backward", [], rounds=sharding.setting.method.rounds, panels=sharding.setting.chunks)
    walk = _Walk(sharding, program)
    gradients = _Gradients(_contributions(block))
    if block.result:
        gradients.settled[block.result] = sharding.rest[block.result]
    recomputed: set[str] = set()
    for level in reversed(block.levels):
        active = tuple(operator for operator in level if not operator.without_gradient)
        if not active:
            continue
        walk.section(tiled=not has_core(level))
        _bring_gradients(walk, gradients, active)
        _input_gradients(walk, gradients, active)
        _weight_gradients(walk, active, recomputed)
    _add_backward_traffic(walk)
    return program


def _contributions(block: Block) -> dict[str, int]:
    """How many operators send a gradient to each tensor."""
    counts: dict[str, int] = {}
    for operator in block.operators:
        if not operator.without_gradient:
            for operand in operator.inputs:
                counts[operand.tensor] = counts.get(operand.tensor, 0) + 1
    counts.pop("loss_statistics", None)
    return counts


def _kept(sharding: Sharding, operator: Operator, layout: Layout, has: Layout) -> Layout:
    """*layout* with copies turned partial where the incoming gradient was allowed to stay partial."""
    unused = sharding.unused(operator)
    axes = []
    for (axis, _), want, cuts in zip(
        sharding.axes, layout.axes, (sharding.cuts[operator.name][axis] for axis, _ in sharding.axes), strict=True
    ):
        if operator.kind != "product" or not unused[axis]:
            axes.append(want)
            continue
        has_partial = any(segment.place == PARTIAL for segment in has.axes[len(axes)])
        where = {index: dimension for dimension, index in enumerate(operator.output.indices)}
        axes.append(
            normal(
                [
                    Segment(size, PARTIAL if place in unused[axis] and has_partial else where.get(str(place)))
                    for size, place in cuts
                ]
            )
        )
    return Layout(tuple(axes))


def _bring_gradients(walk: _Walk, gradients: _Gradients, level: Level) -> None:
    wishes = []
    for operator in level:
        tensor = operator.output.tensor
        if operator.name == "loss":
            continue
        has = gradients.settled[tensor]
        wants = _kept(walk.sharding, operator, walk.sharding.need(operator, operator.output), has)
        wishes.append((tensor, has, wants, True))
        gradients.settled[tensor] = wants
    walk.bring(wishes, "gradient")


def _gradient_layout(sharding: Sharding, operator: Operator, operand: Operand, incoming: Layout | None) -> Layout:
    """Partial over factors that cut indices absent from the operand, plus what the incoming gradient kept partial."""
    where = {index: dimension for dimension, index in enumerate(operand.indices)}
    axes = []
    for number, (axis, _) in enumerate(sharding.axes):
        kept = incoming is not None and any(segment.place == PARTIAL for segment in incoming.axes[number])
        segments = []
        for size, place in sharding.cuts[operator.name][axis]:
            index = str(place)
            if index in where:
                duty: int | str | None = where[index]
            elif index in operator.indices or kept:
                duty = PARTIAL
            else:
                duty = None
            segments.append(Segment(size, duty))
        axes.append(normal(segments))
    return Layout(tuple(axes))


def _input_gradients(walk: _Walk, gradients: _Gradients, level: Level) -> None:
    sharding = walk.sharding
    products = [operator for operator in level if operator.kind == "product"]
    others = [operator for operator in level if operator.kind != "product"]
    _bring_opaque_operands(walk, others)
    if products:
        walk.bring([_weight_wish(sharding, operator) for operator in products], "")
    gemms = [product_gemm(sharding, operator, "dx") for operator in products]
    vectors: list[VectorLoad] = []
    makes, reads, settle = [], [], []
    for operator in (*products, *others):
        incoming = gradients.settled.get(operator.output.tensor)
        if incoming is not None:
            reads.append(value_name(operator.output.tensor, incoming, gradient=True))
        reads += _backward_reads(sharding, operator)
        if operator.name == "attention_core":
            gemms += core_gemms(sharding, operator, backward=True)
        vectors += _vectors(sharding, operator, backward=True)
        for operand in operator.inputs:
            role = sharding.block.tensors[operand.tensor].role
            if operand.tensor == "loss_statistics" or (role == "weight" and operator.kind in ("product", "lookup")):
                continue
            layout = _gradient_layout(sharding, operator, operand, incoming)
            if role == "weight":
                continue
            makes.append(sharding.value(operand.tensor, layout, gradient=True))
            if gradients.add(operand.tensor, layout):
                settle.append(operand.tensor)
    label = "backward " + "+".join(operator.name for operator in level)
    walk.wave(NestStep(label, tuple(gemms), tuple(vectors), tuple(dict.fromkeys(reads)), _unique(makes)))
    _settle(walk, gradients, settle)


def _unique(values: Sequence[Value]) -> tuple[Value, ...]:
    """Contributions of one layout are added in place: one value."""
    return tuple({value.name: value for value in values}.values())


def _settle(walk: _Walk, gradients: _Gradients, tensors: Sequence[str]) -> None:
    """Sum the contributions of each tensor and bring them to its own rest, once."""
    wishes = []
    for tensor in dict.fromkeys(tensors):
        target = _settled_layout(walk.sharding, tensor, gradients.layouts[tensor])
        for layout in dict.fromkeys(gradients.layouts[tensor]):
            wishes.append((tensor, layout, target, True))
        gradients.settled[tensor] = target
    for group in _one_layout_each(wishes):
        walk.bring(group, "settle")


def _one_layout_each(
    wishes: Sequence[tuple[str, Layout, Layout, bool]],
) -> list[list[tuple[str, Layout, Layout, bool]]]:
    """Contributions of different layouts to one tensor move one after another; others side by side."""
    groups: list[list[tuple[str, Layout, Layout, bool]]] = []
    for wish in wishes:
        for group in groups:
            if all(other[0] != wish[0] for other in group):
                group.append(wish)
                break
        else:
            groups.append([wish])
    return groups


def _settled_layout(sharding: Sharding, tensor: str, contributions: Sequence[Layout]) -> Layout:
    """Its own rest, still partial over factors that the product which made it left unused."""
    rest = sharding.rest[tensor]
    maker = next((op for op in sharding.block.operators if op.output.tensor == tensor), None)
    if maker is None or maker.kind != "product":
        return rest
    unused = sharding.unused(maker)
    axes = []
    for number, (axis, _) in enumerate(sharding.axes):
        partial = any(segment.place == PARTIAL for layout in contributions for segment in layout.axes[number])
        if unused[axis] and partial:
            axes.append(
                normal([Segment(size, PARTIAL if place is None else place) for size, place in rest.axes[number]])
            )
        else:
            axes.append(rest.axes[number])
    return Layout(tuple(axes))


def _weight_wish(sharding: Sharding, operator: Operator) -> tuple[str, Layout, Layout, bool]:
    weight = operator.inputs[1]
    return weight.tensor, sharding.rest[weight.tensor], sharding.need(operator, weight), False


def _bring_opaque_operands(walk: _Walk, operators: Sequence[Operator]) -> None:
    sharding = walk.sharding
    wishes = []
    for operator in operators:
        if operator.kind == "opaque":
            for operand in operator.inputs:
                wishes.append(
                    (operand.tensor, sharding.rest[operand.tensor], sharding.need(operator, operand), False)
                )
    walk.bring(wishes, "")


def _backward_reads(sharding: Sharding, operator: Operator) -> list[str]:
    """Activations that the backward rule of a non-product reads."""
    names = []
    if operator.kind == "opaque":
        names += [value_name(operand.tensor, sharding.need(operator, operand)) for operand in operator.inputs]
    if operator.kind != "product":
        names += [value_name(side.tensor, sharding.made(operator, side)) for side in operator.side_outputs]
    if operator.backward_reads_output:
        names.append(value_name(operator.output.tensor, sharding.rest[operator.output.tensor]))
    return names


def _weight_gradients(walk: _Walk, level: Level, recomputed: set[str]) -> None:
    """dW of the products of a level: make again what was not saved, gather it again, multiply."""
    sharding, products = walk.sharding, [operator for operator in level if operator.kind == "product"]
    if not products:
        return
    regather = sharding.setting.regather
    for operator in products:
        source = operator.inputs[0].tensor
        kept = not regather and (source, sharding.need(operator, operator.inputs[0])) in gathered_activations(sharding)
        if sharding.block.tensors[source].fate == "recomputed" and source not in recomputed and not kept:
            recomputed.add(source)
            maker = next(op for op in sharding.block.operators if op.output.tensor == source)
            made = sharding.value(source, sharding.rest[source])
            again = tuple(_vectors(sharding, maker, backward=False))
            walk.wave(NestStep(f"again {maker.name}", (), again, _operand_names(sharding, (maker,)), (made,)))
        if kept:
            walk.have(source, sharding.need(operator, operator.inputs[0]))
    _bring_operands(walk, tuple(products), weights=False)
    gemms = tuple(product_gemm(sharding, operator, "dw") for operator in products)
    reads, makes, wishes = [], [], []
    for operator in products:
        output, (first, weight) = operator.output, operator.inputs
        reads.append(value_name(first.tensor, sharding.need(operator, first)))
        need = sharding.need(operator, output)
        reads += [value_name(output.tensor, layout, gradient=True) for layout in
                  walk.moved.get((output.tensor, True)) or {need}]  # fmt: skip
        layout = _weight_gradient_layout(sharding, operator, weight)
        if sharding.setting.method.weight_gradients_settle == "backward":
            makes.append(sharding.value(weight.tensor, layout, gradient=True))
            wishes.append((weight.tensor, layout, sharding.rest[weight.tensor], True))
    label = "weights " + "+".join(operator.name for operator in products)
    walk.wave(NestStep(label, gemms, (), tuple(dict.fromkeys(reads)), tuple(makes)))
    walk.bring(wishes, "settle")


def _weight_gradient_layout(sharding: Sharding, operator: Operator, weight: Operand) -> Layout:
    """Partial over factors that cut the tokens, or in which the operator ran in copies on partial gradients."""
    incoming: Layout | None = None
    if any(sharding.unused(operator).values()):
        consumers = [op for op in sharding.block.operators for operand in op.inputs
                     if operand.tensor == operator.output.tensor]  # fmt: skip
        consumer = consumers[0]
        operand = next(o for o in consumer.inputs if o.tensor == operator.output.tensor)
        contribution = _gradient_layout(sharding, consumer, operand, None)
        incoming = _settled_layout(sharding, operator.output.tensor, [contribution])
    return _gradient_layout(sharding, operator, weight, incoming)


def weight_gradient_layouts(sharding: Sharding) -> dict[str, Layout]:
    """The layout in which each weight's gradient stands at the end of the backward pass."""
    layouts: dict[str, Layout] = {}
    settles_early = sharding.setting.method.weight_gradients_settle == "backward"
    for operator in sharding.block.operators:
        for operand in operator.inputs:
            if sharding.block.tensors[operand.tensor].role != "weight":
                continue
            if operator.kind == "product":
                early = sharding.rest[operand.tensor]
                layout = early if settles_early else _weight_gradient_layout(sharding, operator, operand)
            else:
                layout = _gradient_layout(sharding, operator, operand, None)
            layouts[operand.tensor] = layout
    return layouts


def _add_backward_traffic(walk: _Walk) -> None:
    sharding, program = walk.sharding, walk.program
    block = sharding.block
    if block.result:
        _load(program, sharding.value(block.result, sharding.rest[block.result], gradient=True))
    if block.source:
        _load(program, sharding.value(block.source, sharding.rest[block.source]))
    for value in saved_values(sharding):
        _load(program, value)
    if block.source:
        layout = sharding.rest[block.source]
        program.sections[-1].stores.append(sharding.value(block.source, layout, gradient=True))
    else:
        program.sections[-1].stores.append(_rows(sharding, gradient=True))
    program.weights = weight_values(sharding)
    layouts = weight_gradient_layouts(sharding)
    program.gradients = [sharding.value(name, layout, gradient=True) for name, layout in layouts.items()
                         if name != "table"]  # fmt: skip


def derive_update(sharding: Sharding) -> Program:
    """Bring partial weight gradients to rest; the optimizer then works on what each tile holds."""
    program = Program(sharding.block.kind, "update", [Section(tiled=False)])
    walk = _Walk(sharding, program)
    layouts = weight_gradient_layouts(sharding)
    if "table" in layouts:  # rows' gradients are added where the table lies, in DRAM
        layouts["table"] = sharding.rest["table"]
    walk.bring([(name, layout, sharding.rest[name], True) for name, layout in layouts.items() if layout.partial],
               "update")  # fmt: skip
    program.weights = [sharding.value(name, sharding.rest[name]) for name in layouts]
    program.gradients = [sharding.value(name, layout, gradient=True) for name, layout in layouts.items()]
    return program


def model_product_flops(block: Block, extents: Mapping[str, int]) -> int:
    """Forward FLOPs of a block's matrix products, counted on the unsplit operators (2 per multiply-add)."""
    total = 0
    for operator in block.operators:
        if operator.kind == "product":
            m, n, k = operator.product_shape(extents)
            total += 2 * m * n * k
        if operator.name == "attention_core":
            total += 4 * volume(("b", "kv", "group", "s", "u", "e"), extents)
    return total
