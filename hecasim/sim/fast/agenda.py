"""The agenda of a world: what happens when, and the lists of who asks to be granted in this picosecond.

Equal tiles do equal things at equal instants, so the heap is one of instants, each with a list of what happens then, in
no order. A small table finds the instant of a time that was asked for lately; where it does not, there are two of one
time, which does no harm.
"""

import numpy as np

from hecasim.sim.fast.jit import compiled, inlined
from hecasim.sim.fast.prefetch import prefetch
from hecasim.sim.fast.tables import NONE, RECENT_BITS, WHAT_BITS, ZERO

NEVER = np.int64((1 << 63) - 1)
"""Of the places behind the last one of the heap, so that four can be compared wherever one is."""
BEYOND = np.int64(3)
"""So many of them."""
SPREAD = np.int64(-7046029254386353131)
"""An odd number without a pattern in its bits."""
RECENT_SHIFT, RECENT_MASK = np.int64(64 - RECENT_BITS), np.int64((1 << RECENT_BITS) - 1)


@inlined
def at(w, time, what, argument):
    """Let *what* happen to *argument* at picosecond *time*."""
    place = ((time * SPREAD) >> RECENT_SHIFT) & RECENT_MASK
    number = w.recent[place]
    if number < 0 or w.instants[number].time != time:
        number = new_instant(w, time)
        w.recent[place] = number
    clock, events, instant = w.clock[0], w.events, w.instants[number]
    one = clock.free_event
    if one >= 0:
        clock.free_event = events[one].following
    else:
        one = clock.events
        clock.events = one + 1
    events[one].what = (argument << WHAT_BITS) | what
    events[one].following = instant.first
    instant.first = one


@inlined
def new_instant(w, time):
    """A picosecond at which something is to happen, put into the heap."""
    clock, agenda = w.clock[0], w.agenda
    number = clock.free_instant
    if number >= 0:
        clock.free_instant = w.instants[number].first
    else:
        number = clock.instants
        clock.instants = number + 1
    w.instants[number].time = time
    w.instants[number].first = NONE
    place = clock.agenda
    clock.agenda = place + 1
    for beyond in range(place + 1, place + 1 + BEYOND):
        agenda[beyond].time = NEVER
    rise(w, place, time, number)
    return number


@inlined
def take_first(w):
    """What happens first, taken off the agenda."""
    clock, events, number = w.clock[0], w.events, w.agenda[0].instant
    instant = w.instants[number]
    one = instant.first
    following = events[one].following
    instant.first = following
    events[one].following = clock.free_event
    clock.free_event = one
    if following < 0:
        forget_instant(w, ZERO)
    else:
        prefetch(w.segments, events[following].what >> WHAT_BITS)
    return events[one].what


@inlined
def forget_instant(w, place):
    """Take an instant at which nothing happens any more out of the heap."""
    agenda, clock = w.agenda, w.clock[0]
    number = agenda[place].instant
    w.instants[number].time = NONE
    w.instants[number].first = clock.free_instant
    clock.free_instant = number
    last = clock.agenda - 1
    clock.agenda = last
    moved, agenda[last].time = agenda[last].time, NEVER
    if place < last:
        time, other = moved, agenda[last].instant
        if place > 0 and agenda[(place - 1) >> 2].time > time:
            rise(w, place, time, other)
        else:
            sink(w, place, time, other, last)


@inlined
def rise(w, place, time, number):
    """Put an instant at *place* of the heap or above it."""
    agenda = w.agenda
    while place > 0:
        above = (place - 1) >> 2
        if agenda[above].time <= time:
            break
        agenda[place] = agenda[above]
        place = above
    entry = agenda[place]
    entry.time = time
    entry.instant = number


@inlined
def sink(w, place, time, number, count):
    """Put an instant at *place* or below it, in a heap of *count*."""
    agenda = w.agenda
    while True:
        first = 4 * place + 1
        if first >= count:
            break
        least, earliest = first, agenda[first].time
        for other in range(first + 1, first + 1 + BEYOND):  # a choice without a branch, which nobody could foretell
            found = agenda[other].time
            sooner = found < earliest
            least = other if sooner else least
            earliest = found if sooner else earliest
        if earliest >= time:
            break
        agenda[place] = agenda[least]
        place = least
    entry = agenda[place]
    entry.time = time
    entry.instant = number


@compiled
def withdraw(w, time, what, argument):
    """Take the one entry of *what* and *argument* at *time* off the agenda."""
    agenda, events, clock = w.agenda, w.events, w.clock[0]
    sought = (argument << WHAT_BITS) | what
    for place in range(clock.agenda):
        if agenda[place].time != time:
            continue
        instant, before = w.instants[agenda[place].instant], NONE
        one = instant.first
        while one >= 0:
            following = events[one].following
            if events[one].what == sought:
                if before >= 0:
                    events[before].following = following
                else:
                    instant.first = following
                events[one].following = clock.free_event
                clock.free_event = one
                if instant.first < 0:
                    forget_instant(w, place)
                return
            before = one
            one = following


@inlined
def ask_lane(w, number):
    """Let a lane take part in the grants at the end of this picosecond."""
    lane = w.lanes[number]
    if not lane.asking:
        lane.asking = 1
        clock = w.clock[0]
        w.lanes_asked[clock.lanes_asked] = number
        clock.lanes_asked += 1


@compiled
def ask_core(w, number):
    """Let a core take part in the grants at the end of this picosecond."""
    tile = w.tiles[number]
    if not tile.asking:
        tile.asking = 1
        clock = w.clock[0]
        w.cores_asked[clock.cores_asked] = number
        clock.cores_asked += 1
