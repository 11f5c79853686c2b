"""A picosecond has two halves: first everything that happens, then everything that is granted."""

from hypothesis import given
from hypothesis import strategies as st

from hecasim.sim.lane import Segment
from tests.sim.parts import Sink, fresh, lanes


class Asked:
    """A resource that notes when it is granted."""

    asking = False

    def __init__(self, notes, name):
        self.notes, self.name = notes, name

    def grant(self, now):
        self.notes.append((now, self.name))


def test_grants_come_after_all_that_happens_in_their_picosecond():
    clock, notes = fresh(), []
    resource = Asked(notes, "grant")
    clock.at(5, clock.ask, resource)
    for name in ("first", "second"):
        clock.at(5, notes.append, (5, name))
    clock.run()
    assert notes == [(5, "first"), (5, "second"), (5, "grant")]


def test_a_resource_that_asks_twice_is_granted_once():
    clock, notes = fresh(), []
    resource = Asked(notes, "grant")
    clock.at(3, clock.ask, resource)
    clock.at(3, clock.ask, resource)
    clock.at(4, clock.ask, resource)
    clock.run()
    assert notes == [(3, "grant"), (4, "grant")]


def test_a_start_of_zero_time_takes_part_in_the_grants_of_its_own_picosecond():
    clock, notes = fresh(), []
    late, early = Asked(notes, "late"), Asked(notes, "early")
    clock.at(7, clock.ask, early)
    clock.at(7, lambda _: clock.at(7, clock.ask, late), None)
    clock.run()
    assert sorted(notes) == [(7, "early"), (7, "late")]


def test_time_is_whole_and_only_goes_forward():
    clock, seen = fresh(), []
    for time in (9, 2, 2, 31, 0):
        clock.at(time, lambda _: seen.append(clock.now), None)
    clock.run()
    assert seen == [0, 2, 2, 9, 31]
    assert all(isinstance(time, int) for time in seen)
    assert clock.happenings == 5


@given(st.permutations(range(6)), st.integers(1, 3))
def test_the_order_of_creation_decides_nothing(order, rate):
    clock = fresh()
    (lane,) = lanes(clock, rate)
    sinks = [Sink(clock, body=number // 2, task=number % 2) for number in range(6)]
    for number in order:
        clock.at(4, lane.request, Segment((lane,), (0, 12), number % 2, sinks[number], 0, 0, number))
    clock.run()
    ends = [sink.landings[0][0] for sink in sinks]
    hold = 12 // rate
    # streams take turns (the pointer stands at 0, so stream 1 is first); inside a stream bodies come in order
    assert ends == [4 + 10 + hold * place for place in (2, 1, 4, 3, 6, 5)]
