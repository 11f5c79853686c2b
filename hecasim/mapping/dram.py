"""What one training step keeps in DRAM, by class.

States per parameter follow mixed-precision practice (Korthikanti et al., arXiv 2205.05198, section 6): weights and
gradients in the training precision, and for Adam an fp32 master copy and two fp32 moments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from hecasim.errors import InfeasiblePlan
from hecasim.mapping.ports import ports_of_tiles
from hecasim.parallel.program import Value
from hecasim.specs import ModelSpec, PackageSpec, PlanSpec


def optimizer_state_bytes(optimizer: str, precision_bytes: int) -> int:
    """Bytes of optimizer state per parameter: fp32 master copy (unless training is fp32) and Adam's two moments."""
    master = 4 if precision_bytes < 4 else 0
    return {"adam": master + 8, "sgd": master, "none": 0}[optimizer]


def distinct_bytes(values: Iterable[Value]) -> int:
    """Bytes of some values over the whole grid, copies counted once."""
    return sum(int(value.amount.bytes().sum()) // value.layout.copies for value in values)


def footprint(
    model: ModelSpec, plan: PlanSpec, saved_bytes_per_micro_batch: int, boundary_bytes: int, in_flight_bytes: int = 0
) -> dict[str, int]:
    """Bytes in DRAM by class at the fullest moment: as backward begins.

    `saved_bytes_per_micro_batch` is what all blocks store for backward, their inputs included;
    `boundary_bytes` the gradient of one block boundary for the whole batch (read and written: two of them);
    `in_flight_bytes` what one block makes again for the micro-batches at work.
    """
    precision = plan.bytes_per_element
    embeddings = sum(model.parameter_parts[part] for part in ("embedding", "positions", "head"))
    inner = model.parameters - embeddings
    micro_batches = plan.batch // int(plan.micro_batch)
    states = optimizer_state_bytes(plan.optimizer, precision)
    return {
        "weights": inner * precision,
        "gradients": model.parameters * precision,
        "optimizer": model.parameters * states,
        "activations": saved_bytes_per_micro_batch * micro_batches + in_flight_bytes,
        "buffers": 2 * boundary_bytes,
        "embeddings": embeddings * precision,
    }


def dram_capacity_bytes(package: PackageSpec) -> int | None:
    """Capacity of all channels together; None where it has no limit."""
    if package.memory.capacity_bytes is None:
        return None
    return package.memory.capacity_bytes * stack_count(package)


def stack_count(package: PackageSpec) -> int:
    """One per channel, except at the attention chiplets of a tree."""
    return package.stacks if package.memory.attached == "tree" else channel_count(package)


def channel_count(package: PackageSpec) -> int:
    """One channel per edge port (both ends of every row and column), one per tile, or one per root and switch."""
    if package.memory.attached == "tree":
        attention, groups, _ = package.topology.shape
        return groups + attention
    rows, columns = package.topology.rows, package.topology.columns
    return 2 * (rows + columns) if package.memory.attached == "edge" else rows * columns


def fullest_channel_share(package: PackageSpec, dram_map: str) -> tuple[int, int]:
    """Of the package's data, the part that lies behind its fullest channel: (tiles it serves, tiles in all).

    Every tile keeps an equal part of the data behind its own port, so a map that uses few ports fills them sooner.
    """
    served = Counter(port.channel for port in ports_of_tiles(package, dram_map))
    return max(served.values()), sum(served.values())


def behind_fullest_channel(package: PackageSpec, dram_map: str, needed_bytes: int) -> int:
    """Bytes that lie behind the fullest channel of *needed_bytes* in all."""
    served, tiles = fullest_channel_share(package, dram_map)
    return -(-needed_bytes * served // tiles)


def check_capacity(package: PackageSpec, plan: PlanSpec, by_class: dict[str, int]) -> str | None:
    """Refuse a plan that does not fit DRAM, in all or behind one channel, or say so where that is only wanted.

    On a tree what lies where is not an even share per tile, so only the whole is compared.
    """
    one, needed = package.memory.capacity_bytes, sum(by_class.values())
    if one is None:
        return None
    capacity = one * stack_count(package)
    served, tiles = fullest_channel_share(package, plan.dram_map)
    behind_one = behind_fullest_channel(package, plan.dram_map, needed)
    parts = ", ".join(f"{name} {_gib(size)}" for name, size in by_class.items() if size)
    if needed > capacity:
        resource, need, have = "DRAM capacity of the package", f"{_gib(needed)} ({parts})", _gib(capacity)
    elif behind_one > one and package.memory.attached != "tree":
        resource = f"DRAM capacity of one channel, with dram_map {plan.dram_map}"
        need, have = f"{_gib(behind_one)} (1/{tiles // served} of {_gib(needed)}: {parts})", _gib(one)
    else:
        return None
    if not package.memory.enforce_capacity:
        return f"{resource} is not enforced: {need} needed, {have} present"
    if plan.capacity == "warn":
        return f"{resource} exceeded: {need} needed, {have} present"
    raise InfeasiblePlan(
        resource=resource, needed=need, available=have,
        levers=["plan.batch (smaller)", "plan.optimizer=none",
                *(["plan.recompute=full (only block inputs are stored)"] if plan.recompute != "full" else []),
                "plan.dram_map (another spread over ports)",
                "package.memory.capacity", "package.memory.kind", "a larger grid", "plan.capacity=warn"],
    )  # fmt: skip


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / 2**30:.1f} GiB"
