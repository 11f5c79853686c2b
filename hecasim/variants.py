"""The same step with one resource doubled or free: what it waits for, found by real runs.

`what_if` doubles core, NoP, DRAM and SRAM ports in turn. A free SRAM has ports of its own for everybody, all without
limit, room for all, and sums that cost nothing, wherever they are made. `waterfall` starts with only the core at its
real speed and makes the others real one by one (SRAM, DRAM, NoP, then contention); the differences add up to the step.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from hecasim.errors import ConfigError, nearest
from hecasim.results import Result
from hecasim.run import Progress, simulate
from hecasim.specs import IdealCoreSpec, ModelSpec, PackageSpec, PlanSpec, load_package

RESOURCES = ("core", "nop", "dram", "sram")
FREE = (*RESOURCES, "contention")
WATERFALL = ("sram", "dram", "nop", "contention")
"""The order in which resources become real, after the core."""

WITHOUT_LIMIT = "1000000000 GB/s"
"""A link this fast (10^18 B/s) carries any shipped message in a picosecond."""
RATES = {
    "nop": ("link.bandwidth", "root_link.bandwidth"),
    "dram": ("memory.bandwidth",),
    "sram": tuple(f"chiplet.sram.{port}_bandwidth" for port in ("core", "nop", "dram", "reduction", "port")),
}


def doubled(package: PackageSpec, resource: str) -> PackageSpec:
    """*package* with twice the rate of one resource; a rate without limit stays so."""
    if resource == "core":
        core = package.chiplet.tile_core
        if isinstance(core, IdealCoreSpec):
            return load_package(package, {"chiplet.core.peak": f"{2 * int(core.peak_flop_per_s)} FLOP/s"})
        twice = {"arrays": 2 * core.arrays, "vector_lanes": 2 * core.vector_lanes}
        return load_package(package, {f"chiplet.core.{key}": str(value) for key, value in twice.items()})
    rates = {key: _rate(package, key) for key in RATES[resource] if not _absent(package, key)}
    return load_package(package, {key: f"{2 * rate} B/s" for key, rate in rates.items() if rate is not None})


def _absent(package: PackageSpec, key: str) -> bool:
    """Whether a package has no such part: only a tree may have links of two kinds."""
    return key.startswith("root_link.") and package.root_link is None


def _rate(package: PackageSpec, key: str) -> int | None:
    """A rate as the file gives it: of one tile, of one wire."""
    part: Any = package
    for word in key.split("."):
        part = getattr(part, type(part).keys()[word])
    return None if part is None else int(part)


def freed(package: PackageSpec, resources: Collection[str]) -> PackageSpec:
    """*package* with some resources costing nothing; contention is a property of the run, not of the package."""
    changes: dict[str, str] = {}
    if "core" in resources:
        changes |= {"chiplet.core.kind": "ideal", "chiplet.core.peak": "1000000000000 TFLOP/s"}
    if "nop" in resources:
        for link in ("link",) if package.root_link is None else ("link", "root_link"):
            free = {"bandwidth": WITHOUT_LIMIT, "latency": "1 ps", "adapter_latency": "0 ps"}
            changes |= {f"{link}.{key}": value for key, value in free.items()}
        changes |= {"chiplet.sram.nop_bandwidth": "unlimited"}
        if package.switch is not None:
            changes |= {"switch.latency": "0 ps", "switch.reduction_bandwidth": "unlimited"}
    if "dram" in resources:
        changes |= {"memory.kind": "ideal", "chiplet.sram.dram_bandwidth": "unlimited"}
    if "sram" in resources:
        changes |= dict.fromkeys(RATES["sram"], "unlimited")
        changes |= {"chiplet.sram.ports": "separate", "chiplet.reduction": "unit"}
    return load_package(package, changes) if changes else package


def ideal(
    package: PackageSpec,
    model: ModelSpec,
    plan: PlanSpec,
    resources: Collection[str],
    *,
    progress: Progress | None = None,
    timeline: bool = False,
) -> Result:
    """The same tasks with *resources* (of FREE) costing nothing; the Result says so among its approximations."""
    for name in resources:
        if name not in FREE:
            raise ConfigError(f"--ideal: unknown resource '{name}'; {nearest(name, FREE)}")
    result = simulate(
        freed(package, resources),
        model,
        plan,
        contention="contention" not in resources,
        sram_room="sram" not in resources,
        progress=progress,
        timeline=timeline,
        as_built_for=package,
    )
    result.document["simulation"]["approximations"].append(f"ideal: {', '.join(sorted(resources))} free")
    return result


def what_if(package: PackageSpec, model: ModelSpec, plan: PlanSpec) -> dict[str, int]:
    """Step time in ps with each resource doubled, tasks and mapping unchanged."""
    return {resource: int(simulate(doubled(package, resource), model, plan)["step_time_ps"]) for resource in RESOURCES}


def waterfall(package: PackageSpec, model: ModelSpec, plan: PlanSpec, step_ps: int) -> dict[str, int]:
    """What each resource adds, in ps, on the way from the core alone to the real step; the values sum to it."""
    parts: dict[str, int] = {}
    before = 0
    for number in range(len(WATERFALL)):
        now = int(ideal(package, model, plan, WATERFALL[number:])["step_time_ps"])
        parts[("core", *WATERFALL)[number]] = now - before
        before = now
    parts[WATERFALL[-1]] = step_ps - before
    return parts
