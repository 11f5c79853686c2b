"""The loop: picosecond by picosecond, first everything that happens, then space, then grants, as `hecasim.sim.clock`.

It returns to Python when bodies may be issued, when a boundary has come at which folding looks for repetition, when
what is kept for the Log should be taken over, and when nothing is left.
"""

from hecasim.sim.fast.agenda import ask_lane, take_first
from hecasim.sim.fast.claims import members_leave, play_disturbed
from hecasim.sim.fast.cores import computed, fed, free_job, grant_core
from hecasim.sim.fast.ending import end_task
from hecasim.sim.fast.exchanges import landed_message, summed
from hecasim.sim.fast.jit import compiled
from hecasim.sim.fast.lanes import free_segment, grant, request
from hecasim.sim.fast.rooms import admit
from hecasim.sim.fast.starting import arrived, begin, start_task
from hecasim.sim.fast.tables import (
    ARRIVES,
    BOUNDARY,
    COMPUTED,
    DRAIN,
    FINISHED,
    ISSUE,
    LANDS,
    LEAVES,
    REACHES,
    ROUSES,
    TO_CORE,
    TO_EXCHANGE,
    WHAT_BITS,
)
from hecasim.sim.fast.times import COMPUTING, end_activity


@compiled
def run(w, r):
    """Go on until Python is needed; why."""
    while True:
        reason = first_half(w, r)
        if reason != FINISHED:
            return reason
        second_half(w)
        if w.run[0].boundary_due:
            w.run[0].boundary_due = 0
            return BOUNDARY
        if not w.clock[0].agenda:
            return FINISHED
        if nearly_full(w):
            return DRAIN
        w.clock[0].now = w.agenda[0].time


@compiled
def nearly_full(w):
    """Whether one picosecond more might not find room in what is kept for Python."""
    run, rows = w.run[0], len(w.rows)
    return (
        run.notes + rows > len(w.notes)
        or run.causes + rows > len(w.causes)
        or run.spans + rows * run.shown_tiles > len(w.spans)
    )


@compiled
def first_half(w, r):
    """All events of this picosecond, the starts they cause, and who is let in; then disturbed collectives are played.

    ISSUE when bodies may be issued first: then it goes on from here.
    """
    now = w.clock[0].now
    while True:
        happen_all(w, r, now)
        if w.run[0].entering:
            let_in(w, r, now)
        if w.run[0].issue_due:
            w.run[0].issue_due = 0
            return ISSUE
        if not w.run[0].entering and not w.run[0].starts and not due(w, now):
            break
    play_disturbed(w, r)
    return FINISHED


@compiled
def due(w, now):
    """Whether something is still to happen in this picosecond."""
    return w.clock[0].agenda > 0 and w.agenda[0].time == now


@compiled
def happen_all(w, r, now):
    """Events and starts to a fixpoint."""
    while True:
        while w.run[0].starts:
            start = w.run[0].starts - 1
            w.run[0].starts = start
            start_task(w, r, start)
        if not due(w, now):
            return
        happen(w, take_first(w))


@compiled
def happen(w, entry):
    """One thing on the agenda."""
    w.clock[0].happenings += 1
    what, argument = entry & ((1 << WHAT_BITS) - 1), entry >> WHAT_BITS
    if what == ARRIVES:
        request(w, argument)
    elif what == LANDS:
        landed(w, argument)
    elif what == ROUSES:
        w.lanes[argument].alarmed = 0
        ask_lane(w, argument)
    elif what == COMPUTED:
        job_ended(w, argument, computed(w, argument))
    elif what == REACHES:
        tiles = w.run[0].tiles
        arrived(w, argument // tiles, argument % tiles)
    elif what == LEAVES:
        members_leave(w, argument)


@compiled
def landed(w, segment):
    """A segment is at the end of its route."""
    hears, owner, note = w.segments[segment].hears, w.segments[segment].owner, w.segments[segment].note
    pattern = w.segments[segment].pattern
    free_segment(w, segment)
    if hears == TO_EXCHANGE:
        if note >= 0:
            landed_message(w, owner, pattern, note)
    elif hears == TO_CORE:
        job_ended(w, owner, fed(w, owner))
    else:
        arrived(w, owner, note)


@compiled
def job_ended(w, tile, job):
    """A core has done a job (-1: not yet)."""
    if job < 0:
        return
    row, flight = w.jobs[job].row, w.jobs[job].flight
    end_activity(w, tile, COMPUTING)
    if flight >= 0:
        summed(w, job, tile)
    else:
        end_task(w, row, tile)
    free_job(w, job)


@compiled
def let_in(w, r, now):
    """Gates that were asked decide, all of them; then all that was let in begins."""
    count = w.run[0].entering
    w.run[0].entering = 0
    admitted = -1
    for place in range(count):
        tile = w.entering[place]
        w.entering[place] = -1
        admitted = admit(w, tile, now, admitted)
    while admitted >= 0:
        following = w.entrants[admitted].following
        row, tile = w.entrants[admitted].row, w.entrants[admitted].tile
        w.entrants[admitted].following = w.run[0].free_entrant
        w.run[0].free_entrant = admitted
        begin(w, r, row, tile)
        admitted = following


@compiled
def second_half(w):
    """Grants."""
    now = w.clock[0].now
    lanes, cores = w.clock[0].lanes_asked, w.clock[0].cores_asked
    w.clock[0].lanes_asked = 0
    w.clock[0].cores_asked = 0
    for place in range(lanes):
        grant(w, w.lanes_asked[place], now)
    for place in range(cores):
        grant_core(w, w.cores_asked[place], now)
