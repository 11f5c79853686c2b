"""Messages without dependencies: all-to-all at once, and one message."""

import pytest

from hecasim.collectives import COLLECTIVES, Direct, PointToPoint, Send, Transfer, bytes_sent, transfers
from hecasim.errors import ConfigError
from hecasim.topologies import Mesh


def test_a_member_sends_to_the_nearest_in_order_first_and_the_step_is_the_distance():
    assert Direct((3, 5, 9), 4).opening(1) == (Send(2, 4, 1), Send(0, 4, 2))


@pytest.mark.parametrize("n", [2, 3, 8])
def test_each_member_sends_its_share_less_its_own_block(n):
    size_bytes = 10 * n * n
    stages = COLLECTIVES["direct.all_to_all"](Mesh(1, n), range(n), size_bytes, {})
    assert bytes_sent(stages) == dict.fromkeys(range(n), (n - 1) * size_bytes // n**2)


def test_one_message_goes_from_the_first_to_the_second():
    assert transfers(PointToPoint(4, 2, 99)) == [Transfer(4, 2, 99, 0, ())]


def test_a_send_among_three_is_refused():
    with pytest.raises(ConfigError, match="3 members"):
        COLLECTIVES["point.send"](Mesh(1, 3), range(3), 5, {})
