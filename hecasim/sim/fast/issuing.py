"""The issue of a body: its tasks are in flight from now on, each waiting on every tile for what has not ended there."""

from hecasim.sim.fast.ending import body_led, let, may_start
from hecasim.sim.fast.jit import compiled, entry


@entry
def issue(w, slot_number, index, kind_number, first_micro):
    """Let body *index* of a kind begin in a slot that is free."""
    run, slot, kind = w.run[0], w.slots[slot_number], w.kinds[kind_number]
    slot.index = index
    slot.kind = kind_number
    slot.first_micro = first_micro
    slot.tasks_left = kind.count
    slot.leading = kind.leading
    slot.led_ps = -1
    slot.alive = 1
    run.next_body = index + 1
    first = slot_number * run.per_body
    for number in range(kind.count):
        clear_row(w, first + number, kind.tasks + number)
    for number in range(kind.count):
        wait_for_earlier(w, first + number, w.tasks[kind.tasks + number], index)
    for number in range(kind.count):
        row = first + number
        if not w.tasks[kind.tasks + number].waits:
            let(w, w.rows[row], run.gate_cause, run.gate_body, run.gate_number)
            for tile in range(run.tiles):
                if not w.waits[row, tile]:
                    may_start(w, row, tile)
    if not slot.leading:
        body_led(w, index)


@compiled
def clear_row(w, number, task):
    """A task in flight of which nothing has happened."""
    row, groups, flights = w.rows[number], w.run[0].groups, w.flights
    row.task = task
    row.left = w.run[0].tiles
    row.first_ps = -1
    row.cause = -1
    row.earlier = -1
    row.outside = -1
    row.lowered_ps = -1
    waits, done, started, stage, owed, parked = w.waits, w.done, w.started, w.stage, w.owed, w.parked
    own_waits = w.tasks[task].waits
    for tile in range(w.run[0].tiles):
        waits[number, tile] = own_waits
        done[number, tile] = 0
        started[number, tile] = -1
        stage[number, tile] = 0
        owed[number, tile] = 0
        parked[number, tile] = -1
    ready = w.ready
    for channel in range(w.ready_width):
        ready[number, channel] = 0
    for flight in range(number * groups, (number + 1) * groups):
        flights[flight].joined = 0
        flights[flight].mode = 0


@compiled
def wait_for_earlier(w, row, task, index):
    """A task waits for those of earlier bodies that it names and that have not ended."""
    run, lists, outsiders = w.run[0], w.lists, w.outsiders
    for place in range(task.outside, task.outside_end, 2):
        slot = slot_of(w, index + lists[place])
        earlier = slot * run.per_body + lists[place + 1]
        if slot < 0 or not w.rows[earlier].left:
            continue
        number = run.free_outsider
        if number >= 0:
            run.free_outsider = outsiders[number].following
        else:
            number = run.outsiders
            run.outsiders = number + 1
        outsiders[number].row = row
        outsiders[number].following = w.rows[earlier].outside
        w.rows[earlier].outside = number
        for tile in range(run.tiles):
            if not w.done[earlier, tile]:
                w.waits[row, tile] += 1


@compiled
def slot_of(w, index):
    """The slot of a body in flight, -1 if it is over."""
    slots = w.slots
    for number in range(1, w.slots_length):
        if slots[number].alive and slots[number].index == index:
            return number
    return -1
