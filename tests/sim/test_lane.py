"""A lane: serialisation, cut-through, turns between streams, and segments that add up to their message."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hecasim.sim.lane import segments_of, serialisation_ps
from hecasim.units import PS_PER_S
from tests.sim.parts import Sink, fresh, lanes, send


@pytest.mark.parametrize("hops", [1, 2, 5])
def test_a_message_over_k_hops_takes_k_latencies_and_one_serialisation(hops):
    clock = fresh()
    sink, route = Sink(clock), lanes(clock, *[2] * hops)
    send(clock, route, 1000, sink)
    clock.run()
    assert sink.landings == [(hops * 10 + 500, 0)]


@pytest.mark.parametrize("rates", [(1, 4, 4), (4, 1, 4), (4, 4, 1), (1, 2, 4), (4, 2, 1), (None, 1, None)])
def test_the_slowest_lane_of_a_route_sets_the_pace_wherever_it_stands(rates):
    clock = fresh()
    sink, route = Sink(clock), lanes(clock, *rates)
    send(clock, route, 1000, sink)
    clock.run()
    assert sink.landings == [(3 * 10 + 1000 // min(rate for rate in rates if rate), 0)]


def test_what_came_over_a_slow_lane_lands_late_but_holds_the_next_one_only_for_its_own_time():
    clock = fresh()
    slow, fast = lanes(clock, 1, 10)
    sink = Sink(clock)
    send(clock, [slow, fast], 100, sink)
    clock.run()
    assert (slow.busy_ps, fast.busy_ps) == (100, 10)
    assert clock.now == slow.latency_ps + fast.latency_ps + 100


@given(st.integers(0, 10**5), st.integers(10, 10**5))
def test_segments_cover_their_message_once(size, segment):
    spans = segments_of(size, segment)
    assert spans[0][0] == 0
    assert spans[-1][1] == size
    assert all(before[1] == after[0] for before, after in itertools.pairwise(spans))
    assert all(last - first <= segment for first, last in spans)


@given(st.integers(1, 10**5), st.integers(1, 10**4), st.integers(10**9, 10**12))
def test_segments_take_exactly_as_long_as_their_message(size, segment, rate):
    clock = fresh()
    (lane,) = lanes(clock, 1)
    lane.rate = min(rate, PS_PER_S)  # at most a byte a picosecond: no segment is rounded up to one
    whole = -(-size * PS_PER_S // lane.rate)
    assert sum(serialisation_ps(span, lane.rate) for span in segments_of(size, segment)) == whole


def test_one_stream_is_first_come_first_served():
    clock = fresh()
    (lane,) = lanes(clock, 1)
    sinks = [Sink(clock, task=number) for number in range(3)]
    for number, at in ((2, 0), (0, 5), (1, 3)):
        send(clock, [lane], 100, sinks[number], at=at)
    clock.run()
    assert [sink.landings[0][0] for sink in sinks] == [310, 210, 110]


def test_streams_take_turns_by_segment():
    clock = fresh()
    (lane,) = lanes(clock, 1)
    bulk, small = Sink(clock, task=1), Sink(clock, task=2)
    send(clock, [lane], 1000, bulk, stream=1, segment_bytes=100)
    send(clock, [lane], 100, small, at=50, stream=0)
    clock.run()
    assert small.landings == [(100 + 100 + 10, 0)]
    assert bulk.landings[-1][0] == 1100 + 10


def test_four_busy_streams_each_get_a_quarter():
    clock = fresh()
    (lane,) = lanes(clock, 1)
    sinks = [Sink(clock, task=number) for number in range(4)]
    for stream, sink in enumerate(sinks):
        send(clock, [lane], 500, sink, stream=stream, segment_bytes=100)
    clock.run()
    order = sorted((time, stream) for stream, sink in enumerate(sinks) for time, _ in sink.landings)
    assert [stream for _, stream in order] == [1, 2, 3, 0] * 5


def test_whose_turn_it_is_outlasts_an_idle_lane():
    clock = fresh()
    (lane,) = lanes(clock, 1)
    sinks = [Sink(clock, task=number) for number in range(3)]
    send(clock, [lane], 10, sinks[0], stream=1)
    send(clock, [lane], 10, sinks[1], at=1000, stream=1)
    send(clock, [lane], 10, sinks[2], at=1000, stream=2)
    clock.run()
    assert sinks[2].landings[0][0] < sinks[1].landings[0][0]


def test_two_messages_that_share_one_lane_overlap_on_the_rest():
    clock = fresh()
    shared, left, right = lanes(clock, 10, 1, 1)
    sinks = [Sink(clock, task=number) for number in range(2)]
    send(clock, [shared, left], 1000, sinks[0])
    send(clock, [shared, right], 1000, sinks[1])
    clock.run()
    assert [sink.landings[0][0] for sink in sinks] == [1020, 1120]


def test_an_empty_message_still_arrives():
    clock = fresh()
    sink, route = Sink(clock), lanes(clock, 1)
    send(clock, route, 0, sink)
    clock.run()
    assert sink.landings == [(11, 0)]


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 200), st.integers(0, 3)), min_size=1, max_size=12))
def test_a_lane_is_never_idle_while_something_waits(messages):
    clock = fresh()
    (lane,) = lanes(clock, 1)
    sinks = [Sink(clock, task=number) for number in range(len(messages))]
    for sink, (at, size, stream) in zip(sinks, messages, strict=True):
        send(clock, [lane], size, sink, at=at, stream=stream)
    clock.run()
    free = 0
    for at, size, _ in sorted(messages):
        free = max(free, at) + size
    assert max(sink.landings[0][0] for sink in sinks) == free + 10
    assert lane.busy_ps == lane.bytes_carried == sum(size for _, size, _ in messages)
    assert lane.segments == len(messages)
