"""Collectives in flight, message by message, as `hecasim.sim.exchange` defines them.

A ring knows its messages by their step and sender; other patterns are graphs written out as tables: what each member
sends at first, and what follows when a message, or the last of several awaited together, has arrived.
"""

from hecasim.sim.fast.cores import make_ready, new_job
from hecasim.sim.fast.ending import end_task
from hecasim.sim.fast.jit import compiled
from hecasim.sim.fast.lanes import send
from hecasim.sim.fast.tables import PLAYED, REHEARSED, RING, TO_EXCHANGE
from hecasim.sim.fast.times import EXCHANGING, end_activity

COLLECTIVE_STREAM = 0


@compiled
def enter_stage(w, flight, place, tile, stage):
    """A member comes to a stage: it sends what waits for nothing, and hears what has come before it."""
    row, schedule = w.flights[flight].row, w.flights[flight].schedule
    first = w.schedules[schedule].stages
    count = w.schedules[schedule].stages_end - first
    while True:
        w.stage[row, tile] = stage
        if stage == count:
            leave(w, flight, row, place, tile)
            return
        owed = w.lists[w.stages[first + stage].owed + place]
        if owed:
            parts = w.stages[first + stage].parts + place
            for part in range(w.lists[parts], w.lists[parts + 1], 2):
                open_pattern(w, flight, row, w.lists[part], w.lists[part + 1])
            owed -= hear_parked(w, flight, row, tile, first + stage)
        w.owed[row, tile] = owed
        if owed:
            return
        stage += 1


@compiled
def leave(w, flight, row, place, tile):
    """A member has sent and received everything."""
    if w.flights[flight].mode == PLAYED:
        end_activity(w, tile, EXCHANGING)
        end_task(w, row, tile)
    elif w.flights[flight].mode == REHEARSED:
        outcome = w.schedules[w.flights[flight].schedule].outcome
        w.results[w.outcomes[outcome].ends + place] = w.clock[0].now


@compiled
def open_pattern(w, flight, row, pattern, position):
    """What a member sends as soon as it starts."""
    if w.patterns[pattern].kind == RING:
        send_ring(w, flight, row, pattern, position, 0)
        return
    opening = w.patterns[pattern].opening + position
    for place in range(w.lists[opening], w.lists[opening + 1]):
        send_message(w, flight, row, pattern, w.lists[place])


@compiled
def send_ring(w, flight, row, pattern, position, step):
    """A member's message of a step to the next one in the ring."""
    size, number = w.patterns[pattern].size, w.patterns[pattern].number
    edge = w.patterns[pattern].edges + 2 * position
    extra = w.patterns[pattern].extra_ps if step < w.patterns[pattern].reduce_steps else 0
    send(
        w, row, w.lists[edge], w.lists[edge + 1], size, COLLECTIVE_STREAM, TO_EXCHANGE, flight, pattern,
        step * w.patterns[pattern].count + position, step, number * w.sizes[size].count,
        w.lists[w.patterns[pattern].members + position], extra,
    )  # fmt: skip


@compiled
def send_message(w, flight, row, pattern, message):
    """A message of a graph."""
    record = w.messages[w.patterns[pattern].messages + message]
    size, extra = record.size, record.extra_ps
    if size < 0:
        size = w.patterns[pattern].size
        extra = w.patterns[pattern].extra_ps if record.adds else 0
    edge = w.patterns[pattern].edges + 2 * record.edge
    send(
        w, row, w.lists[edge], w.lists[edge + 1], size, COLLECTIVE_STREAM, TO_EXCHANGE, flight, pattern,
        message, record.step, w.patterns[pattern].number * w.sizes[size].count,
        w.lists[w.patterns[pattern].members + record.source], extra,
    )  # fmt: skip


@compiled
def ends_of(w, pattern, message):
    """(position of the sender, of the receiver, step) of a message."""
    if w.patterns[pattern].kind == RING:
        count = w.patterns[pattern].count
        step = message // count
        source = message - step * count
        return source, (source + 1 if source + 1 < count else 0), step
    record = w.messages[w.patterns[pattern].messages + message]
    return record.source, record.target, record.step


@compiled
def landed_message(w, flight, pattern, message):
    """The last segment of a message tells its receiver and its sender."""
    row, stage = w.flights[flight].row, w.patterns[pattern].stage
    source, target, _ = ends_of(w, pattern, message)
    members = w.patterns[pattern].members
    tile = w.lists[members + target]
    if w.stage[row, tile] == stage:
        if hear(w, flight, row, pattern, message, tile):
            settle(w, flight, row, tile)
    else:
        park(w, row, tile, pattern, message)
    settle(w, flight, row, w.lists[members + source])


@compiled
def settle(w, flight, row, tile):
    """One message less that a member owes or expects in its stage."""
    owed = w.owed[row, tile] - 1
    w.owed[row, tile] = owed
    if not owed:
        place = w.position_of[w.tasks[w.rows[row].task].table, tile]
        enter_stage(w, flight, place, tile, w.stage[row, tile] + 1)


@compiled
def hear(w, flight, row, pattern, message, tile):
    """A member has a message: it answers, unless its core must add it first; whether it has answered."""
    if w.patterns[pattern].sums and adds(w, pattern, message):
        size = size_of(w, pattern, message)
        if w.sum_costs[size, 0] or w.sum_costs[size, 1] >= 0:
            ask_for_sum(w, flight, row, pattern, message, tile, size)
            return False
    answer(w, flight, row, pattern, message)
    return True


@compiled
def adds(w, pattern, message):
    """Whether a message brings a partial sum."""
    if w.patterns[pattern].kind == RING:
        return message < w.patterns[pattern].reduce_steps * w.patterns[pattern].count
    return w.messages[w.patterns[pattern].messages + message].adds != 0


@compiled
def size_of(w, pattern, message):
    """The size of a message, by number."""
    if w.patterns[pattern].kind == RING:
        return w.patterns[pattern].size
    size = w.messages[w.patterns[pattern].messages + message].size
    return size if size >= 0 else w.patterns[pattern].size


@compiled
def answer(w, flight, row, pattern, message):
    """What a member sends once a message is there, or the last of several that it awaits together."""
    if w.patterns[pattern].kind == RING:
        count = w.patterns[pattern].count
        step = message // count
        if step + 1 < w.patterns[pattern].steps:
            position = message - step * count + 1
            send_ring(w, flight, row, pattern, position if position < count else 0, step + 1)
        return
    join = w.patterns[pattern].joins + w.messages[w.patterns[pattern].messages + message].join
    needs = w.joins[join].needs
    if needs > 1:
        counter = w.patterns[pattern].counters + w.joins[join].counter
        slot = row // w.run[0].per_body
        arrived = w.counters[slot, counter] + 1
        if arrived < needs:
            w.counters[slot, counter] = arrived
            return
        w.counters[slot, counter] = 0
    for place in range(w.joins[join].emits, w.joins[join].emits_end):
        send_message(w, flight, row, pattern, w.lists[place])


@compiled
def park(w, row, tile, pattern, message):
    """A message has come before its receiver is in its stage."""
    run = w.run[0]
    parking = run.free_parking
    if parking >= 0:
        w.run[0].free_parking = w.parkings[parking].following
    else:
        parking = run.parkings
        w.run[0].parkings = parking + 1
    w.parkings[parking].pattern = pattern
    w.parkings[parking].message = message
    w.parkings[parking].following = w.parked[row, tile]
    w.parked[row, tile] = parking


@compiled
def hear_parked(w, flight, row, tile, stage_record):
    """Messages that came before their receiver: how many of them it has answered now."""
    heard, last, here = 0, -1, w.parked[row, tile]
    patterns, patterns_end = w.stages[stage_record].patterns, w.stages[stage_record].patterns_end
    while here >= 0:
        following, pattern = w.parkings[here].following, w.parkings[here].pattern
        if patterns <= pattern < patterns_end:
            if last < 0:
                w.parked[row, tile] = following
            else:
                w.parkings[last].following = following
            w.parkings[here].following = w.run[0].free_parking
            w.run[0].free_parking = here
            if hear(w, flight, row, pattern, w.parkings[here].message, tile):
                heard += 1
        else:
            last = here
        here = following
    return heard


@compiled
def ask_for_sum(w, flight, row, pattern, message, tile, size):
    """The receiver's core adds what a message brings, at the place of the collective in the trace."""
    source, target, step = ends_of(w, pattern, message)
    job = new_job(w, row, w.sum_costs[size, 0], w.sum_costs[size, 1])
    w.jobs[job].flight = flight
    w.jobs[job].pattern = pattern
    w.jobs[job].message = message
    w.jobs[job].stage = w.patterns[pattern].stage
    w.jobs[job].number = w.patterns[pattern].number
    w.jobs[job].step = step
    w.jobs[job].source = source
    w.jobs[job].position = target
    make_ready(w, tile, job)


@compiled
def summed(w, job, tile):
    """A receiver's core has added what one message brought."""
    flight, row, pattern = w.jobs[job].flight, w.jobs[job].row, w.jobs[job].pattern
    answer(w, flight, row, pattern, w.jobs[job].message)
    settle(w, flight, row, tile)
