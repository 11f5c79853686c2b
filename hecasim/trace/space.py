"""SRAM space that tasks ask for, and tasks that never find it."""

from __future__ import annotations

from hecasim.errors import InfeasiblePlan
from hecasim.mapping.sram import POOL_NAMES, Rooms, net_bytes
from hecasim.trace.task import Task, Trace


def new_space(task: Task) -> tuple[int, int] | None:
    """Bytes of each pool that a task needs beyond what it gives back in place; None if none: then it never waits."""
    net = net_bytes(task.takes, task.gives if task.in_place else ())
    return net if max(net) > 0 else None


def refuse_what_never_fits(trace: Trace, rooms: Rooms) -> None:
    """Raise InfeasiblePlan for a task that needs more than a whole pool."""
    for kind in trace.kinds:
        for task in kind.tasks:
            for pool, (needed, room) in enumerate(zip(new_space(task) or (0, 0), rooms, strict=True)):
                if room is not None and needed > room:
                    raise InfeasiblePlan(
                        resource=f"SRAM pool '{POOL_NAMES[pool]}' per tile, for '{task.label}' of {kind.name}",
                        needed=f"{needed} bytes", available=f"{room} bytes",
                        levers=[f"package.chiplet.sram.{POOL_NAMES[pool]} (larger)", "plan.token_tile (smaller)",
                                "plan.micro_batch (smaller)"],
                    )  # fmt: skip
