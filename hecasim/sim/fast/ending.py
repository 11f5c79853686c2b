"""The end of a task on a tile: who may start now, who hears that a body is over, and why, for the longest chain.

A task that may start is put on a list, from which the loop takes it in the same picosecond; so no function here calls
itself by way of others.
"""

from hecasim.sim.fast.jit import compiled, inlined
from hecasim.sim.fast.rooms import give
from hecasim.sim.fast.tables import NONE


@inlined
def may_start(w, row, tile):
    """All that a task waits for has ended on this tile."""
    run = w.run[0]
    start = w.starts[run.starts]
    run.starts += 1
    start.row = row
    start.tile = tile


@inlined
def let(w, row, before, body, number):
    """Something that a task waits for ends on some tile: of several in one picosecond, the last in the trace counts.

    Nothing depends on which of them is heard of first.
    """
    now, causes = w.clock[0].now, w.causes
    if now == row.lowered_ps and not (
        later(body, number, row.body, row.number)
        or (body == row.body and number == row.number and released(w, before) > released(w, row.before))
    ):
        return
    row.lowered_ps = now
    row.before = before
    row.body = body
    row.number = number
    if row.cause >= 0 and causes[row.cause].released_ps == now:
        causes[row.cause].before = before


@inlined
def released(w, number):
    """When the task of a cause was let; -1 for none."""
    return w.causes[number].released_ps if number >= 0 else NONE


@compiled
def end_task(w, row_number, tile):
    """A task has ended on a tile."""
    now, run, row = w.clock[0].now, w.run[0], w.rows[row_number]
    task = w.tasks[row.task]
    slot = row_number // run.per_body
    if task.gives_end > task.gives and not task.in_place:
        give(w, tile, task)
    began = w.started[row_number, tile]
    if run.keep_spans and w.shown[tile]:
        keep_span(w, slot, row.task, tile, began)
    w.done[row_number, tile] = 1
    row.left -= 1
    cause = row.cause
    if began < now and cause >= 0 and w.causes[cause].released_ps == now:
        cause = row.earlier  # it ends here, and not because other tiles can start it only now
    body, number = w.slots[slot].index, row_number - slot * run.per_body
    for place in range(task.readers, task.readers_end):
        lower(w, row_number - number + w.lists[place], tile, cause, body, number)
    outsider = row.outside
    while outsider >= 0:
        lower(w, w.outsiders[outsider].row, tile, cause, body, number)
        outsider = w.outsiders[outsider].following
    if not row.left:
        task_ended(w, row, w.slots[slot], slot, number)


@inlined
def lower(w, row, tile, cause, body, number):
    """One thing less to wait for."""
    waits = w.waits[row, tile] - 1
    w.waits[row, tile] = waits
    let(w, w.rows[row], cause, body, number)
    if not waits:
        may_start(w, row, tile)


@compiled
def keep_span(w, slot, task, tile, began):
    """A task of a tile that the timeline shows."""
    run = w.run[0]
    span = w.spans[run.spans]
    run.spans += 1
    span.slot = slot
    span.task = task
    span.tile = tile
    span.start_ps = began
    span.end_ps = w.clock[0].now


@inlined
def later(body, number, other_body, other_number):
    """Whether (body, number) comes after the other."""
    return body > other_body or (body == other_body and number > other_number)


@compiled
def task_ended(w, row, slot, slot_number, number):
    """A task has ended on every tile."""
    now, run = w.clock[0].now, w.run[0]
    free_outsiders(w, row)
    run.tasks += 1
    if now > run.end_ps or later(slot.index, number, run.ended_body, run.ended_number):
        run.end_ps = now
        run.last_cause = row.cause
        run.ended_body = slot.index
        run.ended_number = number
    if slot.first_micro:
        note = w.notes[run.notes]
        run.notes += 1
        note.slot = slot_number
        note.task = row.task
        note.first_ps = row.first_ps
        note.end_ps = now
    slot.tasks_left -= 1
    if not slot.tasks_left:
        slot.alive = 0
    if w.tasks[row.task].leads:
        slot.leading -= 1
        if now > slot.led_ps or number > slot.led_number:
            slot.led_ps = now
            slot.led_number = number
            slot.led_cause = row.cause
        if not slot.leading:
            last = slot.led_number
            if run.gate_cause < 0 or now > run.gate_ps or later(slot.index, last, run.gate_body, run.gate_number):
                run.gate_cause = slot.led_cause
                run.gate_body = slot.index
                run.gate_number = last
                run.gate_ps = now
            body_led(w, slot.index)


@compiled
def free_outsiders(w, row):
    """Nobody waits for this task any more."""
    run, outsiders, outsider = w.run[0], w.outsiders, row.outside
    while outsider >= 0:
        following = outsiders[outsider].following
        outsiders[outsider].following = run.free_outsider
        run.free_outsider = outsider
        outsider = following
    row.outside = -1


@compiled
def body_led(w, body):
    """The work of a body has ended on every tile."""
    run, led = w.run[0], w.led
    mask = w.led_length - 1
    led[body & mask] = 1
    while led[run.led & mask]:
        led[run.led & mask] = 0
        run.led += 1
    run.boundary_due = 1
    if run.next_body < run.bodies:
        run.issue_due = 1
