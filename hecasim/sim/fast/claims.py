"""Claims: a collective whose lanes nobody else uses is not played; it has been rehearsed once, alone, on the stage.

Proof obligation, checked at run time: its members begin together; when they do, its lanes are idle, nobody waits for
them, and no other claim on them is open. Then its messages have only each other to wait for, so that it goes as it went
when it was rehearsed, whatever the time: equal groups share one rehearsal. Whoever asks for a lane after the last of
its segments there has started finds it as if it had been played. Whoever asks earlier is a disturber: in that
picosecond, before anything is granted, the collective is played on the stage from its start to now, and what is under
way there (queues, segments, alarms, members) is put where playing would have left it; from then on it is played. Order
inside the first half of a picosecond never matters, so it may all happen after the disturber has asked.
"""

from hecasim.sim.fast.agenda import ask_lane, at, withdraw
from hecasim.sim.fast.ending import end_task
from hecasim.sim.fast.jit import compiled
from hecasim.sim.fast.lanes import release
from hecasim.sim.fast.stage import FOREVER, clear_lane, play
from hecasim.sim.fast.tables import CLAIMED, DISTURBED, LEAVES, PLAYED, REHEARSED, REPLAYED, WHAT_BITS
from hecasim.sim.fast.times import EXCHANGING, end_activity

COUNTS = 6
"""Numbers kept per lane of an outcome: wait, busy, bytes, segments, when it falls free, when the last one starts."""


@compiled
def claim(w, r, flight):
    """Make a schedule's lanes this collective's, if they are quiet; whether they are."""
    schedule = w.flights[flight].schedule
    if not w.schedules[schedule].claimable:
        return False
    outcome = w.schedules[schedule].outcome
    first, end = w.schedules[schedule].lanes, w.schedules[schedule].lanes_end
    if not w.clock[0].free and not quiet(w, first, end):
        return False
    if not w.outcomes[outcome].known:
        rehearse(r, schedule)
    now = w.clock[0].now
    w.flights[flight].mode = CLAIMED
    w.flights[flight].started_at = now
    w.flights[flight].leaver = 0
    if not w.clock[0].free:
        at_lane = w.outcomes[outcome].lanes
        for place in range(end - first):
            lane = w.lists[first + place]
            w.lanes[lane].owner = flight
            w.lanes[lane].owned_until = now + w.results[at_lane + COUNTS * place + 5]
            w.lanes[lane].place = place
    w.clock[0].happenings += w.outcomes[outcome].happenings
    first_leaver = w.results[w.outcomes[outcome].order]
    at(w, now + w.results[w.outcomes[outcome].ends + first_leaver], LEAVES, flight)
    return True


@compiled
def quiet(w, first, end):
    """Whether these lanes are idle and nobody's."""
    now = w.clock[0].now
    for place in range(first, end):
        lane = w.lists[place]
        if w.lanes[lane].owner >= 0:
            if now <= w.lanes[lane].owned_until:
                return False
            release(w, lane)
        if w.lanes[lane].free_at > now or w.lanes[lane].waiting or w.lanes[lane].arrivals >= 0:
            return False
    return True


@compiled
def rehearse(r, schedule):
    """Play a schedule alone, from an empty package at time 0 to its end, and keep what can be seen of it."""
    flight, first, end = 0, r.schedules[schedule].lanes, r.schedules[schedule].lanes_end
    r.flights[flight].row = 0
    r.flights[flight].schedule = schedule
    r.flights[flight].mode = REHEARSED
    r.rows[0].task = r.schedules[schedule].task
    for place in range(first, end):
        clear_lane(r, r.lists[place])
    play(r, flight, 0, FOREVER)
    outcome = r.schedules[schedule].outcome
    at_lane = r.outcomes[outcome].lanes
    for place in range(end - first):
        lane = r.lanes[r.lists[first + place]]
        r.results[at_lane + COUNTS * place] = lane.wait_ps
        r.results[at_lane + COUNTS * place + 1] = lane.busy_ps
        r.results[at_lane + COUNTS * place + 2] = lane.bytes_carried
        r.results[at_lane + COUNTS * place + 3] = lane.segments
        r.results[at_lane + COUNTS * place + 4] = lane.free_at
        r.results[at_lane + COUNTS * place + 5] = lane.started_at
    r.outcomes[outcome].happenings = r.clock[0].happenings
    r.outcomes[outcome].known = 1
    sort_leavers(r, outcome, r.schedules[schedule].members_end - r.schedules[schedule].members)


@compiled
def sort_leavers(r, outcome, count):
    """The members in the order in which they leave: a heap sort by (end, place)."""
    ends, order = r.outcomes[outcome].ends, r.outcomes[outcome].order
    for place in range(count):
        r.results[order + place] = place
    for root in range(count // 2 - 1, -1, -1):
        sift(r, ends, order, root, count)
    for last in range(count - 1, 0, -1):
        first = r.results[order]
        r.results[order] = r.results[order + last]
        r.results[order + last] = first
        sift(r, ends, order, 0, last)


@compiled
def sift(r, ends, order, root, count):
    """Let a member sink to its place in a heap whose root leaves last."""
    while True:
        child = 2 * root + 1
        if child >= count:
            return
        if child + 1 < count and leaves_later(r, ends, order, child + 1, child):
            child += 1
        if not leaves_later(r, ends, order, child, root):
            return
        above = r.results[order + root]
        r.results[order + root] = r.results[order + child]
        r.results[order + child] = above
        root = child


@compiled
def leaves_later(r, ends, order, one, other):
    """Whether the member at a place of the order leaves after the one at another place."""
    a, b = r.results[order + one], r.results[order + other]
    first, second = r.results[ends + a], r.results[ends + b]
    return first > second or (first == second and a > b)


@compiled
def members_leave(w, flight):
    """Those members of a claimed collective leave whose time has come; the last ones leave its lanes to others."""
    row, schedule, start = w.flights[flight].row, w.flights[flight].schedule, w.flights[flight].started_at
    outcome, members = w.schedules[schedule].outcome, w.schedules[schedule].members
    count = w.schedules[schedule].members_end - members
    ends, order, now = w.outcomes[outcome].ends, w.outcomes[outcome].order, w.clock[0].now
    leaver = w.flights[flight].leaver
    while leaver < count:
        place = w.results[order + leaver]
        when = start + w.results[ends + place]
        if when > now:
            w.flights[flight].leaver = leaver
            at(w, when, LEAVES, flight)
            return
        leaver += 1
        tile = w.lists[members + place]
        end_activity(w, tile, EXCHANGING)
        end_task(w, row, tile)
    w.flights[flight].leaver = leaver
    give_back(w, flight, schedule)


@compiled
def give_back(w, flight, schedule):
    """A claimed collective is over."""
    first, outcome = w.schedules[schedule].lanes, w.schedules[schedule].outcome
    for place in range(w.schedules[schedule].lanes_end - first):
        lane = w.lists[first + place]
        if w.clock[0].free:
            at_lane = w.outcomes[outcome].lanes + COUNTS * place
            w.lanes[lane].wait_ps += w.results[at_lane]
            w.lanes[lane].busy_ps += w.results[at_lane + 1]
            w.lanes[lane].bytes_carried += w.results[at_lane + 2]
            w.lanes[lane].segments += w.results[at_lane + 3]
        elif w.lanes[lane].owner == flight:
            release(w, lane)


@compiled
def play_disturbed(w, r):
    """From this picosecond on the collectives that were disturbed in it are played."""
    for place in range(w.run[0].disturbed):
        materialise(w, r, w.disturbed[place])
    w.run[0].disturbed = 0


@compiled
def materialise(w, r, flight):
    """Put everything of a claimed collective where playing it up to now would have left it."""
    now, schedule = w.clock[0].now, w.flights[flight].schedule
    outcome, leaver = w.schedules[schedule].outcome, w.flights[flight].leaver
    if leaver < w.schedules[schedule].members_end - w.schedules[schedule].members:
        withdraw(w, LEAVES, flight)
    first, end = w.schedules[schedule].lanes, w.schedules[schedule].lanes_end
    for place in range(first, end):
        clear_lane(r, r.lists[place])
    w.flights[flight].mode = REPLAYED
    play(r, flight, w.flights[flight].started_at, now)
    w.flights[flight].mode = PLAYED
    w.clock[0].happenings += r.clock[0].happenings - w.outcomes[outcome].happenings
    r.clock[0].lanes_asked = 0
    for place in range(first, end):
        lane = w.lists[place]
        if w.lanes[lane].owner == flight:
            w.lanes[lane].owner = -1
            move_lane(w, r, lane)
    for place in range(r.clock[0].agenda):
        entry = r.agenda[place].what
        at(w, r.agenda[place].time, entry & ((1 << WHAT_BITS) - 1), entry >> WHAT_BITS)
    r.clock[0].agenda = 0


@compiled
def move_lane(w, r, lane):
    """A lane as it is on the stage."""
    found = r.lanes[lane]
    if found.segments:
        w.lanes[lane].free_at = found.free_at
        w.lanes[lane].started_at = found.started_at
        w.lanes[lane].pointer = 0
        w.lanes[lane].busy_ps += found.busy_ps
        w.lanes[lane].bytes_carried += found.bytes_carried
        w.lanes[lane].wait_ps += found.wait_ps
        w.lanes[lane].segments += found.segments
    w.lanes[lane].waiting = found.waiting
    w.lanes[lane].alarmed = found.alarmed
    w.queues[lane, 0, 0] = r.queues[lane, 0, 0]
    w.queues[lane, 0, 1] = r.queues[lane, 0, 1]
    segment = found.arrivals
    while segment >= 0:
        following = w.segments[segment].following
        w.segments[segment].following = w.lanes[lane].arrivals
        w.lanes[lane].arrivals = segment
        segment = following
    if found.asking:
        ask_lane(w, lane)


@compiled
def is_claimed(w, flight):
    """Whether a collective is not played."""
    return w.flights[flight].mode == CLAIMED or w.flights[flight].mode == DISTURBED
