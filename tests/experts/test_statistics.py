"""Statistics of routing by hand and by other ways of counting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hecasim.experts.statistics import co_activation, gini, load_share, max_over_mean, uniform_copies
from tests.experts.sets import random_routing, routing_of

CASE = routing_of([[0, 1], [0, 2], [0, 1]], 4)


def test_loads_and_shares_by_hand():
    assert CASE.loads().tolist() == [[3, 2, 1, 0]]
    assert load_share(CASE).tolist() == [[0.5, 1 / 3, 1 / 6, 0]]
    assert max_over_mean(CASE.loads()).tolist() == [2.0]


def test_co_activation_by_hand():
    assert co_activation(CASE.chosen[0], 4).tolist() == [[3, 2, 1, 0], [2, 2, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=40).filter(any))
def test_gini_is_the_mean_difference_over_twice_the_mean(loads):
    values = np.array(loads)
    difference = np.abs(values[:, None] - values[None, :]).mean()
    assert gini(values) == pytest.approx(difference / (2 * values.mean()), abs=1e-12)


def test_gini_of_equal_and_of_one():
    assert gini(np.array([3, 3, 3])) == pytest.approx(0)
    assert gini(np.array([0, 0, 0, 8])) == pytest.approx(0.75)


@given(st.integers(0, 1000))
def test_co_activation_sums_to_pairs(seed):
    routing = random_routing(12, 3, 50, 1, seed)
    together = co_activation(routing.chosen[0], 12)
    assert np.array_equal(together, together.T)
    assert together.sum() == 50 * 9
    assert np.array_equal(together.diagonal(), routing.loads()[0])


@pytest.mark.parametrize(
    ("experts", "top_k", "places", "copies"),
    [(128, 8, 16, 6.597), (64, 8, 16, 6.751), (64, 6, 16, 5.316), (128, 8, 4, 3.629), (64, 6, 4, 3.345), (8, 2, 8, 2)],
)
def test_uniform_copies_in_closed_form(experts, top_k, places, copies):
    assert uniform_copies(experts, top_k, places) == pytest.approx(copies, abs=0.0005)


def test_halves_share_no_token():
    first, second = random_routing(8, 2, 11).halves()
    assert (first.tokens, second.tokens) == (5, 5)
