"""One collective on an otherwise quiet package: how long it takes, and how long that takes to compute."""

from __future__ import annotations

import time
from typing import Any

from hecasim.collectives import COLLECTIVES, bytes_sent
from hecasim.errors import ConfigError, nearest
from hecasim.sim import replay
from hecasim.specs import PackageSpec, PlanSpec
from hecasim.topologies import Grid, topology_of
from hecasim.trace.play import Body, order_of
from hecasim.trace.task import COLLECTIVE, BodyKind, Task, Trace

PROBED = ("all_reduce", "all_gather", "reduce_scatter", "broadcast", "all_to_all")
ALGORITHMS = ("ring", "bypass_ring", "torus_2d", "direct", "rounds", "chain", "tree")
BYPASS_RING = "bypass_ring"
"""The ring on the folded order of one row or column (see `hecasim.collectives.ring`)."""
OF_OTHERS_CPU_S = {
    ("ring.all_reduce", 64, 2**20): 0.01, ("ring.all_reduce", 256, 2**20): 0.16, ("ring.all_reduce", 1024, 2**20): 4.09,
}  # fmt: skip
"""CPU seconds of ASTRA-sim's analytical congestion-aware backend for (collective, members, bytes): measured by us on a
machine of 2 cores, whole program, 1,024 members in 2,095,104 messages."""


def probe_collective(
    package: PackageSpec, collective: str, algorithm: str, size_bytes: int, plan: PlanSpec, members: int | None = None
) -> dict[str, Any]:
    """Play one collective of *size_bytes* (the full tensor) among *members* tiles, by default all, or a whole row.

    `plan` gives engine, segments and options of collectives. Answers with `time_ps`, `bytes_sent_per_member` (of the
    member that sends most), `transfers` (segments times links) and `wall_s` (of the replay alone), and says among
    which tiles. Raises ConfigError where package, collective and algorithm do not suit each other.
    """
    name = _name(collective, algorithm)
    topology = topology_of(package.topology)
    if not isinstance(topology, Grid):
        raise ConfigError(
            f"probe collective: found a package in the shape of a {package.topology.kind}; expected a grid"
        )
    group = _line(topology, members) if algorithm == BYPASS_RING else _rectangle(topology, members)
    trace = _trace(topology, group, name, size_bytes, plan)
    stages = COLLECTIVES[name](topology, group, size_bytes, trace.options)
    started = time.perf_counter()
    log = replay(trace, package, engine=plan.engine)
    wall_s = time.perf_counter() - started
    return {
        "collective": name, "members": len(group), "size_bytes": size_bytes, "engine": plan.engine,
        "time_ps": log.step_ps, "bytes_sent_per_member": max(bytes_sent(stages).values(), default=0),
        "transfers": sum(lane.segments for lane in log.lanes if lane.kind == "link"), "events": log.happenings,
        "wall_s": wall_s,
    }  # fmt: skip


def _name(collective: str, algorithm: str) -> str:
    """The collective's name in the table."""
    if collective not in PROBED:
        raise ConfigError(f"probe collective: unknown collective '{collective}'; {nearest(collective, PROBED)}")
    if algorithm not in ALGORITHMS:
        raise ConfigError(f"--algorithm: unknown algorithm '{algorithm}'; {nearest(algorithm, ALGORITHMS)}")
    name = f"{'ring' if algorithm == BYPASS_RING else algorithm}.{collective}"
    if name in COLLECTIVES:
        return name
    if algorithm == "tree":
        raise ConfigError(f"--algorithm tree: a tree {collective} is not built yet; {_offers(collective)}")
    raise ConfigError(f"--algorithm {algorithm}: has no {collective}; {_offers(collective)}")


def _offers(collective: str) -> str:
    found = [name.partition(".")[0] for name in COLLECTIVES if name.partition(".")[2] == collective]
    return f"{collective} goes by {', '.join([*found, *([BYPASS_RING] if 'ring' in found else [])])}"


def _rectangle(grid: Grid, members: int | None) -> tuple[int, ...]:
    """The most square rectangle of so many tiles in the grid's corner, row by row."""
    wanted = grid.size if members is None else members
    shapes = [(rows, wanted // rows) for rows in range(1, grid.rows + 1)
              if wanted % rows == 0 and 0 < wanted // rows <= grid.columns]  # fmt: skip
    if not shapes:
        raise ConfigError(f"--members {wanted}: expected the tiles of a rectangle within {grid.rows} x {grid.columns}")
    rows, columns = min(shapes, key=lambda shape: (abs(shape[0] - shape[1]), shape))
    return tuple(row * grid.columns + column for row in range(rows) for column in range(columns))


def _line(grid: Grid, members: int | None) -> tuple[int, ...]:
    """So many neighbours in the first row, or in the first column if the row is too short."""
    wanted = grid.columns if members is None else members
    if not 1 <= wanted <= max(grid.rows, grid.columns):
        raise ConfigError(
            f"--members {wanted}: a {BYPASS_RING} lies in one row or column of {grid.rows} x {grid.columns}"
        )
    step = 1 if wanted <= grid.columns else grid.columns
    return tuple(place * step for place in range(wanted))


def _trace(grid: Grid, group: tuple[int, ...], name: str, size_bytes: int, plan: PlanSpec) -> Trace:
    """A step of nothing else; the other tiles are groups of one, which have nothing to do."""
    others = tuple((tile,) for tile in sorted(set(range(grid.size)) - set(group)))
    task = Task(0, COLLECTIVE, name, "probe", "forward", (), group="members", algorithm=name, size_bytes=size_bytes)
    options = {
        "ring": plan.options.ring, "colours": plan.options.colours, "chunks": plan.options.chunks,
        "segment_bytes": plan.segment_bytes, "dram_map": plan.dram_map, "element_bytes": plan.bytes_per_element,
    }  # fmt: skip
    kind = BodyKind("probe", "probe", "forward", (task,))
    return Trace(grid.rows, grid.columns, {"members": (group, *others)}, options, (kind,), order_of((Body(0, 0, 0),)))
