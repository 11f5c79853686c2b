"""The fingerprint of a package's state, relative to now and to the next body: equal states have equal ones.

Everything on which the future depends is mixed into two sums of 64 bits, entry by entry, in no particular order; what
stands in an order (queues) brings its place along. Left out: levels of SRAM, which `folding` checks by themselves, and
whatever only adds up. Two different states would have to agree in 128 bits to be taken for one.
"""

import numpy as np

from hecasim.sim.fast.jit import compiled, entry
from hecasim.sim.fast.lanes import release
from hecasim.sim.fast.rooms import take_peaks
from hecasim.sim.fast.tables import CLAIMED, COMPUTED, DISTURBED, LEAVES, REACHES, ROUSES, STREAMS, WHAT_BITS
from hecasim.sim.fast.times import pass_to

FIRST, SECOND = np.int64(-7046029254386353131), np.int64(-4417276706812531889)
"""Odd numbers without a pattern in their bits (of splitmix64)."""
(IN_AGENDA, ON_LANE, IN_READY, FOR_SPACE, ON_TILE, BODY, TASK, PART, PARKED, COUNTER, GATE, LED, YES, NO, WAITER) = (
    np.int64(number) for number in range(1, 16)
)
"""What a number is about."""


@compiled
def stir(mixed, value, factor):
    """Mix a number into another one."""
    mixed = (mixed ^ value) * factor
    return mixed ^ (mixed >> 29) ^ (mixed << 21)


@entry
def fingerprint(w, sums, timed):
    """Write the two sums of the present state into *sums*; with *timed* 0 for 1, of all of it but picoseconds."""
    now, base = w.clock[0].now, w.run[0].next_body
    book_what_is_past(w, now)
    for number in range(2):
        factor = FIRST if number == 0 else SECOND
        total = agenda_sum(w, now, base, factor, timed) + lanes_sum(w, now, base, factor, timed)
        total += tiles_sum(w, now, base, factor, timed) + bodies_sum(w, now, base, factor, timed)
        sums[number] = total + scheduler_sum(w, now, base, factor, timed)


@compiled
def book_what_is_past(w, now):
    """Lanes whose claim is over for all but the books, time that has passed on every tile, and its levels."""
    lanes = w.lanes
    for number in range(w.lanes_length):
        lane = lanes[number]
        if lane.owner >= 0 and lane.owned_until < now:
            release(w, lane)
    for number in range(w.run[0].tiles):
        pass_to(w, number, now)
        take_peaks(w, number)


@compiled
def row_name(w, mixed, row, base, factor):
    """Mix in which task of which body a row is."""
    per_body = w.run[0].per_body
    slot = row // per_body
    return stir(stir(mixed, w.slots[slot].index - base, factor), row - slot * per_body, factor)


@compiled
def segment_name(w, mixed, number, base, factor):
    """Mix in all of a segment but when it asked."""
    segment = w.segments[number]
    mixed = row_name(w, mixed, segment.row, base, factor)
    mixed = stir(mixed, segment.step << 32 ^ segment.number, factor)
    mixed = stir(mixed, segment.source << 20 ^ segment.hop, factor)
    mixed = stir(mixed, segment.route << 8 ^ segment.stream, factor)
    mixed = stir(mixed, segment.cut, factor)
    mixed = stir(mixed, segment.held_ps, factor)
    mixed = stir(mixed, segment.extra_ps, factor)
    mixed = stir(mixed, segment.pattern, factor)
    return stir(mixed, segment.note, factor)


@compiled
def flight_name(w, mixed, number, now, base, factor, timed):
    """Mix in a claimed collective."""
    flight = w.flights[number]
    mixed = stir(row_name(w, mixed, flight.row, base, factor), flight.schedule, factor)
    return stir(stir(mixed, timed * (flight.started_at - now), factor), flight.leaver, factor)


@compiled
def agenda_sum(w, now, base, factor, timed):
    """All that is to happen."""
    agenda, events, total = w.agenda, w.events, 0
    for place in range(w.clock[0].agenda):
        one = w.instants[agenda[place].instant].first
        while one >= 0:
            total += event_sum(w, timed * (agenda[place].time - now), events[one].what, now, base, factor, timed)
            one = events[one].following
    return total


@compiled
def event_sum(w, ahead, entry, now, base, factor, timed):
    """One thing that is to happen."""
    what, argument, tiles = entry & ((1 << WHAT_BITS) - 1), entry >> WHAT_BITS, w.run[0].tiles
    mixed = stir(IN_AGENDA, ahead << WHAT_BITS | what, factor)
    if what == LEAVES:
        return flight_name(w, mixed, argument, now, base, factor, timed)
    if what in (ROUSES, COMPUTED):
        return stir(mixed, argument, factor)
    if what == REACHES:
        return stir(row_name(w, mixed, argument // tiles, base, factor), argument % tiles, factor)
    return segment_name(w, mixed, argument, base, factor)


@compiled
def lanes_sum(w, now, base, factor, timed):
    """Lanes with their queues, and whose they are."""
    lanes, total = w.lanes, 0
    for number in range(w.lanes_length):
        lane = lanes[number]
        busy = max(0, lane.free_at - now)
        if lane.owner >= 0:
            mixed = stir(stir(ON_LANE, number, factor), lane.place, factor)
            total += flight_name(w, mixed, lane.owner, now, base, factor, timed)
        elif busy or lane.pointer or lane.waiting:
            busy = min(busy, 1) + timed * busy
            mixed = stir(stir(stir(ON_LANE, number, factor), busy, factor), lane.pointer, factor)
            total += mixed
            if lane.waiting:
                total += queues_sum(w, number, mixed, now, base, factor, timed)
    return total


@compiled
def queues_sum(w, lane, begin, now, base, factor, timed):
    """Who waits for a lane, in order."""
    segments, total = w.segments, 0
    for stream in range(STREAMS):
        mixed, number = stir(begin, stream, factor), w.queues[lane, stream, 0]
        while number >= 0:
            asked = timed * (segments[number].asked_ps - now)
            mixed = segment_name(w, stir(mixed, asked, factor), number, base, factor)
            number = segments[number].following
        total += mixed
    return total


@compiled
def job_name(w, mixed, number, base, factor):
    """Mix in a job of a core."""
    job = w.jobs[number]
    return stir(stir(row_name(w, mixed, job.row, base, factor), job.pattern, factor), job.message, factor)


@compiled
def tiles_sum(w, now, base, factor, timed):
    """What every tile is at: its core, who waits for its core or its SRAM, and what its time counts as."""
    tiles, jobs, entrants, total = w.tiles, w.jobs, w.entrants, 0
    for number in range(w.run[0].tiles):
        tile = tiles[number]
        active = (tile.computing << 40) + (tile.exchanging << 20) + tile.moving
        mixed = stir(stir(stir(ON_TILE, number, factor), tile.phase, factor), active, factor)
        if tile.busy:
            mixed = job_name(w, stir(mixed, timed * (tile.free_at - now), factor), tile.job, base, factor)
            mixed = stir(mixed, tile.operands_left << 1 | tile.starved, factor)
        total += mixed
        job = tile.ready
        while job >= 0:
            mixed = stir(stir(IN_READY, number, factor), timed * (jobs[job].asked_ps - now), factor)
            total += job_name(w, mixed, job, base, factor)
            job = jobs[job].following
        one = tile.waiting
        while one >= 0:
            mixed = stir(stir(FOR_SPACE, number, factor), timed * (entrants[one].ready_ps - now), factor)
            total += row_name(w, mixed, entrants[one].row, base, factor)
            one = entrants[one].following
    return total


@compiled
def bodies_sum(w, now, base, factor, timed):
    """The bodies in flight, task by task and tile by tile."""
    slots, counters, per_body, total = w.slots, w.counters, w.run[0].per_body, 0
    for number in range(1, w.slots_length):
        slot = slots[number]
        if not slot.alive:
            continue
        name = stir(stir(BODY, slot.index - base, factor), w.kinds[slot.kind].shape, factor)
        total += stir(stir(name, slot.tasks_left, factor), slot.leading, factor)
        for counter in range(w.counters_width):
            if counters[number, counter]:
                total += stir(stir(stir(COUNTER, name, factor), counter, factor), counters[number, counter], factor)
        for row in range(number * per_body, number * per_body + w.kinds[slot.kind].count):
            if w.rows[row].left:
                total += task_sum(w, row, now, base, factor, timed)
    return total


@compiled
def task_sum(w, number, now, base, factor, timed):
    """How far a task is on every tile and in every group, and since when it could start."""
    row, causes, name = w.rows[number], w.causes, row_name(w, TASK, number, base, factor)
    total = stir(name, row.left, factor)
    if row.first_ps >= 0:
        total = stir(total, timed * (row.first_ps - now), factor)
    for cause in (row.cause, row.earlier):
        total = stir(total, timed * (causes[cause].released_ps - now) if cause >= 0 else NO, factor)
    outsider = row.outside
    while outsider >= 0:
        total += row_name(w, stir(WAITER, name, factor), w.outsiders[outsider].row, base, factor)
        outsider = w.outsiders[outsider].following
    waits, owed, stage, started, parked = w.waits, w.owed, w.stage, w.started, w.parked
    for tile in range(w.run[0].tiles):
        if w.done[number, tile]:
            continue
        mixed = stir(stir(name, tile, factor), waits[number, tile] << 32 | owed[number, tile], factor)
        if started[number, tile] >= 0:
            mixed = stir(stir(mixed, timed * (started[number, tile] - now), factor), stage[number, tile], factor)
        total += mixed
        one = parked[number, tile]
        while one >= 0:
            parking = w.parkings[one]
            mixed = stir(stir(PARKED, parking.pattern, factor), parking.message, factor)
            total += stir(stir(mixed, name, factor), tile, factor)
            one = parking.following
    flights, groups = w.flights, w.run[0].groups
    for group in range(groups):
        flight = flights[number * groups + group]
        if flight.joined or flight.mode in (CLAIMED, DISTURBED):
            mixed = stir(stir(PART, name, factor), group, factor)
            total += stir(stir(mixed, flight.joined, factor), flight.mode, factor)
    return total


@compiled
def scheduler_sum(w, now, base, factor, timed):
    """Which bodies are over, and what let the last one be issued."""
    run, led, mask = w.run[0], w.led, w.led_length - 1
    total = stir(LED, run.led - base, factor)
    for ahead in range(w.led_length):
        if led[(run.led + ahead) & mask]:
            total += stir(stir(LED, run.led + ahead - base, factor), YES, factor)
    if run.gate_cause >= 0:
        mixed = stir(stir(GATE, run.gate_body - base, factor), run.gate_number, factor)
        total += stir(mixed, timed * (w.causes[run.gate_cause].released_ps - now), factor)
    return total
