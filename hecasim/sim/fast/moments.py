"""Moments: every picosecond in a package's state on which the future depends, by name, and how it is moved.

What this must keep: names are those of the fingerprint without picoseconds, so that moments of two equal structures can
be told to be the same; both functions here come by the same moments in the same order. When a lane was free last counts
too: what moves may come to lie ahead. Causes are left to `drifting`, which has their places; what lies in the past and
is only asked whether it is now is left out.
"""

from hecasim.sim.fast.fingerprint import (
    FIRST,
    FOR_SPACE,
    IN_READY,
    ON_LANE,
    ON_TILE,
    TASK,
    event_sum,
    job_name,
    row_name,
    segment_name,
    stir,
)
from hecasim.sim.fast.jit import compiled, entry, inlined
from hecasim.sim.fast.tables import NONE, STREAMS, ZERO

ALONE = NONE
"""In place of an instant: a moment that shares none."""


@entry
def list_moments(w, names, values, instants):
    """Write name, distance from now and instant (or ALONE) of every moment; how many there are."""
    return all_moments(w, names, values, instants, False)


@entry
def move_moments(w, values):
    """Move every moment by so many picoseconds, given in the order in which they are listed."""
    all_moments(w, values, values, values, True)
    recent = w.recent
    for place in range(w.recent_length):
        recent[place] = -1


@inlined
def moment(names, values, instants, moving, place, name, instant, time, now):
    """List one moment, or move it; when it is then."""
    if moving:
        return time + values[place]
    names[place] = name
    values[place] = time - now
    instants[place] = instant
    return time


@compiled
def all_moments(w, names, values, instants, moving):
    """All of them, one after the other."""
    place = agenda_moments(w, names, values, instants, moving, ZERO)
    place = lane_moments(w, names, values, instants, moving, place)
    place = tile_moments(w, names, values, instants, moving, place)
    return task_moments(w, names, values, instants, moving, place)


@compiled
def agenda_moments(w, names, values, instants, moving, place):
    """All that is to happen; what happens in one picosecond is moved together."""
    agenda, events, now, base = w.agenda, w.events, w.clock[0].now, w.run[0].next_body
    for at in range(w.clock[0].agenda):
        time = agenda[at].time
        one = w.instants[agenda[at].instant].first
        while one >= 0:
            name = ZERO if moving else event_sum(w, ZERO, events[one].what, now, base, FIRST, ZERO)
            agenda[at].time = moment(names, values, instants, moving, place, name, at, time, now)
            place += 1
            one = events[one].following
        w.instants[agenda[at].instant].time = agenda[at].time
    return place


@compiled
def lane_moments(w, names, values, instants, moving, place):
    """When lanes fall free, and since when segments wait for them."""
    now, base, segments = w.clock[0].now, w.run[0].next_body, w.segments
    for number in range(w.lanes_length):
        lane = w.lanes[number]
        name = stir(ON_LANE, number, FIRST)
        lane.free_at = moment(names, values, instants, moving, place, name, ALONE, lane.free_at, now)
        place += 1
        if not lane.waiting:
            continue
        for stream in range(STREAMS):
            one = w.queues[number, stream, 0]
            while one >= 0:
                name = ZERO if moving else segment_name(w, stir(ON_LANE, number, FIRST), one, base, FIRST)
                segments[one].asked_ps = moment(names, values, instants, moving, place, name, ALONE,
                                                segments[one].asked_ps, now)  # fmt: skip
                place += 1
                one = segments[one].following
    return place


@compiled
def tile_moments(w, names, values, instants, moving, place):
    """When cores fall free, since when jobs and tasks wait, and since when a tile is at what it is at."""
    now, base, jobs, entrants = w.clock[0].now, w.run[0].next_body, w.jobs, w.entrants
    for number in range(w.run[0].tiles):
        tile, name = w.tiles[number], stir(ON_TILE, number, FIRST)
        tile.since = moment(names, values, instants, moving, place, name, ALONE, tile.since, now)
        place += 1
        if tile.busy:
            name = stir(name, tile.busy, FIRST)
            tile.free_at = moment(names, values, instants, moving, place, name, ALONE, tile.free_at, now)
            place += 1
        one = tile.ready
        while one >= 0:
            name = job_name(w, stir(IN_READY, number, FIRST), one, base, FIRST)
            jobs[one].asked_ps = moment(names, values, instants, moving, place, name, ALONE, jobs[one].asked_ps, now)
            place += 1
            one = jobs[one].following
        one = tile.waiting
        while one >= 0:
            entrant = entrants[one]
            name = row_name(w, stir(FOR_SPACE, number, FIRST), entrant.row, base, FIRST)
            entrant.ready_ps = moment(names, values, instants, moving, place, name, ALONE, entrant.ready_ps, now)
            place += 1
            one = entrant.following
    return place


@compiled
def task_moments(w, names, values, instants, moving, place):
    """When tasks in flight have begun, first of all and on every tile."""
    now, base, per_body, started = w.clock[0].now, w.run[0].next_body, w.run[0].per_body, w.started
    for slot in range(1, w.slots_length):
        if not w.slots[slot].alive:
            continue
        for number in range(slot * per_body, slot * per_body + w.kinds[w.slots[slot].kind].count):
            row, name = w.rows[number], row_name(w, TASK, number, base, FIRST)
            if not row.left:
                continue
            if row.first_ps >= 0:
                row.first_ps = moment(names, values, instants, moving, place, name, ALONE, row.first_ps, now)
                place += 1
            for tile in range(w.run[0].tiles):
                if not w.done[number, tile] and started[number, tile] >= 0:
                    started[number, tile] = moment(names, values, instants, moving, place, stir(name, tile, FIRST),
                                                   ALONE, started[number, tile], now)  # fmt: skip
                    place += 1
    return place
