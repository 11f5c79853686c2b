"""The end of a task on a tile: who may start now, who hears that a body is over, and why, for the longest chain.

A task that may start is put on a list, from which the loop takes it in the same picosecond; so no function here calls
itself by way of others.
"""

from hecasim.sim.fast.jit import compiled
from hecasim.sim.fast.rooms import give


@compiled
def may_start(w, row, tile, cause, body, number):
    """All that a task waits for has ended on this tile."""
    place = w.run[0].starts
    w.run[0].starts = place + 1
    w.starts[place].row = row
    w.starts[place].tile = tile
    w.starts[place].cause = cause
    w.starts[place].body = body
    w.starts[place].number = number


@compiled
def cause_of_end(w, row, began, now):
    """Why a task ends on a tile where it began at *began*: not because other tiles can start it only now."""
    cause = w.rows[row].cause
    if began < now and cause >= 0 and w.causes[cause].released_ps == now:
        return w.rows[row].earlier
    return cause


@compiled
def end_task(w, row, tile):
    """A task has ended on a tile."""
    now = w.clock[0].now
    task, slot = w.rows[row].task, row // w.run[0].per_body
    if w.tasks[task].gives_end > w.tasks[task].gives and not w.tasks[task].in_place:
        give(w, tile, task)
    began = w.started[row, tile]
    if w.run[0].keep_spans and w.shown[tile]:
        keep_span(w, slot, task, tile, began, now)
    w.done[row, tile] = 1
    left = w.rows[row].left - 1
    w.rows[row].left = left
    cause = cause_of_end(w, row, began, now)
    body, number = w.slots[slot].index, row - slot * w.run[0].per_body
    first = row - number
    for place in range(w.tasks[task].readers, w.tasks[task].readers_end):
        lower(w, first + w.lists[place], tile, cause, body, number)
    outsider = w.rows[row].outside
    while outsider >= 0:
        lower(w, w.outsiders[outsider].row, tile, cause, body, number)
        outsider = w.outsiders[outsider].following
    if not left:
        task_ended(w, row, task, slot, number, now)


@compiled
def lower(w, row, tile, cause, body, number):
    """One thing less to wait for."""
    waits = w.waits[row, tile] - 1
    w.waits[row, tile] = waits
    if not waits:
        may_start(w, row, tile, cause, body, number)


@compiled
def keep_span(w, slot, task, tile, began, now):
    """A task of a tile that the timeline shows."""
    place = w.run[0].spans
    w.run[0].spans = place + 1
    w.spans[place].slot = slot
    w.spans[place].task = task
    w.spans[place].tile = tile
    w.spans[place].start_ps = began
    w.spans[place].end_ps = now


@compiled
def later(body, number, other_body, other_number):
    """Whether (body, number) comes after the other."""
    return body > other_body or (body == other_body and number > other_number)


@compiled
def task_ended(w, row, task, slot, number, now):
    """A task has ended on every tile."""
    body = w.slots[slot].index
    outsider = w.rows[row].outside
    while outsider >= 0:
        following = w.outsiders[outsider].following
        w.outsiders[outsider].following = w.run[0].free_outsider
        w.run[0].free_outsider = outsider
        outsider = following
    w.rows[row].outside = -1
    w.run[0].tasks += 1
    if now > w.run[0].end_ps or later(body, number, w.run[0].ended_body, w.run[0].ended_number):
        w.run[0].end_ps = now
        w.run[0].last_cause = w.rows[row].cause
        w.run[0].ended_body = body
        w.run[0].ended_number = number
    if w.slots[slot].first_micro:
        place = w.run[0].notes
        w.run[0].notes = place + 1
        w.notes[place].slot = slot
        w.notes[place].task = task
        w.notes[place].first_ps = w.rows[row].first_ps
        w.notes[place].end_ps = now
    w.slots[slot].tasks_left -= 1
    if not w.slots[slot].tasks_left:
        w.slots[slot].alive = 0
    if w.tasks[task].leads:
        w.slots[slot].leading -= 1
        if not w.slots[slot].leading:
            open_gate(w, w.rows[row].cause, body, number, now)
            body_led(w, body)


@compiled
def open_gate(w, cause, body, number, now):
    """The end of a task that lets bodies be issued: why these start."""
    run = w.run[0]
    if run.gate_cause < 0 or now > run.gate_ps or later(body, number, run.gate_body, run.gate_number):
        w.run[0].gate_cause = cause
        w.run[0].gate_body = body
        w.run[0].gate_number = number
        w.run[0].gate_ps = now


@compiled
def body_led(w, body):
    """The work of a body has ended on every tile."""
    mask = len(w.led) - 1
    w.led[body & mask] = 1
    while w.led[w.run[0].led & mask]:
        w.led[w.run[0].led & mask] = 0
        w.run[0].led += 1
    w.run[0].boundary_due = 1
    if w.run[0].next_body < w.run[0].bodies:
        w.run[0].issue_due = 1
