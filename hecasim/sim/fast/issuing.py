"""The issue of a body: its tasks are in flight from now on, each waiting on every tile for what has not ended there."""

from hecasim.sim.fast.ending import body_led, may_start
from hecasim.sim.fast.jit import compiled


@compiled
def issue(w, slot, index, kind, first_micro):
    """Let body *index* of a kind begin in a slot that is free."""
    per_body, first_task = w.run[0].per_body, w.kinds[kind].tasks
    count = w.kinds[kind].count
    w.slots[slot].index = index
    w.slots[slot].kind = kind
    w.slots[slot].first_micro = first_micro
    w.slots[slot].tasks_left = count
    w.slots[slot].leading = w.kinds[kind].leading
    w.slots[slot].alive = 1
    w.run[0].next_body = index + 1
    for number in range(count):
        clear_row(w, slot * per_body + number, slot, first_task + number)
    for number in range(count):
        wait_for_earlier(w, slot * per_body + number, first_task + number, index)
    run = w.run[0]
    cause, body, gate_number = run.gate_cause, run.gate_body, run.gate_number
    for number in range(count):
        row = slot * per_body + number
        if not w.tasks[first_task + number].waits:
            for tile in range(w.run[0].tiles):
                if not w.waits[row, tile]:
                    may_start(w, row, tile, cause, body, gate_number)
    if not w.slots[slot].leading:
        body_led(w, index)


@compiled
def clear_row(w, row, slot, task):
    """A task in flight of which nothing has happened."""
    w.rows[row].task = task
    w.rows[row].slot = slot
    w.rows[row].left = w.run[0].tiles
    w.rows[row].first_ps = -1
    w.rows[row].cause = -1
    w.rows[row].earlier = -1
    w.rows[row].outside = -1
    w.waits[row, :] = w.tasks[task].waits
    w.done[row, :] = 0
    w.started[row, :] = -1
    w.stage[row, :] = 0
    w.owed[row, :] = 0
    w.parked[row, :] = -1
    w.ready[row, :] = 0
    groups = w.run[0].groups
    for flight in range(row * groups, (row + 1) * groups):
        w.flights[flight].joined = 0
        w.flights[flight].mode = 0


@compiled
def wait_for_earlier(w, row, task, index):
    """A task waits for those of earlier bodies that it names and that have not ended."""
    per_body, tiles = w.run[0].per_body, w.run[0].tiles
    for place in range(w.tasks[task].outside, w.tasks[task].outside_end, 2):
        slot = slot_of(w, index + w.lists[place])
        if slot < 0:
            continue
        earlier = slot * per_body + w.lists[place + 1]
        if not w.rows[earlier].left:
            continue
        run = w.run[0]
        outsider = run.free_outsider
        if outsider >= 0:
            w.run[0].free_outsider = w.outsiders[outsider].following
        else:
            outsider = run.outsiders
            w.run[0].outsiders = outsider + 1
        w.outsiders[outsider].row = row
        w.outsiders[outsider].following = w.rows[earlier].outside
        w.rows[earlier].outside = outsider
        for tile in range(tiles):
            if not w.done[earlier, tile]:
                w.waits[row, tile] += 1


@compiled
def slot_of(w, index):
    """The slot of a body in flight, -1 if it is over."""
    for slot in range(1, len(w.slots)):
        if w.slots[slot].alive and w.slots[slot].index == index:
            return slot
    return -1
