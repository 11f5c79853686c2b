"""Lanes and the segments on them, as `hecasim.sim.lane` defines them; a fork of a multicast is a stop like a lane.

What this must keep: arrivals of one picosecond queue in the static order (body, task, step, number, hop, source);
streams take turns segment by segment, each first come first served.
"""

from hecasim.sim.fast.agenda import ask_lane, at
from hecasim.sim.fast.jit import compiled
from hecasim.sim.fast.tables import (
    ARRIVES,
    CLAIMED,
    DISTURBED,
    LANDS,
    REACHES,
    ROUSES,
    STREAMS,
    TO_MEMBER,
    TO_TILE,
)

COPY_STEP = 1
"""A copy of a multicast comes one step after what it is a copy of."""


@compiled
def new_segment(w):
    """A free record for a segment; what is never used is never touched, so the table takes no memory before."""
    run = w.run[0]
    segment = run.free_segment
    if segment >= 0:
        w.run[0].free_segment = w.segments[segment].following
        return segment
    segment = run.segments
    w.run[0].segments = segment + 1
    if segment + 1 >= len(w.segments):
        w.run[0].short = 1
        w.run[0].segments = segment
    return segment


@compiled
def free_segment(w, segment):
    """A segment is over."""
    w.segments[segment].following = w.run[0].free_segment
    w.run[0].free_segment = segment


@compiled
def request(w, segment):
    """The head of a segment is at its next stop."""
    stop = w.lists[w.segments[segment].route + w.segments[segment].hop]
    if stop >= 0:
        request_lane(w, stop, segment)
    else:
        fork_off(w, -1 - stop, segment)


@compiled
def request_lane(w, lane, segment):
    """The head of a segment asks for a lane."""
    if w.lanes[lane].owner >= 0:
        meet(w, lane)
    w.segments[segment].asked_ps = w.clock[0].now
    w.segments[segment].following = w.lanes[lane].arrivals
    w.lanes[lane].arrivals = segment
    ask_lane(w, lane)


@compiled
def meet(w, lane):
    """Somebody comes to a lane that a collective has claimed: free for all once its last segment there has started."""
    if w.clock[0].now > w.lanes[lane].owned_until:
        release(w, lane)
        return
    flight = w.lanes[lane].owner
    if w.flights[flight].mode == CLAIMED:
        w.flights[flight].mode = DISTURBED
        w.disturbed[w.run[0].disturbed] = flight
        w.run[0].disturbed += 1


@compiled
def release(w, lane):
    """All of a claimed collective's segments on this lane have started: they count, and it is nobody's any more."""
    flight = w.lanes[lane].owner
    schedule = w.schedules[w.flights[flight].schedule]
    at_lane = w.outcomes[schedule.outcome].lanes + 6 * w.lanes[lane].place
    w.lanes[lane].owner = -1
    w.lanes[lane].wait_ps += w.results[at_lane]
    w.lanes[lane].busy_ps += w.results[at_lane + 1]
    w.lanes[lane].bytes_carried += w.results[at_lane + 2]
    w.lanes[lane].segments += w.results[at_lane + 3]
    w.lanes[lane].free_at = w.flights[flight].started_at + w.results[at_lane + 4]
    w.lanes[lane].pointer = 0


@compiled
def before(w, one, other):
    """Whether a segment comes before another one that asked in the same picosecond."""
    a, b = w.segments[one], w.segments[other]
    first, second = w.slots[w.rows[a.row].slot].index, w.slots[w.rows[b.row].slot].index
    if first != second:
        return first < second
    first, second = a.row, b.row  # the same slot, so rows stand in the order of tasks
    if first != second:
        return first < second
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
    width = 1
    while True:
        rest, first, last, merges = chain, -1, -1, 0
        while rest >= 0:
            merges += 1
            left, right, lefts = rest, rest, 0
            while lefts < width and right >= 0:
                lefts += 1
                right = w.segments[right].following
            rights = width
            while lefts > 0 or (rights > 0 and right >= 0):
                if lefts > 0 and (rights == 0 or right < 0 or not before(w, right, left)):
                    one = left
                    left = w.segments[left].following
                    lefts -= 1
                else:
                    one = right
                    right = w.segments[right].following
                    rights -= 1
                if last < 0:
                    first = one
                else:
                    w.segments[last].following = one
                last = one
            rest = right
        w.segments[last].following = -1
        if merges <= 1:
            return first
        chain, width = first, 2 * width


@compiled
def grant(w, lane, now):
    """Second half of the picosecond: queue what arrived, start the next segment if the lane is free."""
    w.lanes[lane].asking = 0
    segment = w.lanes[lane].arrivals
    if w.clock[0].free:
        w.lanes[lane].arrivals = -1
        while segment >= 0:
            following = w.segments[segment].following
            start(w, lane, segment, now)
            segment = following
        return
    if segment >= 0:
        w.lanes[lane].arrivals = -1
        if w.segments[segment].following < 0:
            if not w.lanes[lane].waiting and w.lanes[lane].free_at <= now:
                start(w, lane, segment, now)
                return
        else:
            segment = in_order(w, segment)
        while segment >= 0:
            following = w.segments[segment].following
            enqueue(w, lane, segment)
            segment = following
    if w.lanes[lane].waiting and w.lanes[lane].free_at <= now:
        start(w, lane, dequeue(w, lane), now)
    if w.lanes[lane].waiting and not w.lanes[lane].alarmed:
        w.lanes[lane].alarmed = 1
        at(w, w.lanes[lane].free_at, ROUSES, lane)


@compiled
def enqueue(w, lane, segment):
    """A segment waits behind those of its stream."""
    stream = w.segments[segment].stream
    last = w.queues[lane, stream, 1]
    if last < 0:
        w.queues[lane, stream, 0] = segment
    else:
        w.segments[last].following = segment
    w.queues[lane, stream, 1] = segment
    w.segments[segment].following = -1
    w.lanes[lane].waiting += 1


@compiled
def dequeue(w, lane):
    """The first waiting segment of the first stream after the one served last."""
    pointer = w.lanes[lane].pointer
    for step in range(1, STREAMS + 1):
        stream = pointer + step
        if stream >= STREAMS:
            stream -= STREAMS
        segment = w.queues[lane, stream, 0]
        if segment >= 0:
            following = w.segments[segment].following
            w.queues[lane, stream, 0] = following
            if following < 0:
                w.queues[lane, stream, 1] = -1
            w.lanes[lane].waiting -= 1
            return segment
    return -1


@compiled
def start(w, lane, segment, now):
    """A segment is granted the lane."""
    cut = w.segments[segment].cut
    hold = w.holds[cut, w.lanes[lane].rate]
    held = max(hold, w.segments[segment].held_ps)
    w.segments[segment].held_ps = held
    w.lanes[lane].wait_ps += now - w.segments[segment].asked_ps
    w.lanes[lane].busy_ps += hold
    w.lanes[lane].bytes_carried += w.cut_bytes[cut]
    w.lanes[lane].segments += 1
    w.lanes[lane].free_at = now + hold
    w.lanes[lane].started_at = now
    w.lanes[lane].pointer = w.segments[segment].stream
    hop = w.segments[segment].hop + 1
    w.segments[segment].hop = hop
    latency = w.lanes[lane].latency_ps
    if hop < w.segments[segment].stops:
        at(w, now + latency, ARRIVES, segment)
    else:
        at(w, now + latency + held + w.segments[segment].extra_ps, LANDS, segment)


@compiled
def send(w, row, route, stops, size, stream, hears, owner, pattern, note, step, first_number, source, extra_ps):
    """A message, cut into segments that all ask for the first stop; the last one brings the *note* and the *extra_ps*.

    Where only the last segment tells, the others bring -1.
    """
    cuts = w.sizes[size].count
    for place in range(cuts):
        segment = new_segment(w)
        last = place == cuts - 1
        telling = last or hears == TO_TILE
        w.segments[segment].route = route
        w.segments[segment].stops = stops
        w.segments[segment].hop = 0
        w.segments[segment].cut = w.sizes[size].cuts + place
        w.segments[segment].stream = stream
        w.segments[segment].held_ps = 0
        w.segments[segment].extra_ps = extra_ps if last else 0
        w.segments[segment].hears = hears
        w.segments[segment].owner = owner
        w.segments[segment].pattern = pattern
        w.segments[segment].note = note if telling else -1
        w.segments[segment].row = row
        w.segments[segment].step = step
        w.segments[segment].number = first_number + place
        w.segments[segment].source = source
        request(w, segment)


@compiled
def fork_off(w, fork, segment):
    """The head of a multicast is at a router: it goes on at once onto every branch and into the SRAM."""
    for place in range(w.forks[fork].branches, w.forks[fork].branches_end, 2):
        copy(w, segment, place, 2, -1)
    if w.forks[fork].member:
        tile = w.forks[fork].tile
        if w.forks[fork].fill >= 0:
            copy(w, segment, w.forks[fork].fill, 1, tile)
        else:
            row = w.segments[segment].row
            at(w, w.clock[0].now + w.segments[segment].held_ps, REACHES, row * w.run[0].tiles + tile)
    free_segment(w, segment)


@compiled
def copy(w, segment, route, stops, note):
    """A copy of a multicast's segment on its way from a fork."""
    other = new_segment(w)
    w.segments[other] = w.segments[segment]
    w.segments[other].route = route
    w.segments[other].stops = stops
    w.segments[other].hop = 0
    w.segments[other].hears = TO_MEMBER
    w.segments[other].note = note
    w.segments[other].step += COPY_STEP
    w.segments[other].extra_ps = 0
    request_lane(w, w.lists[route], other)
