"""The stage: a world where one collective is played alone, from a start to its end or to a given picosecond.

What this must keep: alone, a collective is its messages and its lanes; so nothing but segments, alarms and grants
happens here, and everything that `loop` does with them is done in the same order of halves.
"""

from hecasim.sim.fast.agenda import ask_lane, take_first
from hecasim.sim.fast.exchanges import enter_stage, landed_message
from hecasim.sim.fast.jit import compiled
from hecasim.sim.fast.lanes import free_segment, grant, request
from hecasim.sim.fast.tables import ARRIVES, LANDS, STREAMS, WHAT_BITS

FOREVER = 1 << 62


@compiled
def play(r, flight, start, until):
    """Play a collective that begins at *start* up to the first half of picosecond *until*."""
    r.clock[0].now = start
    r.clock[0].happenings = 0
    row, schedule = r.flights[flight].row, r.flights[flight].schedule
    members = r.schedules[schedule].members
    for place in range(r.schedules[schedule].members_end - members):
        enter_stage(r, flight, place, r.lists[members + place], 0)
    now = start
    while True:
        if now < until:
            grant_all(r, now)
        if not r.clock[0].agenda or r.agenda[0].time > until:
            return
        now = r.agenda[0].time
        r.clock[0].now = now
        while r.clock[0].agenda and r.agenda[0].time == now:
            happen(r, take_first(r))


@compiled
def happen(r, entry):
    """One thing on the stage's agenda."""
    r.clock[0].happenings += 1
    what, argument = entry & ((1 << WHAT_BITS) - 1), entry >> WHAT_BITS
    if what == ARRIVES:
        request(r, argument)
    elif what == LANDS:
        flight, pattern, note = r.segments[argument].owner, r.segments[argument].pattern, r.segments[argument].note
        free_segment(r, argument)
        if note >= 0:
            landed_message(r, flight, pattern, note)
    else:
        r.lanes[argument].alarmed = 0
        ask_lane(r, argument)


@compiled
def grant_all(r, now):
    """The second half of a picosecond."""
    count = r.clock[0].lanes_asked
    r.clock[0].lanes_asked = 0
    for place in range(count):
        grant(r, r.lanes_asked[place], now)


@compiled
def clear_lane(r, lane):
    """A lane of the stage as it is before anything happens."""
    r.lanes[lane].free_at = -1
    r.lanes[lane].pointer = 0
    r.lanes[lane].waiting = 0
    r.lanes[lane].arrivals = -1
    r.lanes[lane].asking = 0
    r.lanes[lane].alarmed = 0
    r.lanes[lane].busy_ps = 0
    r.lanes[lane].bytes_carried = 0
    r.lanes[lane].wait_ps = 0
    r.lanes[lane].segments = 0
    r.lanes[lane].owner = -1
    for stream in range(STREAMS):
        r.queues[lane, stream, 0] = -1
        r.queues[lane, stream, 1] = -1
