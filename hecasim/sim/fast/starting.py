"""The start of a task on a tile: space first, then the core, the collective of its group, or DRAM."""

import numpy as np

from hecasim.sim.fast.claims import claim
from hecasim.sim.fast.cores import make_ready, new_job
from hecasim.sim.fast.ending import end_task
from hecasim.sim.fast.exchanges import enter_stage
from hecasim.sim.fast.jit import compiled, inlined
from hecasim.sim.fast.lanes import send
from hecasim.sim.fast.rooms import give, take, wait_for_space
from hecasim.sim.fast.tables import COLLECTIVE, COMPUTE, GATHERING, NONE, PLAYED, READ, TO_MEMBER, TO_TILE, ZERO
from hecasim.sim.fast.times import EXCHANGING, MOVING, begin_activity, end_activity, open_phase

TREE_STOPS = np.int64(2)
"""The channel, and the first fork."""


@compiled
def start_task(w, r, number):
    """A task may start on a tile."""
    start = w.starts[number]
    row_number, tile = start.row, start.tile
    row = w.rows[row_number]
    note_cause(w, row)
    task = w.tasks[row.task]
    if task.space:
        wait_for_space(w, row_number, tile)
        return
    if task.in_place:
        give(w, tile, task)
    if task.takes_end > task.takes:
        take(w, tile, task)
    begin(w, r, row_number, tile)


@compiled
def note_cause(w, row):
    """The last tiles of a task so far can start: because of what was heard of last."""
    now, run = w.clock[0].now, w.run[0]
    if row.cause >= 0 and w.causes[row.cause].released_ps == now:
        return
    cause = w.causes[run.causes]
    cause.task = row.task
    cause.released_ps = now
    cause.before = row.before
    row.earlier = row.cause
    row.cause = run.causes
    run.causes += 1


@compiled
def begin(w, r, row_number, tile):
    """A task has its space on a tile."""
    now, row = w.clock[0].now, w.rows[row_number]
    task = w.tasks[row.task]
    if row.first_ps < 0:
        row.first_ps = now
    w.started[row_number, tile] = now
    if task.kind == COMPUTE:
        duration, operands = w.amounts[task.amount, tile], NONE
        if task.operands >= 0:
            operands = w.amounts[task.operands, tile]
        if duration or operands >= 0:
            make_ready(w, tile, new_job(w, row_number, duration, operands))
        else:
            end_task(w, row_number, tile)
    elif task.kind == COLLECTIVE:
        if task.schedules < 0:  # a token tile with no tokens left
            end_task(w, row_number, tile)
        else:
            open_phase(w, tile, task.phase)
            join(w, r, row_number, task, tile)
    elif task.table >= 0:
        join_multicast(w, row_number, task, tile)
    else:
        move(w, row_number, task, tile)


@compiled
def joined(w, row, group):
    """One member more of a group is ready: the flight, once all are, else -1."""
    number = row * w.run[0].groups + group.number
    flight = w.flights[number]
    flight.joined += 1
    if flight.joined < group.members_end - group.members:
        return NONE
    flight.joined = 0
    flight.row = row
    return number


@compiled
def join(w, r, row, task, tile):
    """A member of a collective is ready; the last one lets it begin."""
    group = w.groups[w.group_of[task.table, tile]]
    number = joined(w, row, group)
    if number < 0:
        return
    flight = w.flights[number]
    flight.schedule = task.schedules + group.number
    flight.mode = GATHERING
    schedule = w.schedules[flight.schedule]
    for place in range(schedule.members, schedule.members_end):
        begin_activity(w, w.lists[place], EXCHANGING, task.phase)
    if schedule.stages_end == schedule.stages or not claim(w, r, number):
        flight.mode = PLAYED
        for place in range(schedule.members_end - schedule.members):
            enter_stage(w, number, place, w.lists[schedule.members + place], ZERO)


@compiled
def move(w, row, task, tile):
    """A tile is ready to read or write its own bytes through its port."""
    if w.amounts[task.amount, tile] < 0:
        begin_activity(w, tile, MOVING, task.phase)
        end_activity(w, tile, MOVING)
        end_task(w, row, tile)
        return
    if task.party < 0:
        move_tile(w, row, task, tile)
        return
    everybody = w.party_width - 1
    channel = everybody if w.party[task.party, everybody] else w.port_of[tile]
    w.stage[row, tile] = 1
    ready = w.ready[row, channel] + 1
    w.ready[row, channel] = ready
    if ready == w.party[task.party, channel]:
        w.ready[row, channel] = 0
        port = w.ports[channel]
        for place in range(port.tiles, port.tiles_end):
            other = w.lists[place]
            if w.amounts[task.amount, other] >= 0:
                move_tile(w, row, task, other)


@compiled
def move_tile(w, row, task, tile):
    """A tile's bytes set out."""
    begin_activity(w, tile, MOVING, task.phase)
    w.stage[row, tile] = 0
    size = w.amounts[task.amount, tile]
    way = 0 if task.kind == READ else 2
    w.owed[row, tile] = w.sizes[size].count
    send(
        w, row, w.ways[tile, way], w.ways[tile, way + 1], size, task.stream, row, TO_TILE, tile, ZERO, ZERO,
        tile, ZERO,
    )  # fmt: skip


@compiled
def join_multicast(w, row, task, tile):
    """A member of a group that reads the same is ready; the last one lets the read begin."""
    group, lists = w.groups[w.group_of[task.table, tile]], w.lists
    if joined(w, row, group) < 0:
        return
    for place in range(group.members, group.members_end):
        begin_activity(w, lists[place], MOVING, task.phase)
    first, end = lists[task.trees + group.number], lists[task.trees + group.number + 1]
    owed = 0
    for number in range(first, end):
        owed += w.sizes[w.trees[number].share].count
    for place in range(group.members, group.members_end):
        member = lists[place]
        if owed:
            w.owed[row, member] = owed
        else:
            end_activity(w, member, MOVING)
            end_task(w, row, member)
    for number in range(first, end):
        tree = w.trees[number]
        send(
            w, row, tree.route, TREE_STOPS, tree.share, task.stream, row, TO_MEMBER, NONE, ZERO, ZERO,
            tree.source, ZERO,
        )  # fmt: skip


@inlined
def arrived(w, row, tile):
    """A segment of a DRAM task has landed at the tile whose task it is, or at a member of its group."""
    owed = w.owed[row, tile] - 1
    w.owed[row, tile] = owed
    if not owed:
        end_activity(w, tile, MOVING)
        end_task(w, row, tile)
