"""A run that cannot go on says who waits for what, in the same words whichever engine played it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from hecasim.errors import Stalled
from hecasim.mapping.sram import POOL_NAMES, Rooms
from hecasim.trace.space import new_space
from hecasim.trace.task import Task

NAMED_WAITERS = 4


class Waiter(NamedTuple):
    """A task that waits for space on a tile, and what its pools hold there."""

    body: int
    task: Task
    kind: str
    tile: int
    held: tuple[int, int]
    rooms: Rooms


class Stuck(NamedTuple):
    """The first task that has not ended, the first tile where it has not, and the tasks it waits for there."""

    task: Task
    body: int
    kind: str
    tile: int
    missing: Sequence[str]


def stalled(now_ps: int, tasks: int, bodies: int, waiters: Sequence[Waiter], stuck: Callable[[], Stuck]) -> Stalled:
    """The error to raise: *tasks* of *bodies* in flight never ended."""
    head = f"the run stalled at {now_ps} ps: {tasks} tasks of {bodies} live bodies never ended; "
    if waiters:
        return Stalled(f"{head}for want of SRAM {who_waits(waiters)}")
    first = stuck()
    reason = f"waits for {', '.join(first.missing)}" if first.missing else "has started and does not end"
    return Stalled(
        f"{head}the first is '{first.task.label}' of body {first.body} ({first.kind}) on tile {first.tile}, "
        f"which {reason}"
    )


def who_waits(waiters: Sequence[Waiter]) -> str:
    """Who waits for space, and what each lacks on the first tile where it waits."""
    found: dict[tuple[int, int], list[Waiter]] = {}
    for waiter in waiters:
        found.setdefault((waiter.body, waiter.task.id), []).append(waiter)
    named = [_what_lacks(found[place][0], len(found[place])) for place in sorted(found)[:NAMED_WAITERS]]
    more = len(found) - len(named)
    return "; ".join([*named, *([f"{more} more tasks wait"] if more else [])])


def _what_lacks(waiter: Waiter, tiles: int) -> str:
    lacks = []
    for pool, net in enumerate(new_space(waiter.task) or (0, 0)):
        held, room = waiter.held[pool], waiter.rooms[pool]
        if net > 0 and room is not None and held + net > room:
            lacks.append(
                f"lacks {held + net - room} bytes of {POOL_NAMES[pool]} ({net} needed, {room - held} of {room} free)"
            )
    others = f" and {tiles - 1} more" if tiles > 1 else ""
    why = " and ".join(lacks) or "waits behind an earlier task that lacks space"
    return f"'{waiter.task.label}' of body {waiter.body} ({waiter.kind}) on tile {waiter.tile}{others} {why}"
