"""What one training step keeps in DRAM, by class.

States per parameter follow mixed-precision practice (Korthikanti et al., arXiv 2205.05198, section 6): weights and
gradients in the training precision, and for Adam an fp32 master copy and two fp32 moments.
"""

from __future__ import annotations

from collections.abc import Iterable

from hecasim.errors import InfeasiblePlan
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
    model: ModelSpec, plan: PlanSpec, saved_bytes_per_micro_batch: int, boundary_bytes: int
) -> dict[str, int]:
    """Bytes in DRAM by class at the fullest moment, the end of the forward pass.

    `saved_bytes_per_micro_batch` is what all blocks store for backward, their inputs included;
    `boundary_bytes` the gradient of one block boundary for the whole batch (read and written: two of them).
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
        "activations": saved_bytes_per_micro_batch * micro_batches,
        "buffers": 2 * boundary_bytes,
        "embeddings": embeddings * precision,
    }


def dram_capacity_bytes(package: PackageSpec) -> int | None:
    """Capacity of all channels together; None where it has no limit."""
    if package.memory.capacity_bytes is None:
        return None
    return package.memory.capacity_bytes * channel_count(package)


def channel_count(package: PackageSpec) -> int:
    """One channel per edge port (both ends of every row and column), or one per tile."""
    rows, columns = package.topology.rows, package.topology.columns
    return 2 * (rows + columns) if package.memory.attached == "edge" else rows * columns


def check_capacity(package: PackageSpec, plan: PlanSpec, by_class: dict[str, int]) -> str | None:
    """Refuse a plan that does not fit DRAM, or say so where the plan only wants a warning."""
    capacity, needed = dram_capacity_bytes(package), sum(by_class.values())
    if capacity is None or needed <= capacity or not package.memory.enforce_capacity:
        return None
    parts = ", ".join(f"{name} {size / 2**30:.1f} GiB" for name, size in by_class.items() if size)
    if plan.capacity == "warn":
        return f"DRAM capacity exceeded: {needed / 2**30:.1f} GiB needed ({parts}), {capacity / 2**30:.1f} GiB present"
    raise InfeasiblePlan(
        resource="DRAM capacity of the package", needed=f"{needed / 2**30:.1f} GiB ({parts})",
        available=f"{capacity / 2**30:.1f} GiB",
        levers=["plan.batch (smaller)", "plan.optimizer=none", "package.memory.capacity", "package.memory.kind",
                "a larger grid", "plan.capacity=warn"],
    )  # fmt: skip
