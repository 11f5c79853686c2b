"""The order of play: looked up, walked, counted and compared as the plain list of its bodies would be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hecasim.trace.play import Order, Play, Run, order_of, runs_of

runs = st.builds(Run, st.integers(0, 3), st.integers(1, 4))
passages = st.lists(st.lists(runs, min_size=1, max_size=4).map(tuple), min_size=1, max_size=3)


@st.composite
def orders(draw):
    known = draw(passages)
    numbers = draw(st.lists(st.integers(0, len(known) - 1), min_size=1, max_size=8))
    return Order(known, [Play(number, place // 2, place % 2) for place, number in enumerate(numbers)])


@given(orders())
def test_lookup_walk_and_count_agree(order):
    bodies = list(order)
    assert len(order) == len(bodies)
    assert [order[place] for place in range(len(order))] == bodies
    assert order[-1] == bodies[-1]
    assert order.counts(4) == [sum(body.kind == kind for body in bodies) for kind in range(4)]


@given(orders(), st.data())
def test_alike_is_the_longest_common_stretch(order, data):
    kinds = [body.kind for body in order]
    first = data.draw(st.integers(0, len(kinds) - 1))
    second = data.draw(st.integers(first, len(kinds)))
    longest = 0
    while second + longest < len(kinds) and kinds[second + longest] == kinds[first + longest]:
        longest += 1
    assert order.alike(first, second) == longest


@given(orders(), st.data())
def test_what_happens_again_is_alike_and_evenly_on(order, data):
    bodies = list(order)
    first = data.draw(st.integers(0, len(bodies) - 1))
    second = data.draw(st.integers(first, len(bodies) - 1))
    length = data.draw(st.integers(1, len(bodies) - second))
    how = order.again(first, second, length, under_way=0)
    here, there = bodies[first : first + length], bodies[second : second + length]
    ends = ((here[0], there[0]), (here[-1], there[-1]))
    ways = {(two.layer - one.layer, two.micro_batch - one.micro_batch) for one, two in ends}
    if how is None:
        back = min(way[1] for way in ways) < 0 and not all(body.micro_batch for body in there)
        assert [body.kind for body in here] != [body.kind for body in there] or len(ways) > 1 or back
    else:
        assert [body.kind for body in here] == [body.kind for body in there]
        assert ways == {(how.layers, how.micro_batches)}


@given(orders())
def test_an_order_is_rebuilt_from_its_bodies(order):
    assert list(order_of(list(order))) == list(order)


def test_runs_are_shortest_and_a_place_beyond_the_end_is_an_error():
    assert runs_of([1, 1, 2, 1]) == (Run(1, 2), Run(2, 1), Run(1, 1))
    order = Order([(Run(0, 2),)], [Play(0, 0, 0)])
    with pytest.raises(IndexError, match="body 2 of a step of 2"):
        order[2]
