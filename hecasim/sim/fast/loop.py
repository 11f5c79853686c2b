"""The loop: picosecond by picosecond, first everything that happens, then space, then grants, as `hecasim.sim.clock`.

It returns to Python when bodies may be issued, when a boundary has come at which folding looks for repetition, when
what is kept for the Log should be taken over, and when nothing is left.
"""

from hecasim.sim.fast.agenda import ask_lane, take_first
from hecasim.sim.fast.claims import members_leave, play_disturbed
from hecasim.sim.fast.cores import computed, fed, free_job, grant_core
from hecasim.sim.fast.ending import end_task
from hecasim.sim.fast.exchanges import landed_segment, summed
from hecasim.sim.fast.jit import compiled, entry, inlined
from hecasim.sim.fast.lanes import free_segment, grant, request
from hecasim.sim.fast.prefetch import prefetch
from hecasim.sim.fast.recording import note_event, note_instant
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
    NONE,
    REACHES,
    ROUSES,
    TO_CORE,
    WHAT_BITS,
)
from hecasim.sim.fast.times import COMPUTING, end_activity

AHEAD = 3
"""Grants ahead of which a lane's first segment is fetched; the lane itself twice as far ahead."""


@entry
def run(w, r):
    """Go on until Python is needed; why."""
    state, clock = w.run[0], w.clock[0]
    while True:
        if not first_half(w, r):
            return ISSUE
        second_half(w)
        if state.recording:
            note_instant(w)
        if state.boundary_due:
            state.boundary_due = 0
            return BOUNDARY
        if not clock.agenda:
            return FINISHED
        if nearly_full(w):
            return DRAIN
        clock.now = w.agenda[0].time


@compiled
def nearly_full(w):
    """Whether one picosecond more might not find room in what is kept for Python."""
    run, rows = w.run[0], w.rows_length
    return (
        run.notes + rows > w.notes_length
        or run.causes + rows > w.causes_length
        or run.spans + rows * run.shown_tiles > w.spans_length
    )


@compiled
def first_half(w, r):
    """All events of this picosecond, the starts they cause, and who is let in; then disturbed collectives are played.

    False when bodies may be issued first: then it goes on from here.
    """
    run, clock = w.run[0], w.clock[0]
    while True:
        if run.starts:
            run.starts -= 1
            start_task(w, r, run.starts)
        elif clock.agenda > 0 and w.agenda[0].time == clock.now:
            happen(w, take_first(w))
        elif run.entering:
            let_in(w, r, clock.now)
        elif run.issue_due:
            run.issue_due = 0
            return False
        else:
            play_disturbed(w, r)
            return True


@inlined
def happen(w, entry):
    """One thing on the agenda; what the plain engine has no agenda entry for is not counted."""
    tiles = w.run[0].tiles
    if w.run[0].recording:
        note_event(w, entry)
    what, argument = entry & ((1 << WHAT_BITS) - 1), entry >> WHAT_BITS
    if what not in (COMPUTED, LEAVES):
        w.clock[0].happenings += 1
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
        arrived(w, argument // tiles, argument % tiles)
    elif what == LEAVES:
        members_leave(w, argument)


@inlined
def landed(w, number):
    """A segment is at the end of its route."""
    segment = w.segments[number]
    owner, note, pattern = segment.owner, segment.note, segment.pattern
    if pattern >= 0:
        landed_segment(w, number)
        return
    free_segment(w, number)
    if pattern == TO_CORE:
        job_ended(w, owner, fed(w, owner))
    else:
        arrived(w, owner, note)


@compiled
def job_ended(w, tile, number):
    """A core has done a job (-1: not yet)."""
    if number < 0:
        return
    job = w.jobs[number]
    end_activity(w, tile, COMPUTING)
    if job.flight >= 0:
        summed(w, number, tile)
    else:
        end_task(w, job.row, tile)
    free_job(w, number)


@compiled
def let_in(w, r, now):
    """Gates that were asked decide, all of them; then all that was let in begins."""
    run, count, admitted = w.run[0], w.run[0].entering, NONE
    run.entering = 0
    for place in range(count):
        admitted = admit(w, w.entering[place], now, admitted)
    while admitted >= 0:
        entrant, number = w.entrants[admitted], admitted
        admitted = entrant.following
        row, tile = entrant.row, entrant.tile
        entrant.following = run.free_entrant
        run.free_entrant = number
        begin(w, r, row, tile)


@compiled
def second_half(w):
    """Grants."""
    clock = w.clock[0]
    lanes, cores = clock.lanes_asked, clock.cores_asked
    clock.lanes_asked = 0
    clock.cores_asked = 0
    for place in range(lanes):
        if place + 2 * AHEAD < lanes:
            prefetch(w.lanes, w.lanes_asked[place + 2 * AHEAD])
            prefetch(w.segments, w.lanes[w.lanes_asked[place + AHEAD]].arrivals)
        grant(w, w.lanes_asked[place], clock.now)
    for place in range(cores):
        grant_core(w, w.cores_asked[place], clock.now)
