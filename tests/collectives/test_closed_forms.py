"""Closed forms of bytes sent, against the cost table they come from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hecasim.collectives import bytes_sent_per_member
from hecasim.errors import ConfigError


@given(st.integers(2, 32), st.integers(1, 2**20))
def test_without_rounding_they_are_the_rows_of_the_cost_table(n, blocks):
    m = blocks * n * n * 2
    assert bytes_sent_per_member("ring.all_gather", n, m) == (n - 1) * m // n
    assert bytes_sent_per_member("ring.reduce_scatter", n, m) == (n - 1) * m // n
    assert bytes_sent_per_member("ring.all_reduce", n, m) == 2 * (n - 1) * m // n
    assert bytes_sent_per_member("ring.all_reduce", n, m, {"ring": "bidirectional"}) == 2 * (n - 1) * m // n
    assert bytes_sent_per_member("direct.all_to_all", n, m) == (n - 1) * m // n**2
    assert bytes_sent_per_member("rounds.reduce_scatter", n, m, {"chunks": 1}) == (n - 1) * m // n


def test_the_torus_needs_its_rows():
    with pytest.raises(ConfigError, match="12 members in 5 rows"):
        bytes_sent_per_member("torus_2d.all_reduce", 12, 100, rows=5)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match=r"did you mean 'ring\.all_reduce'"):
        bytes_sent_per_member("ring.allreduce", 4, 100)
