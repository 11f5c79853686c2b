"""Rings rehearsed as recurrences: when a member sends follows from when the one before it was heard, step by step.

Proof obligation, checked as it is computed: a collective of one stage, all of rings, and no lane on two ways of them;
then messages of one way have only each other to wait for, in the order of their steps, as long as none lands before
one of an earlier step. Where that does not hold it is played.
"""

import numpy as np

from hecasim.sim.fast.jit import compiled
from hecasim.sim.fast.stage import clear_lane
from hecasim.sim.fast.tables import RING, ZERO


@compiled
def rehearse_ring(r, schedule, outcome):
    """Fill lanes, ends and happenings of the stage as playing would; False where it must be played."""
    if r.clock[0].free or not apart(r, schedule):
        return False
    r.clock[0].happenings = 0
    for place in range(schedule.members_end - schedule.members):
        r.results[outcome.ends + place] = 0
    stage = r.stages[schedule.stages]
    for number in range(stage.patterns, stage.patterns_end):
        if not go_round(r, schedule, outcome, r.patterns[number]):
            return False
    return True


@compiled
def apart(r, schedule):
    """Whether it is all rings, of which no two ways share a lane."""
    if schedule.stages + 1 != schedule.stages_end:
        return False
    lists, stage = r.lists, r.stages[schedule.stages]
    for place in range(schedule.lanes, schedule.lanes_end):
        clear_lane(r, lists[place])
        r.lanes[lists[place]].place = -1
    way = ZERO
    for number in range(stage.patterns, stage.patterns_end):
        pattern = r.patterns[number]
        if pattern.kind != RING:
            return False
        for position in range(pattern.count):
            edge = pattern.edges + 2 * position
            for stop in range(lists[edge], lists[edge] + lists[edge + 1]):
                lane = r.lanes[lists[stop]]
                if lane.place >= 0:
                    return False
                lane.place = way
            way += 1
    return True


@compiled
def go_round(r, schedule, outcome, pattern):
    """All steps of one ring; False where a message lands before one of an earlier step."""
    lists, count = r.lists, pattern.count
    sends, heard, place_of = np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros(count, np.int64)
    table = r.tasks[schedule.task].table
    for position in range(count):
        place_of[position] = r.position_of[table, lists[pattern.members + position]]
    for step in range(pattern.steps):
        extra = pattern.extra_ps if step < pattern.reduce_steps else ZERO
        for position in range(count):
            following = position + 1 if position + 1 < count else ZERO
            lands = pass_on(r, pattern, position, sends[position]) + extra
            if lands < heard[following]:
                return False
            heard[following] = lands
            for place in (place_of[position], place_of[following]):
                r.results[outcome.ends + place] = max(r.results[outcome.ends + place], lands)
        sends[:] = heard
    return True


@compiled
def pass_on(r, pattern, position, sent):
    """Send a message on its way; when its last segment is there, but for what is added to it."""
    lists, edge, size = r.lists, pattern.edges + 2 * position, r.sizes[pattern.size]
    route, stops, lands, events = lists[edge], lists[edge + 1], ZERO, ZERO
    for cut in range(size.cuts, size.cuts + size.count):
        head, held = sent, ZERO
        for stop in range(route, route + stops):
            lane, asked = r.lanes[lists[stop]], head
            hold = r.holds[cut, lane.rate]
            held = max(held, hold)
            if lane.free_at > asked:
                head = lane.free_at
                lane.wait_ps += head - asked
                events += 1
            lane.busy_ps += hold
            lane.bytes_carried += r.cut_bytes[cut]
            lane.segments += 1
            lane.free_at = head + hold
            lane.started_at = head
            head += lane.latency_ps
        events += stops
        lands = head + held
    r.clock[0].happenings += events
    return lands
