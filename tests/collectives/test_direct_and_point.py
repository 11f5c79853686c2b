"""Messages without dependencies: all-to-all at once, and one message."""

import pytest

from hecasim.collectives import COLLECTIVES, Direct, PointToPoint, Send, Transfer, Uneven, bytes_sent, transfers
from hecasim.errors import ConfigError
from hecasim.topologies import Mesh


def test_a_member_sends_to_the_nearest_in_order_first_and_the_step_is_the_distance():
    assert Direct((3, 5, 9), 4).opening(1) == (Send(2, 4, 1), Send(0, 4, 2))


@pytest.mark.parametrize("n", [2, 3, 8])
def test_each_member_sends_its_share_less_its_own_block(n):
    size_bytes = 10 * n * n
    stages = COLLECTIVES["direct.all_to_all"](Mesh(1, n), range(n), size_bytes, {})
    assert bytes_sent(stages) == dict.fromkeys(range(n), (n - 1) * size_bytes // n**2)


@pytest.mark.parametrize("members", [(0, 1, 2, 3), (3, 1, 2), (2, 0)])
def test_every_pair_exchanges_what_the_table_says(members):
    table = tuple(
        7 * source + target if (source, target) != (1, 3) else 0 for source in range(4) for target in range(4)
    )
    ((pattern,),) = COLLECTIVES["direct.uneven_all_to_all"](Mesh(2, 2), members, 1, {"tile_bytes": table})
    wanted = {(a, b): table[4 * a + b] for a in members for b in members if a != b and table[4 * a + b]}
    sent = transfers(pattern)
    assert {(one.source_tile, one.target_tile): one.size_bytes for one in sent} == wanted == pattern.flows()
    assert len(sent) == len(wanted)
    assert len({(one.source_tile, one.target_tile, one.step) for one in sent}) == len(sent)
    for position, tile in enumerate(members):
        assert pattern.sent(position) == sum(source == tile for source, _ in wanted)
        assert pattern.expected(position) == sum(target == tile for _, target in wanted)
        assert not any(pattern.reduces(step) for step in range(pattern.steps))
        for send in pattern.opening(position):
            assert pattern.carries(position, send.step) == send.target


def test_equal_blocks_make_the_even_exchange():
    ((even,),) = COLLECTIVES["direct.all_to_all"](Mesh(2, 2), range(4), 16 * 5, {})
    ((uneven,),) = COLLECTIVES["direct.uneven_all_to_all"](Mesh(2, 2), range(4), 1, {"tile_bytes": (5,) * 16})
    assert transfers(uneven) == transfers(even)


def test_tokens_that_all_stay_are_no_exchange():
    table = tuple(9 * (source == target) for source in range(4) for target in range(4))
    assert COLLECTIVES["direct.uneven_all_to_all"](Mesh(2, 2), range(4), 36, {"tile_bytes": table}) == ()
    assert Uneven((4, 5), ((0, 0), (3, 0))).opening(0) == ()


@pytest.mark.parametrize("table", [None, (), (1,), (1, 2, 3), (0,) * 9])
def test_a_table_that_does_not_name_all_pairs_is_refused(table):
    with pytest.raises(ConfigError, match="no tile_bytes for all pairs"):
        COLLECTIVES["direct.uneven_all_to_all"](Mesh(2, 2), range(4), 5, {"tile_bytes": table})


def test_one_message_goes_from_the_first_to_the_second():
    assert transfers(PointToPoint(4, 2, 99)) == [Transfer(4, 2, 99, 0, ())]


def test_a_send_among_three_is_refused():
    with pytest.raises(ConfigError, match="3 members"):
        COLLECTIVES["point.send"](Mesh(1, 3), range(3), 5, {})
