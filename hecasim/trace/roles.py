"""What the roles of a package's tiles ask of a trace: a switch has no core, so nobody may give it work."""

from __future__ import annotations

from hecasim.errors import ConfigError
from hecasim.topologies import SWITCH, Topology
from hecasim.trace.task import COMPUTE, Trace


def check_roles(trace: Trace, topology: Topology) -> None:
    """Raise ConfigError where a trace computes on a switch."""
    switches = [tile for tile, role in enumerate(topology.roles) if role == SWITCH]
    if not switches:
        return
    for kind in trace.kinds:
        for task in kind.tasks:
            if task.kind != COMPUTE:
                continue
            for tile in switches:
                work = task.work_at(tile)
                if work.flops or work.vector_operations:
                    raise ConfigError(
                        f"trace: '{task.label}' of {kind.name} has work for tile {tile}, {topology.name_of(tile)}, "
                        "which has no core; a method for grids does not suit a tree"
                    )
