"""What is decided of a step before its tasks are written: what is `auto`, the programs, whether they fit."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from hecasim.errors import ConfigError
from hecasim.mapping.dram import channel_count, check_capacity, distinct_bytes, footprint
from hecasim.mapping.ports import ports_of_tiles
from hecasim.mapping.sram import choose_token_tile, held_bytes, resident_blocks
from hecasim.parallel import METHODS, ON_TREES, Method
from hecasim.parallel.derive import (
    Setting,
    Sharding,
    model_product_flops,
    recomputes_whole,
    saved_values,
    stored_values,
)
from hecasim.parallel.layout import Axes
from hecasim.parallel.program import Program
from hecasim.specs import ModelSpec, PackageSpec, PlanSpec
from hecasim.trace.programs import derive_programs, keep_residuals
from hecasim.workload import Block, blocks_of
from hecasim.workload.layers import extents_of

IN_FLIGHT = 2
"""Micro-batches of one block whose recomputed residuals may be in DRAM at once: one is read while the next is made."""


@dataclass(frozen=True)
class Prepared:
    """Everything known about a step before its tasks are written down."""

    package: PackageSpec
    model: ModelSpec
    plan: PlanSpec
    method: Method
    axes: Axes
    shardings: Mapping[str, Sharding]
    programs: Mapping[tuple[str, str], Program]
    resident: Mapping[tuple[str, str], bool]
    token_tile: int
    parts: int
    activation_peak_bytes: int
    dram_by_class: Mapping[str, int]
    remarks: tuple[str, ...]
    """What a reader of the result must know: limits only warned of, rules that applied."""
    notes: tuple[str, ...]
    """What the plan leaves unused or does not touch."""

    @property
    def micro_batches(self) -> int:
        return self.plan.batch // int(self.plan.micro_batch)


def prepare(package: PackageSpec, model: ModelSpec, plan: PlanSpec) -> Prepared:
    """Resolve what is `auto`, derive every block's programs, and check that they fit."""
    if model.positions == "learned" and plan.sequence > model.max_positions:
        raise ConfigError(
            f"plan.sequence: found {plan.sequence}; expected at most max_positions ({model.max_positions})"
        )
    method = _method(plan)
    axes = _axes(package, plan, method)
    plan = plan.model_copy(update={"micro_batch": _micro_batch(package, model, plan)})
    sequences = int(plan.micro_batch)
    extents = extents_of(model, sequences, plan.sequence)
    setting = Setting(
        method, axes, extents, plan.bytes_per_element, plan.options.regather, plan.causal_skip,
        plan.attention == "materialised", plan.options.chunks, plan.schedule == "layerwise",
        plan.recompute,
    )  # fmt: skip
    blocks = blocks_of(model, setting.materialised)
    shardings = {name: Sharding(block, setting) for name, block in blocks.items()}
    programs, keeping = derive_programs(shardings)
    training = {key: program for key, program in programs.items() if key[1] != "update"}
    sram = package.chiplet.sram
    resident = resident_blocks(training, sram.weights_bytes)
    at_once = 2 if plan.overlap == "chunk" else 1
    tiling = choose_token_tile(
        list(training.values()), sequences * plan.sequence, plan.token_tile, sram.activations_bytes,
        refuse=plan.capacity == "refuse", at_once=at_once,
    )  # fmt: skip
    training, tiling = keep_residuals(training, keeping, tiling, sram.activations_bytes, at_once)
    programs |= training
    kept = {block for (block, phase), program in keeping.items() if training[(block, phase)] is program}
    by_class = _footprint(model, plan, shardings, kept)
    remarks = _sram_remarks(package, training, resident, tiling.peak_bytes)
    excess = check_capacity(package, plan, by_class)
    if excess:
        remarks.append(excess)
    return Prepared(
        package, model, plan, method, axes, shardings, programs, resident, tiling.token_tile, tiling.parts,
        tiling.peak_bytes, by_class, tuple(remarks),
        (*_notes(package, model, plan), *_recompute_notes(shardings, kept)),
    )  # fmt: skip


def _method(plan: PlanSpec) -> Method:
    if plan.method in ON_TREES:
        raise ConfigError(f"plan.method: {plan.method} needs a package whose topology is a tree; this one is a grid")
    method = METHODS[plan.method](plan.options)
    if plan.options.realise:
        rounds = plan.options.realise == "rounds"
        form = "rounds" if rounds else "ring"
        gathers = {kind: f"{form}.{kind}" for kind in ("all_gather", "reduce_scatter")}
        method = replace(method, algorithms={**method.algorithms, **gathers}, rounds=rounds)
    return method


def check_grid(package: PackageSpec, plan: PlanSpec) -> None:
    """ConfigError where a plan asks for another grid than its package has."""
    rows, columns = package.topology.rows, package.topology.columns
    if plan.grid is not None and dict(plan.grid) != {"r": rows, "c": columns}:
        raise ConfigError(
            f"plan.grid: found {dict(plan.grid)}; expected the package's own, {{'r': {rows}, 'c': {columns}}}"
        )


def _axes(package: PackageSpec, plan: PlanSpec, method: Method) -> Axes:
    check_grid(package, plan)
    rows, columns = package.topology.rows, package.topology.columns
    objection = method.objection(rows, columns)
    if objection:
        raise ConfigError(f"plan.method: {objection}; methods for any grid: hecaton, megatron, megatron_sp")
    return (("r", rows), ("c", columns))


def _micro_batch(package: PackageSpec, model: ModelSpec, plan: PlanSpec) -> int:
    """Sequences that stream at once: `auto` gives every tile a whole head, sequences x heads >= tiles."""
    if isinstance(plan.micro_batch, int):
        if plan.batch % plan.micro_batch:
            raise ConfigError(
                f"plan.micro_batch: found {plan.micro_batch}; expected a divisor of plan.batch ({plan.batch})"
            )
        return plan.micro_batch
    wanted = max(1, package.topology.rows * package.topology.columns // model.heads)
    return next(size for size in range(1, plan.batch + 1) if plan.batch % size == 0 and size >= min(wanted, plan.batch))


def _footprint(
    model: ModelSpec, plan: PlanSpec, shardings: Mapping[str, Sharding], kept: Collection[str]
) -> dict[str, int]:
    """Bytes in DRAM by class; what is made again is there for the micro-batches in flight, unless SRAM keeps it."""
    saved = sum(
        times * distinct_bytes(stored_values(shardings[name]))
        for name, times in (("embedding", 1), ("attention", model.layers), ("ffn", model.layers), ("head", 1))
    )
    attention = shardings["attention"]
    boundary = distinct_bytes([attention.value("x", attention.rest["x"])])
    saved += boundary * (2 * model.layers + 1)
    micro_batches = plan.batch // int(plan.micro_batch)
    again = [saved_values(sharding) for name, sharding in shardings.items()
             if recomputes_whole(sharding) and name not in kept]  # fmt: skip
    in_flight = min(IN_FLIGHT, micro_batches) * max((distinct_bytes(values) for values in again), default=0)
    return footprint(model, plan, saved, boundary * micro_batches, in_flight)


def _recompute_notes(shardings: Mapping[str, Sharding], kept: Collection[str]) -> Iterator[str]:
    """What is computed twice, and where what it makes goes."""
    again = [name for name, sharding in shardings.items() if recomputes_whole(sharding)]
    if again:
        places = ", ".join(f"{name} in {'SRAM' if name in kept else 'DRAM'}" for name in again)
        yield (
            "recompute full: the forward of every attention and FFN block runs again before its backward, the last one "
            f"too; embedding and head keep what they saved; residuals made again are held: {places}"
        )
    core = shardings["attention"]
    if core.setting.recompute == "selective":
        spared = distinct_bytes(saved_values(core)) - distinct_bytes(stored_values(core))
        of_all = distinct_bytes(saved_values(core))
        what = "the score matrix"
        if not core.setting.materialised:
            what = "only the softmax statistics, as streamed scores are computed again anyway"
        yield (
            f"recompute selective: core attention runs once more in backward; {what} need not be stored "
            f"({spared} of {of_all} bytes per attention block and micro-batch)"
        )


def _notes(package: PackageSpec, model: ModelSpec, plan: PlanSpec) -> list[str]:
    notes = []
    if plan.sequence > model.max_positions:
        notes.append(f"sequence {plan.sequence} is longer than the model's max_positions {model.max_positions}")
    used = len({port.channel for port in ports_of_tiles(package, plan.dram_map)})
    if used < channel_count(package):
        notes.append(f"dram_map {plan.dram_map} uses {used} of the {channel_count(package)} DRAM channels")
    if plan.precision in ("fp32", "fp8"):
        notes.append(f"{plan.precision} changes bytes only: peak and energy per multiply-add stay those of bf16")
    return notes


def _sram_remarks(
    package: PackageSpec, programs: Mapping[tuple[str, str], Program], resident: Mapping[tuple[str, str], bool],
    peak_bytes: int,
) -> list[str]:  # fmt: skip
    sram = package.chiplet.sram
    remarks = []
    for key, stays in resident.items():
        if not stays:
            need = held_bytes(programs[key]) / 2**20
            remarks.append(
                f"{key[0]} {key[1]}: {need:.2f} MiB of weights and gradients per tile exceed the weight buffer; "
                "they are read again, and gradients written, for every token tile"
            )
    if sram.activations_bytes is not None and peak_bytes > sram.activations_bytes:
        remarks.append(
            f"activation SRAM exceeded: {peak_bytes / 2**20:.2f} MiB needed, "
            f"{sram.activations_bytes / 2**20:.2f} MiB present"
        )
    return remarks


def model_flops(prepared: Prepared) -> int:
    """FLOPs of the step on the unsplit model: forward products, and twice that backward (no recomputation)."""
    extents = extents_of(prepared.model, int(prepared.plan.micro_batch), prepared.plan.sequence)
    blocks: dict[str, Block] = {name: sharding.block for name, sharding in prepared.shardings.items()}
    layers = prepared.model.layers
    times = {"embedding": 1, "attention": layers, "ffn": layers, "head": 1}
    forward = sum(times[name] * model_product_flops(block, extents) for name, block in blocks.items())
    return 3 * forward * prepared.micro_batches
