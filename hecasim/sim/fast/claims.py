"""Claims: a collective whose lanes nobody else uses is not played; it has been rehearsed once, alone, on the stage.

Proof obligation, checked at run time: its members begin together; when they do, its lanes are idle, nobody waits for
them, and no other claim on them is open. Then its messages have only each other to wait for, so that it goes as it went
when it was rehearsed, whatever the time: equal groups share one rehearsal. Whoever asks for a lane after the last of
its segments there has started finds it as if it had been played. Whoever asks earlier is a disturber: in that
picosecond, before anything is granted, the collective is played on the stage from its start to now, and what is under
way there (queues, segments, alarms, members) is put where playing would have left it; from then on it is played. Order
inside the first half of a picosecond never matters, so it may all happen after the disturber has asked.
"""

from hecasim.sim.fast.agenda import ask_lane, at, take_first, withdraw
from hecasim.sim.fast.ending import end_task
from hecasim.sim.fast.jit import compiled
from hecasim.sim.fast.lanes import book, release
from hecasim.sim.fast.rings import rehearse_ring
from hecasim.sim.fast.stage import FOREVER, clear_lane, play
from hecasim.sim.fast.tables import CLAIMED, COUNTS, LEAVES, PLAYED, REHEARSED, REPLAYED, WHAT_BITS, ZERO
from hecasim.sim.fast.times import EXCHANGING, end_activity


@compiled
def claim(w, r, flight_number):
    """Make a schedule's lanes this collective's, if they are quiet; whether they are."""
    flight, clock, results = w.flights[flight_number], w.clock[0], w.results
    schedule = w.schedules[flight.schedule]
    if not schedule.claimable or (not clock.free and not quiet(w, schedule)):
        return False
    outcome = w.outcomes[schedule.outcome]
    if not outcome.known:
        rehearse(r, flight.schedule, schedule, outcome)
    flight.mode = CLAIMED
    flight.started_at = clock.now
    flight.leaver = 0
    if not clock.free:
        for place in range(schedule.lanes_end - schedule.lanes):
            lane = w.lanes[w.lists[schedule.lanes + place]]
            lane.owner = flight_number
            lane.owned_until = clock.now + results[outcome.lanes + COUNTS * place + 5]
            lane.place = place
    clock.happenings += outcome.happenings
    w.run[0].claimed += 1
    at(w, clock.now + results[outcome.ends + results[outcome.order]], LEAVES, flight_number)
    return True


@compiled
def quiet(w, schedule):
    """Whether the lanes of a schedule are idle and nobody's."""
    now = w.clock[0].now
    for place in range(schedule.lanes, schedule.lanes_end):
        lane = w.lanes[w.lists[place]]
        if lane.owner >= 0:
            if now <= lane.owned_until:
                return False
            release(w, lane)
        if lane.free_at > now or lane.waiting or lane.arrivals >= 0:
            return False
    return True


@compiled
def rehearse(r, schedule_number, schedule, outcome):
    """Play a schedule alone, from an empty package at time 0 to its end, and keep what can be seen of it."""
    if not rehearse_ring(r, schedule, outcome):
        rehearse_all(r, schedule_number, schedule)
    results = r.results
    for place in range(schedule.lanes_end - schedule.lanes):
        lane, at_lane = r.lanes[r.lists[schedule.lanes + place]], outcome.lanes + COUNTS * place
        results[at_lane] = lane.wait_ps
        results[at_lane + 1] = lane.busy_ps
        results[at_lane + 2] = lane.bytes_carried
        results[at_lane + 3] = lane.segments
        results[at_lane + 4] = lane.free_at
        results[at_lane + 5] = lane.started_at
    outcome.happenings = r.clock[0].happenings
    outcome.known = 1
    sort_leavers(r, outcome.ends, outcome.order, schedule.members_end - schedule.members)


@compiled
def rehearse_all(r, schedule_number, schedule):
    """Play a schedule on the stage, message by message."""
    flight = r.flights[0]
    flight.row = 0
    flight.schedule = schedule_number
    flight.mode = REHEARSED
    r.rows[0].task = schedule.task
    for place in range(schedule.lanes, schedule.lanes_end):
        clear_lane(r, r.lists[place])
    play(r, ZERO, ZERO, FOREVER)


@compiled
def sort_leavers(r, ends, order, count):
    """The members in the order in which they leave: a heap sort by (end, place)."""
    results = r.results
    for place in range(count):
        results[order + place] = place
    for root in range(count // 2 - 1, -1, -1):
        sift(r, ends, order, root, count)
    for last in range(count - 1, 0, -1):
        results[order], results[order + last] = results[order + last], results[order]
        sift(r, ends, order, ZERO, last)


@compiled
def sift(r, ends, order, root, count):
    """Let a member sink to its place in a heap whose root leaves last."""
    results = r.results
    while True:
        child = 2 * root + 1
        if child >= count:
            return
        if child + 1 < count and leaves_later(r, ends, results[order + child + 1], results[order + child]):
            child += 1
        if not leaves_later(r, ends, results[order + child], results[order + root]):
            return
        results[order + root], results[order + child] = results[order + child], results[order + root]
        root = child


@compiled
def leaves_later(r, ends, one, other):
    """Whether a member leaves after another one."""
    first, second = r.results[ends + one], r.results[ends + other]
    return first > second or (first == second and one > other)


@compiled
def members_leave(w, number):
    """Those members of a claimed collective leave whose time has come; the last ones leave its lanes to others."""
    flight, now, results = w.flights[number], w.clock[0].now, w.results
    schedule = w.schedules[flight.schedule]
    outcome = w.outcomes[schedule.outcome]
    while flight.leaver < schedule.members_end - schedule.members:
        place = results[outcome.order + flight.leaver]
        when = flight.started_at + results[outcome.ends + place]
        if when > now:
            at(w, when, LEAVES, number)
            return
        flight.leaver += 1
        tile = w.lists[schedule.members + place]
        end_activity(w, tile, EXCHANGING)
        end_task(w, flight.row, tile)
    give_back(w, number, schedule, outcome)


@compiled
def give_back(w, number, schedule, outcome):
    """A claimed collective is over."""
    free = w.clock[0].free
    for place in range(schedule.lanes_end - schedule.lanes):
        lane = w.lanes[w.lists[schedule.lanes + place]]
        if free:
            book(w, lane, outcome.lanes + COUNTS * place)
        elif lane.owner == number:
            release(w, lane)


@compiled
def play_disturbed(w, r):
    """From this picosecond on the collectives that were disturbed in it are played."""
    run = w.run[0]
    for place in range(run.disturbed):
        materialise(w, r, w.disturbed[place])
    run.disturbances += run.disturbed
    run.disturbed = 0


@compiled
def materialise(w, r, number):
    """Put everything of a claimed collective where playing it up to now would have left it."""
    clock, stage_clock, flight = w.clock[0], r.clock[0], w.flights[number]
    schedule = w.schedules[flight.schedule]
    if flight.leaver < schedule.members_end - schedule.members:
        outcome = w.outcomes[schedule.outcome]
        leaves = w.results[outcome.ends + w.results[outcome.order + flight.leaver]]
        withdraw(w, flight.started_at + leaves, LEAVES, number)
    for place in range(schedule.lanes, schedule.lanes_end):
        clear_lane(r, r.lists[place])
    flight.mode = REPLAYED
    play(r, number, flight.started_at, clock.now)
    flight.mode = PLAYED
    clock.happenings += stage_clock.happenings - w.outcomes[schedule.outcome].happenings
    stage_clock.lanes_asked = 0
    for place in range(schedule.lanes, schedule.lanes_end):
        lane = w.lists[place]
        if w.lanes[lane].owner == number:
            w.lanes[lane].owner = -1
            move_lane(w, r, lane)
    while stage_clock.agenda:
        time, entry = r.agenda[0].time, take_first(r)
        at(w, time, entry & ((1 << WHAT_BITS) - 1), entry >> WHAT_BITS)


@compiled
def move_lane(w, r, number):
    """A lane as it is on the stage."""
    lane, found = w.lanes[number], r.lanes[number]
    if found.segments:
        lane.free_at = found.free_at
        lane.started_at = found.started_at
        lane.pointer = 0
        lane.busy_ps += found.busy_ps
        lane.bytes_carried += found.bytes_carried
        lane.wait_ps += found.wait_ps
        lane.segments += found.segments
    lane.waiting = found.waiting
    lane.alarmed = found.alarmed
    w.queues[number, 0, 0] = r.queues[number, 0, 0]
    w.queues[number, 0, 1] = r.queues[number, 0, 1]
    one = found.arrivals
    while one >= 0:
        segment = w.segments[one]
        following = segment.following
        segment.following = lane.arrivals
        lane.arrivals = one
        one = following
    if found.asking:
        ask_lane(w, number)
