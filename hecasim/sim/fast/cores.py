"""The cores: one task at a time, the first in trace order among those that are ready, as `hecasim.sim.core` defines it.

Where a tile has one port for all, a task's operands pass it in segments and a task ends when arithmetic and operands
have both ended. Sums of a reduce-scatter that the vector unit makes are jobs beside the tasks.
"""

from hecasim.sim.fast.agenda import ask_core, at
from hecasim.sim.fast.jit import compiled
from hecasim.sim.fast.lanes import new_segment
from hecasim.sim.fast.tables import ARRIVES, COMPUTED, STREAMS, TO_CORE
from hecasim.sim.fast.times import COMPUTING, begin_activity

NOT_A_SUM = -1


@compiled
def new_job(w, row, duration, operands):
    """A record for a job of a core."""
    run = w.run[0]
    job = run.free_job
    if job >= 0:
        w.run[0].free_job = w.jobs[job].following
    else:
        job = run.jobs
        w.run[0].jobs = job + 1
    w.jobs[job].row = row
    w.jobs[job].asked_ps = w.clock[0].now
    w.jobs[job].duration_ps = duration
    w.jobs[job].operands = operands
    w.jobs[job].flight = NOT_A_SUM
    w.jobs[job].pattern = NOT_A_SUM
    w.jobs[job].message = NOT_A_SUM
    w.jobs[job].stage = NOT_A_SUM
    return job


@compiled
def make_ready(w, tile, job):
    """A job may run."""
    w.jobs[job].following = w.tiles[tile].ready
    w.tiles[tile].ready = job
    ask_core(w, tile)


@compiled
def goes_first(w, one, other):
    """Whether a job stands before another one: by body, task, and where in its collective a sum belongs."""
    a, b = w.jobs[one], w.jobs[other]
    first, second = w.slots[a.row // w.run[0].per_body].index, w.slots[b.row // w.run[0].per_body].index
    if first != second:
        return first < second
    if a.row != b.row:
        return a.row < b.row
    if a.stage != b.stage:
        return a.stage < b.stage
    if a.number != b.number:
        return a.number < b.number
    if a.step != b.step:
        return a.step < b.step
    if a.source != b.source:
        return a.source < b.source
    return a.position < b.position


@compiled
def grant_core(w, tile, now):
    """Second half of the picosecond: start the first ready job if the core is idle."""
    w.tiles[tile].asking = 0
    if w.tiles[tile].busy or w.tiles[tile].ready < 0:
        return
    best, before_best, last, here = w.tiles[tile].ready, -1, -1, w.tiles[tile].ready
    while here >= 0:
        if here != best and goes_first(w, here, best):
            best, before_best = here, last
        last, here = here, w.jobs[here].following
    if before_best < 0:
        w.tiles[tile].ready = w.jobs[best].following
    else:
        w.jobs[before_best].following = w.jobs[best].following
    run_job(w, tile, best, now)


@compiled
def run_job(w, tile, job, now):
    """A job starts on its core."""
    row, duration = w.jobs[job].row, w.jobs[job].duration_ps
    w.tiles[tile].busy = 1
    w.tiles[tile].job = job
    if w.jobs[job].flight == NOT_A_SUM:
        w.started[row, tile] = now
    begin_activity(w, tile, COMPUTING, w.tasks[w.rows[row].task].phase)
    w.tiles[tile].wait_ps += now - w.jobs[job].asked_ps
    w.tiles[tile].busy_ps += duration
    w.tiles[tile].free_at = now + duration
    if w.jobs[job].operands >= 0:
        feed(w, tile, job, now)
    if duration:
        at(w, now + duration, COMPUTED, tile)
    else:
        w.tiles[tile].starved = 1


@compiled
def feed(w, tile, job, now):
    """Operands ask for the shared port a picosecond later: a grant causes nothing in its own instant."""
    size = w.jobs[job].operands
    cuts = w.sizes[size].count
    w.tiles[tile].operands_left = cuts
    for place in range(cuts):
        segment = new_segment(w)
        w.segments[segment].route = w.tiles[tile].port
        w.segments[segment].stops = 1
        w.segments[segment].hop = 0
        w.segments[segment].cut = w.sizes[size].cuts + place
        w.segments[segment].stream = STREAMS - 1
        w.segments[segment].held_ps = 0
        w.segments[segment].extra_ps = 0
        w.segments[segment].hears = TO_CORE
        w.segments[segment].owner = tile
        w.segments[segment].pattern = -1
        w.segments[segment].note = 0
        w.segments[segment].row = w.jobs[job].row
        w.segments[segment].step = 0
        w.segments[segment].number = place
        w.segments[segment].source = tile
        at(w, now + 1, ARRIVES, segment)


@compiled
def fed(w, tile):
    """A segment of operands has passed: the job that has ended with it, or -1."""
    w.tiles[tile].operands_left -= 1
    if w.tiles[tile].starved and not w.tiles[tile].operands_left:
        w.tiles[tile].starved = 0
        w.tiles[tile].busy_ps += w.clock[0].now - w.tiles[tile].free_at
        return over(w, tile)
    return -1


@compiled
def computed(w, tile):
    """The arithmetic of a job has ended: the job, if its operands have all passed too, or -1."""
    if w.tiles[tile].operands_left:
        w.tiles[tile].starved = 1
        return -1
    return over(w, tile)


@compiled
def over(w, tile):
    """A job has left its core."""
    job = w.tiles[tile].job
    w.tiles[tile].busy = 0
    w.tiles[tile].job = -1
    if w.tiles[tile].ready >= 0:
        ask_core(w, tile)
    return job


@compiled
def free_job(w, job):
    """A job's record may be used again."""
    w.jobs[job].following = w.run[0].free_job
    w.run[0].free_job = job
