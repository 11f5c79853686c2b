"""Who waits for what when a run cannot go on, read from the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hecasim.errors import Stalled
from hecasim.sim.stalled import Stuck, Waiter, stalled

if TYPE_CHECKING:
    from hecasim.sim.fast.engine import Engine


def stall_of(engine: Engine) -> Stalled:
    """The error to raise."""
    slots = engine.memory.slots
    alive = np.nonzero(slots["alive"])[0]
    tasks = int(slots["tasks_left"][alive].sum())
    return stalled(engine.now + engine.offset_ps, tasks, len(alive), _waiters(engine), lambda: _stuck(engine))


def _stuck(engine: Engine) -> Stuck:
    memory, slots = engine.memory, engine.memory.slots
    slot = min(np.nonzero(slots["alive"])[0].tolist(), key=lambda one: int(slots["index"][one]))
    kind, first = engine.trace.kinds[int(slots["kind"][slot])], slot * memory.per_body
    number = next(at for at in range(len(kind.tasks)) if memory.rows["left"][first + at])
    tile = int(np.nonzero(memory.done[first + number] == 0)[0][0])
    spec = kind.tasks[number]
    missing = [kind.tasks[after.task].label for after in spec.after
               if not after.offset and not memory.done[first + after.task, tile]]  # fmt: skip
    return Stuck(spec, int(slots["index"][slot]), kind.name, tile, missing)


def _waiters(engine: Engine) -> list[Waiter]:
    """Everybody who waits for space, tile by tile."""
    memory, found = engine.memory, []
    rooms = tuple(None if room < 0 else room for room in engine.tables.rooms.tolist())
    for tile, record in enumerate(memory.tiles):
        held = (int(record["weights"]), int(record["activations"]))
        entrant = int(record["waiting"])
        while entrant >= 0:
            slot, number = divmod(int(memory.entrants["row"][entrant]), memory.per_body)
            kind = engine.trace.kinds[int(memory.slots["kind"][slot])]
            body = int(memory.slots["index"][slot])
            found.append(Waiter(body, kind.tasks[number], kind.name, tile, held, (rooms[0], rooms[1])))
            entrant = int(memory.entrants["following"][entrant])
    return found
