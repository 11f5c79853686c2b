"""The start of a task on a tile: space first, then the core, the collective of its group, or DRAM."""

from hecasim.sim.fast.claims import claim
from hecasim.sim.fast.cores import make_ready, new_job
from hecasim.sim.fast.ending import end_task, later
from hecasim.sim.fast.exchanges import enter_stage
from hecasim.sim.fast.jit import compiled
from hecasim.sim.fast.lanes import send
from hecasim.sim.fast.rooms import give, take, wait_for_space
from hecasim.sim.fast.tables import COLLECTIVE, COMPUTE, GATHERING, PLAYED, READ, TO_MEMBER, TO_TILE
from hecasim.sim.fast.times import EXCHANGING, MOVING, begin_activity, end_activity, open_phase


@compiled
def start_task(w, r, start):
    """A task may start on a tile."""
    row, tile = w.starts[start].row, w.starts[start].tile
    note_cause(w, row, w.starts[start].cause, w.starts[start].body, w.starts[start].number)
    task = w.rows[row].task
    if w.tasks[task].space:
        wait_for_space(w, row, tile)
        return
    if w.tasks[task].in_place:
        give(w, tile, task)
    if w.tasks[task].takes_end > w.tasks[task].takes:
        take(w, tile, task)
    begin(w, r, row, tile)


@compiled
def note_cause(w, row, cause, body, number):
    """Why the last tile of a task can start: of several tasks that let it in one picosecond, the last in the trace."""
    now, known = w.clock[0].now, w.rows[row].cause
    if known < 0 or now > w.causes[known].released_ps:
        place = w.run[0].causes
        w.run[0].causes = place + 1
        w.causes[place].task = w.rows[row].task
        w.causes[place].released_ps = now
        w.causes[place].before = cause
        w.causes[place].body = body
        w.causes[place].number = number
        w.rows[row].earlier = known
        w.rows[row].cause = place
        return
    record = w.causes[known]
    if later(body, number, record.body, record.number) or (
        body == record.body and number == record.number and released(w, cause) > released(w, record.before)
    ):
        w.causes[known].before = cause
        w.causes[known].body = body
        w.causes[known].number = number


@compiled
def released(w, cause):
    """When the task of a cause was let; -1 for none."""
    return w.causes[cause].released_ps if cause >= 0 else -1


@compiled
def begin(w, r, row, tile):
    """A task has its space on a tile."""
    now, task = w.clock[0].now, w.rows[row].task
    if w.rows[row].first_ps < 0:
        w.rows[row].first_ps = now
    w.started[row, tile] = now
    kind = w.tasks[task].kind
    if kind == COMPUTE:
        duration, operands = w.amounts[w.tasks[task].amount, tile], -1
        if w.tasks[task].operands >= 0:
            operands = w.amounts[w.tasks[task].operands, tile]
        if duration or operands >= 0:
            make_ready(w, tile, new_job(w, row, duration, operands))
        else:
            end_task(w, row, tile)
    elif kind == COLLECTIVE:
        if w.tasks[task].schedules < 0:  # a token tile with no tokens left
            end_task(w, row, tile)
        else:
            open_phase(w, tile, w.tasks[task].phase)
            join(w, r, row, task, tile)
    elif w.tasks[task].table >= 0:
        join_multicast(w, row, task, tile)
    else:
        move(w, row, task, tile)


@compiled
def joined(w, row, group):
    """One member more of a group is ready: the flight, once all are, else -1."""
    flight = row * w.run[0].groups + w.groups[group].number
    count = w.flights[flight].joined + 1
    if count < w.groups[group].members_end - w.groups[group].members:
        w.flights[flight].joined = count
        return -1
    w.flights[flight].joined = 0
    w.flights[flight].row = row
    return flight


@compiled
def join(w, r, row, task, tile):
    """A member of a collective is ready; the last one lets it begin."""
    group = w.group_of[w.tasks[task].table, tile]
    flight = joined(w, row, group)
    if flight < 0:
        return
    schedule = w.tasks[task].schedules + w.groups[group].number
    w.flights[flight].schedule = schedule
    w.flights[flight].mode = GATHERING
    members, phase = w.schedules[schedule].members, w.tasks[task].phase
    count = w.schedules[schedule].members_end - members
    for place in range(count):
        begin_activity(w, w.lists[members + place], EXCHANGING, phase)
    if w.schedules[schedule].stages_end == w.schedules[schedule].stages or not claim(w, r, flight):
        w.flights[flight].mode = PLAYED
        for place in range(count):
            enter_stage(w, flight, place, w.lists[members + place], 0)


@compiled
def move(w, row, task, tile):
    """A tile is ready to read or write its own bytes through its port."""
    phase = w.tasks[task].phase
    if w.amounts[w.tasks[task].amount, tile] < 0:
        begin_activity(w, tile, MOVING, phase)
        end_activity(w, tile, MOVING)
        end_task(w, row, tile)
        return
    party = w.tasks[task].party
    if party < 0:
        move_tile(w, row, task, tile)
        return
    channel = w.port_of[tile]
    w.stage[row, tile] = 1
    ready = w.ready[row, channel] + 1
    w.ready[row, channel] = ready
    if ready == w.party[party, channel]:
        w.ready[row, channel] = 0
        for place in range(w.ports[channel].tiles, w.ports[channel].tiles_end):
            other = w.lists[place]
            if w.amounts[w.tasks[task].amount, other] >= 0:
                move_tile(w, row, task, other)


@compiled
def move_tile(w, row, task, tile):
    """A tile's bytes set out."""
    begin_activity(w, tile, MOVING, w.tasks[task].phase)
    w.stage[row, tile] = 0
    size = w.amounts[w.tasks[task].amount, tile]
    way = 0 if w.tasks[task].kind == READ else 2
    w.owed[row, tile] = w.sizes[size].count
    send(
        w, row, w.ways[tile, way], w.ways[tile, way + 1], size, w.tasks[task].stream, TO_TILE, row, -1, tile, 0, 0,
        tile, 0,
    )  # fmt: skip


@compiled
def join_multicast(w, row, task, tile):
    """A member of a group that reads the same is ready; the last one lets the read begin."""
    group = w.group_of[w.tasks[task].table, tile]
    flight = joined(w, row, group)
    if flight < 0:
        return
    members, members_end = w.groups[group].members, w.groups[group].members_end
    for place in range(members, members_end):
        begin_activity(w, w.lists[place], MOVING, w.tasks[task].phase)
    trees = w.tasks[task].trees + w.groups[group].number
    first, end = w.lists[trees], w.lists[trees + 1]
    owed = 0
    for tree in range(first, end):
        owed += w.sizes[w.trees[tree].share].count
    for place in range(members, members_end):
        member = w.lists[place]
        if owed:
            w.owed[row, member] = owed
        else:
            end_activity(w, member, MOVING)
            end_task(w, row, member)
    for tree in range(first, end):
        send(
            w, row, w.trees[tree].route, 2, w.trees[tree].share, w.tasks[task].stream, TO_MEMBER, row, -1, -1, 0, 0,
            w.trees[tree].source, 0,
        )  # fmt: skip


@compiled
def arrived(w, row, tile):
    """A segment of a DRAM task has landed at the tile whose task it is, or at a member of its group."""
    owed = w.owed[row, tile] - 1
    w.owed[row, tile] = owed
    if not owed:
        end_activity(w, tile, MOVING)
        end_task(w, row, tile)
