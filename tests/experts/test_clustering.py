"""Algorithm 1 on a case worked by hand, and what holds for any co-activation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hecasim.errors import ConfigError
from hecasim.experts.clustering import cluster
from hecasim.experts.statistics import co_activation
from tests.experts.sets import random_routing, routing_of

# Eight experts in four clusters of two, or two of four. Tokens of two experts each; the number is how often.
#   0-1: 5   2-3: 4   4-5: 4   6-7: 3   0-2: 2   1-3: 1   4-6: 2   5-7: 1
TOKENS = [[0, 1]] * 5 + [[2, 3]] * 4 + [[4, 5]] * 4 + [[6, 7]] * 3 + [[0, 2]] * 2 + [[1, 3]] + [[4, 6]] * 2 + [[5, 7]]
TOGETHER = co_activation(routing_of(TOKENS, 8).chosen[0], 8)


def test_the_co_activation_of_the_case_is_what_its_tokens_say():
    expected = np.zeros((8, 8), int)
    for a, b, times in ((0, 1, 5), (2, 3, 4), (4, 5, 4), (6, 7, 3), (0, 2, 2), (1, 3, 1), (4, 6, 2), (5, 7, 1)):
        expected[a, b] = expected[b, a] = times
    loads = [7, 6, 6, 5, 6, 5, 5, 4]
    assert np.array_equal(TOGETHER, expected + np.diag(loads))


def test_two_clusters_of_four_by_hand():
    # Begin: 0-1 is the most co-active pair. Lowest co-activation with {0, 1}: 4, 5, 6 and 7 have none; 4 is first.
    # Fill cluster 0: with {0, 1} expert 2 has 2, 3 has 1; then with {0, 1, 2} expert 3 has 1 + 4. So {0, 1, 2, 3}.
    # Fill cluster 1 from 4: 5 has 4; then 6 has 2 + 0 and 7 has 0 + 1: 6; then 7. So {4, 5, 6, 7}.
    assert cluster(TOGETHER, 2).tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


def test_four_clusters_of_two_by_hand():
    # {0, 1} begins and is full. Then 4 (none with 0, 1). Then the least with {0, 1, 4}: 7 has none. Then with {0, 1, 4,
    # 7}: 2 has 2, 3 has 1, 5 has 4 + 1, 6 has 2 + 3: 3. Fill: 4 takes 5, 7 takes 6, 3 takes 2.
    assert cluster(TOGETHER, 4).tolist() == [0, 0, 3, 3, 1, 1, 2, 2]


def test_the_largest_instead_of_the_mean_may_begin_elsewhere():
    # Of {0, 1} expert 2 has 3 and 2 (sum 5, largest 3), expert 3 has 4 and 0 (sum 4, largest 4).
    together = np.array([[0, 9, 3, 4], [9, 0, 2, 0], [3, 2, 0, 1], [4, 0, 1, 0]])
    together = np.pad(together, (0, 2), constant_values=7)
    together[4:, 4:] = 0
    assert cluster(together, 3)[3] == 1
    assert cluster(together, 3, "sum")[3] == 1
    assert cluster(together, 3, "max")[2] == 1


@pytest.mark.parametrize("clusters", [1, 8])
def test_one_cluster_takes_all_and_as_many_as_experts_take_one_each(clusters):
    assert sorted(cluster(TOGETHER, clusters).tolist()) == sorted(list(range(clusters)) * (8 // clusters))


@given(st.sampled_from([(16, 4), (16, 8), (16, 16), (64, 16), (12, 3)]), st.integers(0, 50))
def test_clusters_are_equal_and_mean_is_sum(sizes, seed):
    experts, clusters = sizes
    together = co_activation(random_routing(experts, 4, 60, 1, seed).chosen[0], experts)
    found = cluster(together, clusters)
    assert np.bincount(found, minlength=clusters).tolist() == [experts // clusters] * clusters
    assert np.array_equal(found, cluster(together, clusters, "sum"))
    a, b = np.argwhere(found == 0).ravel()[:2] if experts > clusters else (0, 0)
    off_diagonal = together - np.diag(together.diagonal())
    if experts == 2 * clusters:
        assert off_diagonal[a, b] == off_diagonal.max()


def test_experts_that_never_meet_others_are_placed_too():
    together = np.diag(np.arange(8))
    assert np.bincount(cluster(together, 4)).tolist() == [2] * 4


def test_an_unknown_aggregate_is_refused():
    with pytest.raises(ConfigError, match="unknown name 'men'; did you mean 'mean'"):
        cluster(TOGETHER, 2, "men")
