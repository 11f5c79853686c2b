"""The fingerprint of a package's state, relative to now and to the next body: equal states have equal ones.

Everything on which the future depends is mixed into two sums of 64 bits, entry by entry, in no particular order; what
stands in an order (queues) brings its place along. Left out: levels of SRAM, which `folding` checks by themselves, and
whatever only adds up. Two different states would have to agree in 128 bits to be taken for one.
"""

import numpy as np

from hecasim.sim.fast.claims import is_claimed
from hecasim.sim.fast.jit import compiled
from hecasim.sim.fast.lanes import release
from hecasim.sim.fast.tables import COMPUTED, LEAVES, REACHES, ROUSES, STREAMS, WHAT_BITS
from hecasim.sim.fast.times import pass_to

FIRST, SECOND = np.int64(-7046029254386353131), np.int64(-4417276706812531889)
"""Odd numbers without a pattern in their bits (of splitmix64)."""
IN_AGENDA, ON_LANE, ON_CORE, IN_READY, FOR_SPACE, ON_TILE, BODY, TASK, PART, PARKED, COUNTER, GATE, LED = range(1, 14)


@compiled
def stir(mixed, value, factor):
    """Mix a number into another one."""
    mixed = (mixed ^ value) * factor
    return mixed ^ (mixed >> 29) ^ (mixed << 21)


@compiled
def fingerprint(w, sums):
    """Write the two sums of the present state into *sums*."""
    now, base = w.clock[0].now, w.run[0].next_body
    release_expired(w, now)
    sums[0] = 0
    sums[1] = 0
    for factor_number in range(2):
        factor = FIRST if factor_number == 0 else SECOND
        total = agenda_sum(w, now, base, factor) + lanes_sum(w, now, base, factor) + tiles_sum(w, now, base, factor)
        total += bodies_sum(w, now, base, factor)
        sums[factor_number] = total + scheduler_sum(w, now, base, factor)


@compiled
def release_expired(w, now):
    """Lanes whose claim is over for all but the books, and time that has passed on every tile, are booked."""
    for lane in range(len(w.lanes)):
        if w.lanes[lane].owner >= 0 and w.lanes[lane].owned_until < now:
            release(w, lane)
    for tile in range(w.run[0].tiles):
        pass_to(w, tile, now)


@compiled
def row_name(w, mixed, row, base, factor):
    """Mix in which task of which body a row is."""
    slot = row // w.run[0].per_body
    mixed = stir(mixed, w.slots[slot].index - base, factor)
    return stir(mixed, row - slot * w.run[0].per_body, factor)


@compiled
def segment_name(w, mixed, segment, base, factor):
    """Mix in all of a segment but when it asked."""
    record = w.segments[segment]
    mixed = row_name(w, mixed, record.row, base, factor)
    mixed = stir(mixed, record.step << 32 ^ record.number, factor)
    mixed = stir(mixed, record.source << 20 ^ record.hop, factor)
    mixed = stir(mixed, record.route << 8 ^ record.stream, factor)
    mixed = stir(mixed, record.cut << 4 ^ record.hears, factor)
    mixed = stir(mixed, record.held_ps, factor)
    mixed = stir(mixed, record.extra_ps, factor)
    mixed = stir(mixed, record.pattern, factor)
    return stir(mixed, record.note, factor)


@compiled
def flight_name(w, mixed, flight, now, base, factor):
    """Mix in a claimed collective."""
    mixed = row_name(w, mixed, w.flights[flight].row, base, factor)
    mixed = stir(mixed, w.flights[flight].schedule, factor)
    mixed = stir(mixed, w.flights[flight].started_at - now, factor)
    return stir(mixed, w.flights[flight].leaver, factor)


@compiled
def agenda_sum(w, now, base, factor):
    """All that is to happen."""
    total = 0
    for place in range(w.clock[0].agenda):
        entry = w.agenda[place].what
        what, argument = entry & ((1 << WHAT_BITS) - 1), entry >> WHAT_BITS
        mixed = stir(IN_AGENDA, (w.agenda[place].time - now) << WHAT_BITS | what, factor)
        if what == LEAVES:
            mixed = flight_name(w, mixed, argument, now, base, factor)
        elif what in (ROUSES, COMPUTED):
            mixed = stir(mixed, argument, factor)
        elif what == REACHES:
            tiles = w.run[0].tiles
            mixed = stir(row_name(w, mixed, argument // tiles, base, factor), argument % tiles, factor)
        else:
            mixed = segment_name(w, mixed, argument, base, factor)
        total += mixed
    return total


@compiled
def lanes_sum(w, now, base, factor):
    """Lanes with their queues, and whose they are."""
    total = 0
    for lane in range(len(w.lanes)):
        record = w.lanes[lane]
        if record.owner >= 0:
            mixed = stir(stir(ON_LANE, lane, factor), record.place, factor)
            total += flight_name(w, mixed, record.owner, now, base, factor)
            continue
        busy = max(0, record.free_at - now)
        if not busy and not record.pointer and not record.waiting:
            continue
        mixed = stir(stir(stir(ON_LANE, lane, factor), busy, factor), record.pointer, factor)
        total += mixed
        if record.waiting:
            total += queues_sum(w, lane, mixed, now, base, factor)
    return total


@compiled
def queues_sum(w, lane, begin, now, base, factor):
    """Who waits for a lane, in order."""
    total = 0
    for stream in range(STREAMS):
        mixed, segment = stir(begin, stream, factor), w.queues[lane, stream, 0]
        while segment >= 0:
            mixed = segment_name(w, stir(mixed, w.segments[segment].asked_ps - now, factor), segment, base, factor)
            segment = w.segments[segment].following
        total += mixed
    return total


@compiled
def job_name(w, mixed, job, base, factor):
    """Mix in a job of a core."""
    mixed = row_name(w, mixed, w.jobs[job].row, base, factor)
    return stir(stir(mixed, w.jobs[job].pattern, factor), w.jobs[job].message, factor)


@compiled
def tiles_sum(w, now, base, factor):
    """What every tile is at: its core, who waits for its core or its SRAM, and what its time counts as."""
    total = 0
    for tile in range(w.run[0].tiles):
        record = w.tiles[tile]
        active = (record.computing << 40) + (record.exchanging << 20) + record.moving
        mixed = stir(stir(stir(ON_TILE, tile, factor), record.phase, factor), active, factor)
        if record.busy:
            mixed = job_name(w, stir(mixed, record.free_at - now, factor), record.job, base, factor)
            mixed = stir(mixed, record.operands_left << 1 | record.starved, factor)
        total += mixed
        job = record.ready
        while job >= 0:
            mixed = stir(stir(IN_READY, tile, factor), w.jobs[job].asked_ps - now, factor)
            total += job_name(w, mixed, job, base, factor)
            job = w.jobs[job].following
        entrant = record.waiting
        while entrant >= 0:
            mixed = stir(stir(FOR_SPACE, tile, factor), w.entrants[entrant].ready_ps - now, factor)
            total += row_name(w, mixed, w.entrants[entrant].row, base, factor)
            entrant = w.entrants[entrant].following
    return total


@compiled
def bodies_sum(w, now, base, factor):
    """The bodies in flight, task by task and tile by tile."""
    total = 0
    for slot in range(1, len(w.slots)):
        if not w.slots[slot].alive:
            continue
        mixed = stir(stir(BODY, w.slots[slot].index - base, factor), w.slots[slot].kind, factor)
        total += stir(stir(mixed, w.slots[slot].tasks_left, factor), w.slots[slot].leading, factor)
        for counter in range(w.counters.shape[1]):
            if w.counters[slot, counter]:
                mixed = stir(stir(COUNTER, w.slots[slot].index - base, factor), counter, factor)
                total += stir(mixed, w.counters[slot, counter], factor)
        first = slot * w.run[0].per_body
        for row in range(first, first + w.kinds[w.slots[slot].kind].count):
            if w.rows[row].left:
                total += task_sum(w, row, now, base, factor)
    return total


@compiled
def task_sum(w, row, now, base, factor):
    """How far a task is on every tile and in every group, and since when it could start."""
    name = row_name(w, TASK, row, base, factor)
    mixed = stir(name, w.rows[row].left, factor)
    if w.rows[row].first_ps >= 0:
        mixed = stir(mixed, w.rows[row].first_ps - now, factor)
    for cause in (w.rows[row].cause, w.rows[row].earlier):
        mixed = stir(mixed, w.causes[cause].released_ps - now if cause >= 0 else 1, factor)
    total = mixed
    for tile in range(w.run[0].tiles):
        if w.done[row, tile]:
            continue
        mixed = stir(name, tile, factor)
        mixed = stir(mixed, (w.waits[row, tile] << 48) + (w.owed[row, tile] << 16) + w.stage[row, tile], factor)
        if w.started[row, tile] >= 0:
            mixed = stir(mixed, w.started[row, tile] - now, factor)
        total += mixed
        parking = w.parked[row, tile]
        while parking >= 0:
            mixed = stir(stir(PARKED, w.parkings[parking].pattern, factor), w.parkings[parking].message, factor)
            total += stir(row_name(w, mixed, row, base, factor), tile, factor)
            parking = w.parkings[parking].following
    groups = w.run[0].groups
    for flight in range(row * groups, (row + 1) * groups):
        if w.flights[flight].joined or is_claimed(w, flight):
            mixed = stir(stir(PART, flight - row * groups, factor), w.flights[flight].joined, factor)
            total += stir(row_name(w, mixed, row, base, factor), w.flights[flight].mode, factor)
    return total


@compiled
def scheduler_sum(w, now, base, factor):
    """Which bodies are over, and what let the last one be issued."""
    run, mask = w.run[0], len(w.led) - 1
    total = stir(LED, run.led - base, factor)
    for ahead in range(len(w.led)):
        if w.led[(run.led + ahead) & mask]:
            total += stir(stir(LED, run.led + ahead - base, factor), 1, factor)
    if run.gate_cause >= 0:
        mixed = stir(stir(GATE, run.gate_body - base, factor), run.gate_number, factor)
        total += stir(mixed, w.causes[run.gate_cause].released_ps - now, factor)
    return total
