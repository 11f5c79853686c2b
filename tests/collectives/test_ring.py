"""Rings: who speaks to whom, how much, and that a ring on a line fills its links once."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hecasim.collectives import COLLECTIVES, RingPass, Send, Transfer, transfers
from hecasim.errors import ConfigError
from hecasim.topologies import Mesh, Torus

PASSES = {"ring.all_gather": 1, "ring.reduce_scatter": 1, "ring.all_reduce": 2}
BOTH_WAYS = {"ring": "bidirectional"}


def test_a_member_passes_on_what_it_received_to_the_next_one():
    ring = RingPass((10, 11, 12), steps=4, chunk_bytes=7, reduce_steps=2)
    assert ring.opening(2) == (Send(0, 7, 0),)
    assert ring.answer(1, 0, 0) == (Send(2, 7, 1),)
    assert ring.answer(2, 2, 1) == (Send(0, 7, 3),)
    assert ring.answer(2, 3, 1) == ()
    assert isinstance(ring.answer(1, 0, 0)[0], Send)
    assert [ring.reduces(step) for step in range(4)] == [True, True, False, False]


def test_a_message_waits_for_the_one_its_sender_got_a_step_ago():
    (ring,) = COLLECTIVES["ring.all_gather"](Mesh(1, 3), (0, 1, 2), 30, {})[0]
    assert transfers(ring) == [
        Transfer(0, 2, 10, 0, ()),
        Transfer(2, 1, 10, 0, ()),
        Transfer(1, 0, 10, 0, ()),
        Transfer(2, 1, 10, 1, (0,)),
        Transfer(1, 0, 10, 1, (1,)),
        Transfer(0, 2, 10, 1, (2,)),
    ]


@given(st.sampled_from(sorted(PASSES)), st.integers(2, 24), st.integers(1, 2**40), st.sampled_from([{}, BOTH_WAYS]))
def test_a_member_sends_the_least_any_algorithm_can(name, n, size_bytes, options):
    (rings,) = COLLECTIVES[name](Mesh(1, n), range(n), size_bytes, options)
    sent = Counter()
    for ring in rings:
        for (source, _), flow in ring.flows().items():
            sent[source] += flow
    passes = PASSES[name]
    assert set(sent) == set(range(n))
    for amount in sent.values():
        # No more than the rounding of a chunk to bytes, and of its halves, in each step.
        assert 0 <= n * amount - passes * (n - 1) * size_bytes < passes * (n - 1) * 2 * n


@pytest.mark.parametrize("n", range(2, 17))
def test_a_bypass_ring_moves_the_same_bytes_over_every_directed_link_of_its_line(n):
    mesh, load = Mesh(1, n), Counter()
    ((ring,),) = COLLECTIVES["ring.all_gather"](mesh, range(n), 100 * n, {})
    for pair, flow in ring.flows().items():
        load.update(dict.fromkeys(mesh.route(*pair), flow))
    assert load == dict.fromkeys(range(len(mesh.links)), 100 * (n - 1))


def test_two_rings_run_in_opposite_directions_with_half_of_each_chunk():
    ((right, left),) = COLLECTIVES["ring.all_reduce"](Mesh(4, 4), range(16), 16 * 101, BOTH_WAYS)
    assert {(b, a) for a, b in right.flows()} == set(left.flows())
    assert right.chunk_bytes == left.chunk_bytes == 51


def test_the_two_rings_of_a_torus_line_share_no_link():
    torus = Torus(1, 6)
    ((right, left),) = COLLECTIVES["ring.all_gather"](torus, range(6), 600, BOTH_WAYS)
    used = Counter(number for ring in (right, left) for pair in ring.flows() for number in torus.route(*pair))
    assert used == Counter(range(12))


def test_an_unknown_ring_is_named_with_the_nearest_word():
    with pytest.raises(ConfigError, match=r"options\.ring: found 'bidirect'; did you mean 'bidirectional'"):
        COLLECTIVES["ring.all_gather"](Mesh(1, 4), range(4), 8, {"ring": "bidirect"})
