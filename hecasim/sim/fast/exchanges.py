"""Collectives in flight, message by message, as `hecasim.sim.exchange` defines them.

A ring knows its messages by their step and sender, a chain by their step and edge; other patterns are graphs written
out as tables: what each member sends at first, and what follows when a message, or the last of several awaited
together, has arrived.
"""

from hecasim.sim.fast.cores import make_ready, new_job
from hecasim.sim.fast.ending import end_task
from hecasim.sim.fast.jit import compiled, inlined
from hecasim.sim.fast.lanes import free_segment, request, send
from hecasim.sim.fast.tables import CHAIN, GRAPH, NONE, PLAYED, REHEARSED, RING, ZERO
from hecasim.sim.fast.times import EXCHANGING, end_activity

COLLECTIVE_STREAM = ZERO


@compiled
def enter_stage(w, flight, place, tile, number):
    """A member comes to a stage: it sends what waits for nothing, and hears what has come before it."""
    row, schedule, lists = w.flights[flight].row, w.schedules[w.flights[flight].schedule], w.lists
    while True:
        w.stage[row, tile] = number
        if schedule.stages + number == schedule.stages_end:
            leave(w, flight, row, place, tile)
            return
        stage = w.stages[schedule.stages + number]
        owed = lists[stage.owed + place]
        if owed:
            parts = stage.parts + place
            for part in range(lists[parts], lists[parts + 1], 2):
                open_pattern(w, flight, row, lists[part], lists[part + 1])
            owed -= hear_parked(w, flight, row, tile, stage)
        w.owed[row, tile] = owed
        if owed:
            return
        number += 1


@compiled
def leave(w, flight_number, row, place, tile):
    """A member has sent and received everything."""
    flight = w.flights[flight_number]
    if flight.mode == PLAYED:
        end_activity(w, tile, EXCHANGING)
        end_task(w, row, tile)
    elif flight.mode == REHEARSED:
        w.results[w.outcomes[w.schedules[flight.schedule].outcome].ends + place] = w.clock[0].now


@compiled
def open_pattern(w, flight, row, pattern_number, position):
    """What a member sends as soon as it starts."""
    pattern, lists = w.patterns[pattern_number], w.lists
    if pattern.kind == RING:
        send_message(w, flight, row, pattern, pattern_number, position)
        return
    for place in range(lists[pattern.opening + position], lists[pattern.opening + position + 1]):
        send_message(w, flight, row, pattern, pattern_number, lists[place])


@inlined
def send_message(w, flight, row, pattern, pattern_number, number):
    """A member sends a message."""
    step = step_of(w, pattern, number)
    source, target = ends_of(w, pattern, number, step)
    send_from(w, flight, row, pattern, pattern_number, number, source, target, step)


@inlined
def send_from(w, flight, row, pattern, pattern_number, number, source, target, step):
    """The same for a message whose ends and step are known."""
    size, edge, extra = pattern.size, source, ZERO
    if pattern.kind == GRAPH:
        message = w.messages[pattern.messages + number]
        edge = message.edge
        if message.size >= 0:
            size, extra = message.size, message.extra_ps
        elif message.adds:
            extra = pattern.extra_ps
    else:
        if pattern.kind == CHAIN:
            edge = source if source < target else pattern.count - 1 + target
        if step < pattern.reduce_steps:
            extra = pattern.extra_ps
    way = pattern.edges + 2 * edge
    send(
        w, row, w.lists[way], w.lists[way + 1], size, COLLECTIVE_STREAM, flight, pattern_number, number, step,
        pattern.number * w.sizes[size].count, name_of(w, pattern, source, target), extra,
    )  # fmt: skip


@inlined
def name_of(w, pattern, source, target):
    """What tells messages of one step apart: the tiles of their sender and receiver."""
    return w.lists[pattern.members + source] * w.run[0].tiles + w.lists[pattern.members + target]


@inlined
def step_of(w, pattern, number):
    """The step of a message."""
    if pattern.kind == RING:
        return number // pattern.count
    if pattern.kind == CHAIN:
        return number // (2 * pattern.count - 2)
    return w.messages[pattern.messages + number].step


@inlined
def ends_of(w, pattern, number, step):
    """(position of the sender, of the receiver) of a message whose step is known."""
    if pattern.kind == RING:
        source = number - step * pattern.count
        return source, (source + 1 if source + 1 < pattern.count else ZERO)
    if pattern.kind == CHAIN:
        up = pattern.count - 1
        edge = number - step * 2 * up
        return (edge, edge + 1) if edge < up else (edge - up + 1, edge - up)
    message = w.messages[pattern.messages + number]
    return message.source, message.target


@inlined
def landed_segment(w, number):
    """A segment of a collective is at the end of its route; the last one of a message brings it."""
    segment = w.segments[number]
    if segment.note >= 0:
        landed_message(w, number, segment.owner, segment.pattern, segment.note)
    else:
        free_segment(w, number)


@inlined
def landed_message(w, carrier, flight, pattern_number, number):
    """The last segment of a message tells its receiver and its sender; it carries on what goes on unchanged."""
    row, pattern, step = w.flights[flight].row, w.patterns[pattern_number], w.segments[carrier].step
    source, target = ends_of(w, pattern, number, step)
    tile = w.lists[pattern.members + target]
    if pattern.kind != CHAIN or w.sizes[pattern.size].count > 1:
        free_segment(w, carrier)
        carrier = NONE
    if w.stage[row, tile] == pattern.stage:
        if hear(w, flight, row, pattern, pattern_number, number, step, tile, carrier):
            settle(w, flight, row, tile)
    else:
        park(w, row, tile, pattern_number, number)
        drop(w, carrier)
    settle(w, flight, row, w.lists[pattern.members + source])


@inlined
def drop(w, carrier):
    """A segment that goes no further."""
    if carrier >= 0:
        free_segment(w, carrier)


@inlined
def settle(w, flight, row, tile):
    """One message less that a member owes or expects in its stage."""
    owed = w.owed[row, tile] - 1
    w.owed[row, tile] = owed
    if not owed:
        place = w.position_of[w.tasks[w.rows[row].task].table, tile]
        enter_stage(w, flight, place, tile, w.stage[row, tile] + 1)


@inlined
def hear(w, flight, row, pattern, pattern_number, number, step, tile, carrier):
    """A member has a message: it answers, unless its core must add it first; whether it has answered."""
    if pattern.sums and adds(w, pattern, number, step):
        size = size_of(w, pattern, number)
        duration, operands = w.sum_costs[size, 0], w.sum_costs[size, 1]
        if duration or operands >= 0:
            job = new_job(w, row, duration, operands)
            ask_for_sum(w, flight, pattern, pattern_number, number, step, tile, job)
            drop(w, carrier)
            return False
    answer(w, flight, row, pattern, pattern_number, number, step, carrier)
    return True


@inlined
def adds(w, pattern, number, step):
    """Whether a message brings a partial sum."""
    if pattern.kind != GRAPH:
        return step < pattern.reduce_steps
    return w.messages[pattern.messages + number].adds != 0


@compiled
def size_of(w, pattern, number):
    """The size of a message, by number."""
    if pattern.kind != GRAPH:
        return pattern.size
    size = w.messages[pattern.messages + number].size
    return size if size >= 0 else pattern.size


@inlined
def answer(w, flight, row, pattern, pattern_number, number, step, carrier):
    """What a member sends once a message is there, or the last of several that it awaits together."""
    if pattern.kind == RING:
        if step + 1 < pattern.steps:
            position = number - step * pattern.count + 1
            if position == pattern.count:
                position = ZERO
            following = position + 1 if position + 1 < pattern.count else ZERO
            later = (step + 1) * pattern.count + position
            send_from(w, flight, row, pattern, pattern_number, later, position, following, step + 1)
        return
    if pattern.kind == CHAIN:
        pass_along(w, flight, row, pattern, pattern_number, number, step, carrier)
        return
    join = w.joins[pattern.joins + w.messages[pattern.messages + number].join]
    if join.needs > 1:
        slot, counter = row // w.run[0].per_body, pattern.counters + join.counter
        arrived = w.counters[slot, counter] + 1
        if arrived < join.needs:
            w.counters[slot, counter] = arrived
            return
        w.counters[slot, counter] = 0
    for place in range(join.emits, join.emits_end):
        send_message(w, flight, row, pattern, pattern_number, w.lists[place])


@inlined
def pass_along(w, flight, row, pattern, pattern_number, number, step, carrier):
    """A chunk goes on along the chain; the last one of a broadcast lets the root of the round after the next begin."""
    source, target = ends_of(w, pattern, number, step)
    up, way, begins = pattern.count - 1, target - source, w.lists[pattern.roots + step] == target
    if pattern.reduce_steps and begins:
        drop(w, carrier)
        return
    if 0 <= target + way <= up:
        if carrier >= 0:
            carry_on(w, carrier, pattern, number + way, target, target + way)
        else:
            send_from(w, flight, row, pattern, pattern_number, number + way, target, target + way, step)
    else:
        drop(w, carrier)
    if begins:
        following = step // pattern.chunks + 2
        for later in range(following * pattern.chunks, (following + 1) * pattern.chunks):
            if target < up:
                send_message(w, flight, row, pattern, pattern_number, later * 2 * up + target)
            if target > 0:
                send_message(w, flight, row, pattern, pattern_number, later * 2 * up + up + target - 1)


@inlined
def carry_on(w, number, pattern, message, source, target):
    """A chunk's segment goes on itself, over the next edge."""
    segment, edge = w.segments[number], source if source < target else pattern.count - 1 + target
    way = pattern.edges + 2 * edge
    segment.route = w.lists[way]
    segment.stops = w.lists[way + 1]
    segment.hop = 0
    segment.held_ps = 0
    segment.note = message
    segment.source = name_of(w, pattern, source, target)
    request(w, number)


@compiled
def park(w, row, tile, pattern, message):
    """A message has come before its receiver is in its stage."""
    run = w.run[0]
    number = run.free_parking
    if number >= 0:
        run.free_parking = w.parkings[number].following
    else:
        number = run.parkings
        run.parkings = number + 1
    parking = w.parkings[number]
    parking.pattern = pattern
    parking.message = message
    parking.following = w.parked[row, tile]
    w.parked[row, tile] = number


@compiled
def hear_parked(w, flight, row, tile, stage):
    """Messages that came before their receiver: how many of them it has answered now."""
    run, parkings = w.run[0], w.parkings
    heard, last, here = 0, -1, w.parked[row, tile]
    while here >= 0:
        parking = parkings[here]
        following, pattern = parking.following, parking.pattern
        if stage.patterns <= pattern < stage.patterns_end:
            if last < 0:
                w.parked[row, tile] = following
            else:
                parkings[last].following = following
            parking.following = run.free_parking
            run.free_parking = here
            message, its = parking.message, w.patterns[pattern]
            if hear(w, flight, row, its, pattern, message, step_of(w, its, message), tile, NONE):
                heard += 1
        else:
            last = here
        here = following
    return heard


@compiled
def ask_for_sum(w, flight, pattern, pattern_number, number, step, tile, job_number):
    """The receiver's core adds what a message brings, at the place of the collective in the trace."""
    job = w.jobs[job_number]
    job.flight = flight
    job.pattern = pattern_number
    job.message = number
    job.stage = pattern.stage
    job.number = pattern.number
    job.step = step
    job.source, job.position = ends_of(w, pattern, number, step)
    make_ready(w, tile, job_number)


@compiled
def summed(w, number, tile):
    """A receiver's core has added what one message brought."""
    job = w.jobs[number]
    answer(w, job.flight, job.row, w.patterns[job.pattern], job.pattern, job.message, job.step, NONE)
    settle(w, job.flight, job.row, tile)
