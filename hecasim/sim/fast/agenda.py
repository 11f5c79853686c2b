"""The agenda of a world: a heap of what happens when, and the lists of who asks to be granted in this picosecond."""

from hecasim.sim.fast.jit import compiled
from hecasim.sim.fast.tables import WHAT_BITS


@compiled
def at(w, time, what, argument):
    """Let *what* happen to *argument* at picosecond *time*."""
    agenda = w.agenda
    place = w.clock[0].agenda
    w.clock[0].agenda = place + 1
    while place > 0:
        above = (place - 1) >> 2
        if agenda[above].time <= time:
            break
        agenda[place] = agenda[above]
        place = above
    agenda[place].time = time
    agenda[place].what = (argument << WHAT_BITS) | what


@compiled
def take_first(w):
    """What happens first, taken off the agenda."""
    first = w.agenda[0].what
    last = w.clock[0].agenda - 1
    w.clock[0].agenda = last
    sink(w, 0, w.agenda[last].time, w.agenda[last].what, last)
    return first


@compiled
def sink(w, place, time, what, count):
    """Put an entry at *place* or below it, in a heap of *count* entries."""
    agenda = w.agenda
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
    agenda[place].time = time
    agenda[place].what = what


@compiled
def withdraw(w, what, argument):
    """Take the one entry of *what* and *argument* off the agenda."""
    sought = (argument << WHAT_BITS) | what
    count = w.clock[0].agenda
    for place in range(count):
        if w.agenda[place].what == sought:
            count -= 1
            w.clock[0].agenda = count
            if place < count:
                w.agenda[place] = w.agenda[count]
                for above in range((count - 2) >> 2, -1, -1):
                    sink(w, above, w.agenda[above].time, w.agenda[above].what, count)
            return


@compiled
def ask_lane(w, lane):
    """Let a lane take part in the grants at the end of this picosecond."""
    if not w.lanes[lane].asking:
        w.lanes[lane].asking = 1
        place = w.clock[0].lanes_asked
        w.lanes_asked[place] = lane
        w.clock[0].lanes_asked = place + 1


@compiled
def ask_core(w, tile):
    """Let a core take part in the grants at the end of this picosecond."""
    if not w.tiles[tile].asking:
        w.tiles[tile].asking = 1
        place = w.clock[0].cores_asked
        w.cores_asked[place] = tile
        w.clock[0].cores_asked = place + 1
