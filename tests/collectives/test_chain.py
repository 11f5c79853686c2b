"""Chains: rounds of broadcasts and reductions down a line, chunk by chunk."""

import pytest

from hecasim.collectives import COLLECTIVES, BroadcastRounds, ReduceRounds, Send, transfers
from hecasim.errors import ConfigError
from hecasim.topologies import Mesh


def arrival_steps(pattern):
    """Steps of one chunk each until the last message is there, if every member sends one chunk per step and side."""
    messages, time, free = transfers(pattern), [], {}
    for message in messages:
        edge = message.source_tile, message.target_tile
        begin = max([free.get(edge, 0), *(time[before] for before in message.after)])
        free[edge] = begin + 1
        time.append(begin + 1)
    return max(time)


@pytest.mark.parametrize("chunks", [1, 3, 8])
@pytest.mark.parametrize("n", range(2, 9))
@pytest.mark.parametrize("kind", [BroadcastRounds, ReduceRounds])
def test_a_tile_in_c_chunks_passes_n_members_in_n_minus_2_plus_c_steps(kind, n, chunks):
    pattern = kind(tuple(range(n)), (0,), 100 * chunks, chunks)
    assert arrival_steps(pattern) == n - 2 + chunks


def test_the_first_two_roots_begin_at_once_and_the_third_when_it_has_the_first_tile():
    rounds = BroadcastRounds((5, 6, 7), (0, 1, 2), tile_bytes=10, chunks=2)
    assert rounds.opening(0) == [Send(1, 5, 0), Send(1, 5, 1)]
    assert rounds.opening(1) == [Send(2, 5, 2), Send(0, 5, 2), Send(2, 5, 3), Send(0, 5, 3)]
    assert rounds.opening(2) == []
    assert rounds.answer(2, 0, 1) == ()
    assert rounds.answer(2, 1, 1) == (Send(1, 5, 4), Send(1, 5, 5))


def test_a_root_that_follows_itself_waits_for_nobody():
    rounds = BroadcastRounds((5, 6), (0, 0, 0), tile_bytes=1, chunks=1)
    assert [send.step for send in rounds.opening(0)] == [0, 1, 2]


def test_both_ends_begin_a_reduction_and_the_root_sends_nothing():
    rounds = ReduceRounds((5, 6, 7), (1,), tile_bytes=10, chunks=1)
    assert rounds.opening(0) == [Send(1, 10, 0)]
    assert rounds.opening(1) == ()
    assert rounds.opening(2) == [Send(1, 10, 0)]
    assert rounds.answer(1, 0, 0) == rounds.answer(1, 0, 2) == ()


def test_a_root_inside_the_line_sends_to_both_sides():
    ((chain,),) = COLLECTIVES["chain.broadcast"](Mesh(1, 5), [2, 0, 1, 3, 4], 80, {"chunks": 4})
    assert chain.flows() == {(2, 1): 80, (2, 3): 80, (1, 0): 80, (3, 4): 80}


def test_no_chunk_is_empty():
    ((chain,),) = COLLECTIVES["chain.broadcast"](Mesh(1, 3), range(3), 5, {"chunks": 8})
    assert chain.chunks == 5


@pytest.mark.parametrize("chunks", [0, -1, 2.5, True, "four"])
def test_a_number_of_chunks_that_is_none_is_refused(chunks):
    with pytest.raises(ConfigError, match=r"options\.chunks"):
        COLLECTIVES["rounds.all_gather"](Mesh(1, 3), range(3), 5, {"chunks": chunks})
