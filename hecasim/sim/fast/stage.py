"""The stage: a world where one collective is played alone, from a start to its end or to a given picosecond.

What this must keep: alone, a collective is its messages and its lanes; so nothing but segments, alarms and grants
happens here, and everything that `loop` does with them is done in the same order of halves.
"""

import numpy as np

from hecasim.sim.fast.agenda import ask_lane, take_first
from hecasim.sim.fast.exchanges import enter_stage, landed_segment
from hecasim.sim.fast.jit import compiled
from hecasim.sim.fast.lanes import grant, request
from hecasim.sim.fast.tables import ARRIVES, LANDS, STREAMS, WHAT_BITS, ZERO

FOREVER = np.int64(1 << 62)


@compiled
def play(r, flight, start, until):
    """Play a collective that begins at *start* up to the first half of picosecond *until*."""
    clock, schedule = r.clock[0], r.schedules[r.flights[flight].schedule]
    clock.now = start
    clock.happenings = 0
    for place in range(schedule.members_end - schedule.members):
        enter_stage(r, flight, place, r.lists[schedule.members + place], ZERO)
    while True:
        if clock.now < until:
            grant_all(r, clock.now)
        if not clock.agenda or r.agenda[0].time > until:
            return
        clock.now = r.agenda[0].time
        while clock.agenda and r.agenda[0].time == clock.now:
            happen(r, take_first(r))


@compiled
def happen(r, entry):
    """One thing on the stage's agenda."""
    r.clock[0].happenings += 1
    what, argument = entry & ((1 << WHAT_BITS) - 1), entry >> WHAT_BITS
    if what == ARRIVES:
        request(r, argument)
    elif what == LANDS:
        landed_segment(r, argument)
    else:
        r.lanes[argument].alarmed = 0
        ask_lane(r, argument)


@compiled
def grant_all(r, now):
    """The second half of a picosecond."""
    clock = r.clock[0]
    count = clock.lanes_asked
    clock.lanes_asked = 0
    for place in range(count):
        grant(r, r.lanes_asked[place], now)


@compiled
def clear_lane(r, number):
    """A lane of the stage as it is before anything happens."""
    lane = r.lanes[number]
    lane.free_at = -1
    lane.pointer = 0
    lane.waiting = 0
    lane.arrivals = -1
    lane.asking = 0
    lane.alarmed = 0
    lane.busy_ps = 0
    lane.bytes_carried = 0
    lane.wait_ps = 0
    lane.segments = 0
    lane.owner = -1
    for stream in range(STREAMS):
        r.queues[number, stream, 0] = -1
        r.queues[number, stream, 1] = -1
