"""The agenda of a world: a heap of what happens when, and the lists of who asks to be granted in this picosecond."""

from hecasim.sim.fast.jit import compiled
from hecasim.sim.fast.tables import WHAT_BITS


@compiled
def at(w, time, what, argument):
    """Let *what* happen to *argument* at picosecond *time*."""
    agenda, clock = w.agenda, w.clock[0]
    place = clock.agenda
    clock.agenda = place + 1
    while place > 0:
        above = (place - 1) >> 2
        if agenda[above].time <= time:
            break
        agenda[place] = agenda[above]
        place = above
    entry = agenda[place]
    entry.time = time
    entry.what = (argument << WHAT_BITS) | what


@compiled
def take_first(w):
    """What happens first, taken off the agenda."""
    agenda, clock = w.agenda, w.clock[0]
    first, last = agenda[0].what, clock.agenda - 1
    clock.agenda = last
    sink(agenda, 0, agenda[last].time, agenda[last].what, last)
    return first


@compiled
def sink(agenda, place, time, what, count):
    """Put an entry at *place* or below it, in a heap of *count* entries."""
    while True:
        first = 4 * place + 1
        if first >= count:
            break
        least = first
        for other in range(first + 1, min(first + 4, count)):
            if agenda[other].time < agenda[least].time:
                least = other
        if agenda[least].time >= time:
            break
        agenda[place] = agenda[least]
        place = least
    entry = agenda[place]
    entry.time = time
    entry.what = what


@compiled
def withdraw(w, what, argument):
    """Take the one entry of *what* and *argument* off the agenda."""
    agenda, clock = w.agenda, w.clock[0]
    sought, count = (argument << WHAT_BITS) | what, clock.agenda
    for place in range(count):
        if agenda[place].what == sought:
            count -= 1
            clock.agenda = count
            if place < count:
                agenda[place] = agenda[count]
                for above in range((count - 2) >> 2, -1, -1):
                    sink(agenda, above, agenda[above].time, agenda[above].what, count)
            return


@compiled
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
