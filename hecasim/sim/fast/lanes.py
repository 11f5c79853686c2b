"""Lanes and the segments on them, as `hecasim.sim.lane` defines them; a fork of a multicast is a stop like a lane.

What this must keep: arrivals of one picosecond queue in the static order (body, task, step, number, hop, source);
streams take turns segment by segment, each first come first served.
"""

import numpy as np

from hecasim.sim.fast.agenda import ask_lane, at
from hecasim.sim.fast.jit import compiled, inlined
from hecasim.sim.fast.tables import (
    ARRIVES,
    CLAIMED,
    COUNTS,
    DISTURBED,
    LANDS,
    NONE,
    REACHES,
    ROUSES,
    STREAMS,
    TO_TILE,
)

BRANCH_STOPS, FILL_STOPS = np.int64(2), np.int64(1)
"""Of a copy on a branch: its lane and the next fork; into an SRAM: its port."""


@inlined
def new_segment(w):
    """The number of a free record; what is never used is never touched, so that the table takes no memory before."""
    run, segments = w.run[0], w.segments
    number = run.free_segment
    if number >= 0:
        run.free_segment = segments[number].following
        return number
    number = run.segments
    if number + 1 < w.segments_length:
        run.segments = number + 1
    else:
        run.short = 1
    return number


@inlined
def free_segment(w, number):
    """A segment is over."""
    run = w.run[0]
    w.segments[number].following = run.free_segment
    run.free_segment = number


@inlined
def request(w, number):
    """The head of a segment is at its next stop."""
    segment = w.segments[number]
    stop = w.lists[segment.route + segment.hop]
    if stop >= 0:
        request_lane(w, stop, number)
    else:
        fork_off(w, -1 - stop, number)


@inlined
def request_lane(w, lane_number, number):
    """The head of a segment asks for a lane."""
    lane, segment = w.lanes[lane_number], w.segments[number]
    if lane.owner >= 0:
        meet(w, lane)
    segment.asked_ps = w.clock[0].now
    segment.following = lane.arrivals
    lane.arrivals = number
    ask_lane(w, lane_number)


@compiled
def meet(w, lane):
    """Somebody comes to a lane that a collective has claimed: free for all once its last segment there has started."""
    if w.clock[0].now > lane.owned_until:
        release(w, lane)
        return
    flight = w.flights[lane.owner]
    if flight.mode == CLAIMED:
        flight.mode = DISTURBED
        run = w.run[0]
        w.disturbed[run.disturbed] = lane.owner
        run.disturbed += 1


@compiled
def release(w, lane):
    """All of a claimed collective's segments on this lane have started: they count, and it is nobody's any more."""
    flight = w.flights[lane.owner]
    at_lane = w.outcomes[w.schedules[flight.schedule].outcome].lanes + COUNTS * lane.place
    lane.owner = -1
    book(w, lane, at_lane)
    lane.free_at = flight.started_at + w.results[at_lane + 4]
    lane.pointer = 0


@compiled
def book(w, lane, at_lane):
    """What an outcome says of a lane is added to what it has carried."""
    results = w.results
    lane.wait_ps += results[at_lane]
    lane.busy_ps += results[at_lane + 1]
    lane.bytes_carried += results[at_lane + 2]
    lane.segments += results[at_lane + 3]


@compiled
def before(w, one, other):
    """Whether a segment comes before another one that asked in the same picosecond."""
    a, b = w.segments[one], w.segments[other]
    if a.row != b.row:
        per_body, slots = w.run[0].per_body, w.slots
        first, second = slots[a.row // per_body].index, slots[b.row // per_body].index
        return first < second or (first == second and a.row < b.row)
    if a.step != b.step:
        return a.step < b.step
    if a.number != b.number:
        return a.number < b.number
    if a.hop != b.hop:
        return a.hop < b.hop
    return a.source < b.source


@compiled
def in_order(w, chain):
    """The arrivals of a lane, in the static order: a merge sort of a linked list."""
    segments, width = w.segments, 1
    while True:
        rest, first, last, merges = chain, NONE, NONE, 0
        while rest >= 0:
            merges += 1
            left, right, lefts = rest, rest, 0
            while lefts < width and right >= 0:
                lefts += 1
                right = segments[right].following
            rights = width
            while lefts > 0 or (rights > 0 and right >= 0):
                if lefts > 0 and (rights == 0 or right < 0 or not before(w, right, left)):
                    one = left
                    left = segments[left].following
                    lefts -= 1
                else:
                    one = right
                    right = segments[right].following
                    rights -= 1
                if last < 0:
                    first = one
                else:
                    segments[last].following = one
                last = one
            rest = right
        segments[last].following = -1
        if merges <= 1:
            return first
        chain, width = first, 2 * width


@inlined
def grant(w, number, now):
    """Second half of the picosecond: queue what arrived, start the next segment if the lane is free."""
    lane, segments = w.lanes[number], w.segments
    lane.asking = 0
    one = lane.arrivals
    lane.arrivals = -1
    if w.clock[0].free:
        while one >= 0:
            following = segments[one].following
            start(w, lane, one, now)
            one = following
        return
    if w.run[0].recording:
        note_lane(w, number, lane.free_at - now)
    if one >= 0:
        if segments[one].following < 0:
            if not lane.waiting and lane.free_at <= now:
                start(w, lane, one, now)
                return
        else:
            one = in_order(w, one)
        while one >= 0:
            following = segments[one].following
            enqueue(w, lane, number, one)
            one = following
    if lane.waiting and lane.free_at <= now:
        start(w, lane, dequeue(w, lane, number), now)
    if lane.waiting and not lane.alarmed:
        lane.alarmed = 1
        at(w, lane.free_at, ROUSES, number)


@compiled
def note_lane(w, number, ahead):
    """A lane was asked for that falls free so many picoseconds later (0 or less: is free): see `recording`."""
    run = w.run[0]
    if run.gaps == w.gaps_length:
        run.recording = 0
        return
    w.gaps[run.gaps, 0] = number
    w.gaps[run.gaps, 1] = ahead
    run.gaps += 1


@inlined
def enqueue(w, lane, lane_number, number):
    """A segment waits behind those of its stream."""
    segment, queues = w.segments[number], w.queues
    last = queues[lane_number, segment.stream, 1]
    if last < 0:
        queues[lane_number, segment.stream, 0] = number
    else:
        w.segments[last].following = number
    queues[lane_number, segment.stream, 1] = number
    segment.following = -1
    lane.waiting += 1


@inlined
def dequeue(w, lane, lane_number):
    """The first waiting segment of the first stream after the one served last."""
    queues = w.queues
    stream = lane.pointer
    while True:
        stream += 1
        if stream >= STREAMS:
            stream -= STREAMS
        number = queues[lane_number, stream, 0]
        if number >= 0:
            following = w.segments[number].following
            queues[lane_number, stream, 0] = following
            if following < 0:
                queues[lane_number, stream, 1] = -1
            lane.waiting -= 1
            return number


@inlined
def start(w, lane, number, now):
    """A segment is granted the lane."""
    segment = w.segments[number]
    hold = w.holds[segment.cut, lane.rate]
    segment.held_ps = max(hold, segment.held_ps)
    lane.wait_ps += now - segment.asked_ps
    lane.busy_ps += hold
    lane.bytes_carried += w.cut_bytes[segment.cut]
    lane.segments += 1
    lane.free_at = now + hold
    lane.started_at = now
    lane.pointer = segment.stream
    segment.hop += 1
    if segment.hop < segment.stops:
        at(w, now + lane.latency_ps, ARRIVES, number)
    else:
        at(w, now + lane.latency_ps + segment.held_ps + segment.extra_ps, LANDS, number)


@inlined
def send(w, row, route, stops, size, stream, owner, pattern, note, step, first_number, source, extra_ps):
    """A message, cut into segments that all ask for the first stop; the last one brings the *note* and the *extra_ps*.

    Those of a tile's own DRAM task all bring the note.
    """
    first, cuts = w.sizes[size].cuts, w.sizes[size].count
    for place in range(cuts):
        number = new_segment(w)
        last = place == cuts - 1
        segment = w.segments[number]
        segment.route = route
        segment.stops = stops
        segment.hop = 0
        segment.cut = first + place
        segment.stream = stream
        segment.held_ps = 0
        segment.extra_ps = extra_ps if last else 0
        segment.owner = owner
        segment.pattern = pattern
        segment.note = note if last or pattern == TO_TILE else NONE
        segment.row = row
        segment.step = step
        segment.number = first_number + place
        segment.source = source
        request(w, number)


@inlined
def fork_off(w, fork_number, number):
    """The head of a multicast is at a router: it goes on at once onto every branch and into the SRAM.

    It goes onto the first branch itself, copies of it onto the others.
    """
    fork = w.forks[fork_number]
    first, end = fork.branches, fork.branches_end
    if fork.member and fork.fill < 0:
        at(w, w.clock[0].now + w.segments[number].held_ps, REACHES, w.segments[number].row * w.run[0].tiles + fork.tile)
    for place in range(first + 2, end, 2):
        turn(w, copy(w, number), place, BRANCH_STOPS, NONE)
    if fork.member and fork.fill >= 0:
        turn(w, copy(w, number) if first < end else number, fork.fill, FILL_STOPS, fork.tile)
    elif first == end:
        free_segment(w, number)
    if first < end:
        turn(w, number, first, BRANCH_STOPS, NONE)


@inlined
def copy(w, number):
    """Another segment like this one."""
    other = new_segment(w)
    w.segments[other] = w.segments[number]
    return other


@inlined
def turn(w, number, route, stops, note):
    """A multicast's segment begins its way from a fork, one step after that to the fork."""
    segment = w.segments[number]
    segment.route = route
    segment.stops = stops
    segment.hop = 0
    segment.note = note
    segment.step += 1
    segment.extra_ps = 0
    request_lane(w, w.lists[route], number)
