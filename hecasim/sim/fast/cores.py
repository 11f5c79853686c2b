"""The cores: one task at a time, the first in trace order among those that are ready, as `hecasim.sim.core` defines it.

Where a tile has one port for all, a task's operands pass it in segments and a task ends when arithmetic and operands
have both ended. Sums of a reduce-scatter that the vector unit makes are jobs beside the tasks.
"""

from hecasim.sim.fast.agenda import ask_core, at
from hecasim.sim.fast.jit import compiled
from hecasim.sim.fast.lanes import new_segment
from hecasim.sim.fast.tables import ARRIVES, COMPUTED, NONE, STREAMS, TO_CORE
from hecasim.sim.fast.times import COMPUTING, begin_activity


@compiled
def new_job(w, row, duration, operands):
    """A job of a core, no sum."""
    run = w.run[0]
    number = run.free_job
    if number >= 0:
        run.free_job = w.jobs[number].following
    else:
        number = run.jobs
        run.jobs = number + 1
    job = w.jobs[number]
    job.row = row
    job.asked_ps = w.clock[0].now
    job.duration_ps = duration
    job.operands = operands
    job.flight = -1
    job.pattern = -1
    job.message = -1
    job.stage = -1
    return number


@compiled
def make_ready(w, number, job):
    """A job may run."""
    tile = w.tiles[number]
    w.jobs[job].following = tile.ready
    tile.ready = job
    ask_core(w, number)


@compiled
def goes_first(w, a, b):
    """Whether a job stands before another one: by body, task, and where in its collective a sum belongs."""
    if a.row != b.row:
        per_body, slots = w.run[0].per_body, w.slots
        first, second = slots[a.row // per_body].index, slots[b.row // per_body].index
        return first < second or (first == second and a.row < b.row)
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
def grant_core(w, number, now):
    """Second half of the picosecond: start the first ready job if the core is idle."""
    tile, jobs = w.tiles[number], w.jobs
    tile.asking = 0
    if tile.busy or tile.ready < 0:
        return
    best, before_best, last, here = tile.ready, -1, -1, tile.ready
    while here >= 0:
        if here != best and goes_first(w, jobs[here], jobs[best]):
            best, before_best = here, last
        last, here = here, jobs[here].following
    if before_best < 0:
        tile.ready = jobs[best].following
    else:
        jobs[before_best].following = jobs[best].following
    run_job(w, number, best, now)


@compiled
def run_job(w, number, job_number, now):
    """A job starts on its core."""
    tile, job = w.tiles[number], w.jobs[job_number]
    tile.busy = 1
    tile.job = job_number
    if job.flight < 0:
        w.started[job.row, number] = now
    begin_activity(w, number, COMPUTING, w.tasks[w.rows[job.row].task].phase)
    tile.wait_ps += now - job.asked_ps
    tile.busy_ps += job.duration_ps
    tile.free_at = now + job.duration_ps
    if job.operands >= 0:
        feed(w, number, job, now)
    if job.duration_ps:
        at(w, now + job.duration_ps, COMPUTED, number)
    else:
        tile.starved = 1


@compiled
def feed(w, tile_number, job, now):
    """Operands ask for the shared port a picosecond later: a grant causes nothing in its own instant."""
    tile, size = w.tiles[tile_number], w.sizes[job.operands]
    tile.operands_left = size.count
    for place in range(size.count):
        number = new_segment(w)
        segment = w.segments[number]
        segment.route = tile.port
        segment.stops = 1
        segment.hop = 0
        segment.cut = size.cuts + place
        segment.stream = STREAMS - 1
        segment.held_ps = 0
        segment.extra_ps = 0
        segment.owner = tile_number
        segment.pattern = TO_CORE
        segment.note = 0
        segment.row = job.row
        segment.step = 0
        segment.number = place
        segment.source = tile_number
        at(w, now + 1, ARRIVES, number)


@compiled
def fed(w, number):
    """A segment of operands has passed: the job that has ended with it, or -1."""
    tile = w.tiles[number]
    tile.operands_left -= 1
    if tile.starved and not tile.operands_left:
        tile.starved = 0
        tile.busy_ps += w.clock[0].now - tile.free_at
        return over(w, number)
    return NONE


@compiled
def computed(w, number):
    """The arithmetic of a job has ended: the job, if its operands have all passed too, or -1."""
    tile = w.tiles[number]
    if tile.operands_left:
        tile.starved = 1
        return NONE
    return over(w, number)


@compiled
def over(w, number):
    """A job has left its core."""
    tile = w.tiles[number]
    job = tile.job
    tile.busy = 0
    tile.job = -1
    if tile.ready >= 0:
        ask_core(w, number)
    return job


@compiled
def free_job(w, number):
    """A job's record may be used again."""
    run = w.run[0]
    w.jobs[number].following = run.free_job
    run.free_job = number
