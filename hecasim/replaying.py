"""A Trace replayed on a Package: the Result of a run whose tasks come from a file."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from hecasim.analytic import estimate
from hecasim.errors import ConfigError
from hecasim.mapping.sram import rooms_of
from hecasim.playing import play_and_count
from hecasim.results import Result, summarize
from hecasim.run import Progress
from hecasim.specs import (
    ChipletSpec,
    IdealCoreSpec,
    ModelSpec,
    PackageSpec,
    PlanSpec,
    load_model,
    load_package,
    load_plan,
)
from hecasim.specs.loader import names
from hecasim.topologies import topology_of
from hecasim.trace import Trace, Work, file
from hecasim.trace.chakra.tasks import work_of_operations
from hecasim.trace.identity import spec_hash
from hecasim.trace.retarget import retarget

PLAIN_NAME = re.compile(r"\w[\w.-]*")
"""Of a package that may be looked for beside a trace: no path leads elsewhere."""
LARGEST_WORK_PS = 2**62
"""Sums of a step are 64-bit integers."""
UNKNOWN: dict[str, Any] = {
    "model_flops": None, "token_tile": None, "micro_batch": None, "dram_by_class": {}, "sram_estimate_bytes": 0,
    "remarks": [], "notes": [],
}  # fmt: skip
"""What a Result says of a trace that does not know it."""


def replay_trace(
    trace: Trace,
    package: PackageSpec,
    *,
    engine: str | None = None,
    fidelity: str | None = None,
    progress: Progress | None = None,
    timeline: bool = False,
) -> Result:
    """Run the tasks of *trace* on *package*: the integers of the run that wrote it, if it was this package.

    `engine` (fast, plain) and `fidelity` (message, analytic) replace those of the plan that wrote the trace. A package
    with another grid gets the trace re-targeted (see `hecasim.trace.retarget`); a package of another hash is named
    among the approximations. A trace without `about.inputs` (written by hand, or from Chakra) has a Result without what
    only model and plan know: tokens, model FLOPs, memory by class.
    Raises ConfigError where the trace does not suit the package, InfeasiblePlan where a task needs more than a whole
    SRAM pool, Stalled where something never ends.
    """
    started = time.perf_counter()
    inputs = inputs_of(trace)
    changes = {key: value for key, value in (("engine", engine), ("fidelity", fidelity)) if value is not None}
    if inputs is not None:
        plan = load_plan(inputs[1], changes)
    else:
        plan = load_plan({"attention": "materialised"}, changes)  # only its fidelity and engine are used
        trace = replace(trace, about=UNKNOWN | trace.about)
    notes = foreign(trace, package)
    trace = retarget(trace, topology_of(package.topology))
    check_amount(trace, package)
    if plan.fidelity == "analytic":
        log, census = estimate(trace, package)
    else:
        rooms = rooms_of(package.chiplet.sram, plan.capacity, trace.about.get("sram_estimate_bytes", 0))
        log, census = play_and_count(
            trace, package, engine=plan.engine, progress=progress, keep_spans=timeline, rooms=rooms
        )
    if not log.step_ps:
        raise ConfigError("trace: nothing in it takes any time on this package")
    wall_s = time.perf_counter() - started
    model = inputs[0] if inputs is not None else None
    result = summarize(log, census, package, model, plan, version=_version(), wall_s=wall_s)
    result.document["simulation"]["approximations"] += notes
    return result


def read_trace(path: Path, package: PackageSpec | None = None) -> Trace:
    """The Trace in a file, or of the Chakra execution traces in a directory, whose ranks are then *package*'s tiles."""
    path = Path(path)
    if not path.is_dir():
        return file.read(path)
    from hecasim.trace.chakra import read_chakra

    if package is None:
        raise ConfigError(f"{path}: execution traces name no package; name one with --package")
    grid = package.topology
    return read_chakra(path, grid.rows, grid.columns, partial(work_of_runtime, package.chiplet))


def package_of(trace: Trace, path: Path) -> PackageSpec:
    """The package that *trace* says it was written for: a shipped one, or NAME.yaml beside the trace."""
    name = trace.about.get("package")
    if not name:
        raise ConfigError(f"{path}: names no package; name one with --package")
    beside = Path(path).parent / f"{name}.yaml"
    if PLAIN_NAME.fullmatch(name) and beside.is_file():
        return load_package(beside)
    if name not in names("packages"):
        raise ConfigError(
            f"{path}: written for {name}, which is neither a shipped package nor {name}.yaml beside the trace; "
            "name one with --package"
        )
    return load_package(name)


def work_of_runtime(chiplet: ChipletSpec, microseconds: int) -> Work:
    """Work that takes so long on this core, if its SRAM port does not hold it back."""
    core = chiplet.core
    if isinstance(core, IdealCoreSpec):
        return work_of_operations(int(core.peak_flop_per_s) * microseconds // 10**6)
    return Work((), int(core.clock_hz) * microseconds // 10**6 * core.vector_lanes)


def inputs_of(trace: Trace) -> tuple[ModelSpec, PlanSpec] | None:
    """The model and plan that made *trace*, if it remembers them."""
    inputs = trace.about.get("inputs")
    if inputs is None:
        return None
    try:
        return load_model(inputs["model"]), load_plan(inputs["plan"])
    except ConfigError as error:
        raise ConfigError("\n".join(f"trace: about.inputs: {line}" for line in str(error).splitlines())) from None


def foreign(trace: Trace, package: PackageSpec) -> list[str]:
    """What to say where a trace was made for another package; it never bars a replay."""
    made_for = trace.about.get("hashes", {}).get("package")
    if made_for in (None, spec_hash(package)):
        return []
    return [
        f"the trace was made for another package ({trace.about.get('package', 'unnamed')}): its tiling suits that one"
    ]


def check_amount(trace: Trace, package: PackageSpec) -> None:
    """Refuse a trace whose sums would not fit 64-bit integers on this package."""
    core, link = package.chiplet.core.peak_flop_per_s, package.link.payload_bytes_per_s
    slowest = min([link, *(int(rate) for rate in _rates(package) if rate)])
    ps_per_flop, ps_per_byte = 10**12 // int(core) + 1, 10**12 // slowest + 1
    total = 0
    for kind, times in trace.counted_kinds():
        for task in kind.tasks:
            flops = max((work.flops + work.vector_operations for work in task.work), default=0)
            moved = (task.size_bytes + max(task.tile_bytes, default=0)) * trace.tiles
            total += times * (flops * ps_per_flop * _slack(package) + moved * ps_per_byte)
    if total >= LARGEST_WORK_PS:
        raise ConfigError(f"trace: its work adds up to {total / 1e12:.3g} s on this package; expected below "
                          f"{LARGEST_WORK_PS / 1e12:.3g} s")  # fmt: skip


def _slack(package: PackageSpec) -> int:
    """How far below its peak a core can be: a systolic array may have one busy element."""
    core = package.chiplet.core
    return 1 if core.kind == "ideal" else core.rows * core.columns


def _rates(package: PackageSpec) -> list[Any]:
    sram = package.chiplet.sram
    root = package.root_link.payload_bytes_per_s if package.root_link is not None else None
    return [root, package.switch.reduction_bandwidth_bytes_per_s if package.switch is not None else None,
            package.memory.bandwidth_bytes_per_s, sram.core_bandwidth_bytes_per_s, sram.nop_bandwidth_bytes_per_s,
            sram.dram_bandwidth_bytes_per_s, sram.reduction_bandwidth_bytes_per_s]  # fmt: skip


def _version() -> str:
    from hecasim import __version__

    return __version__
