"""Exchanges: what they claim to change is what recounting gives, and the cost never rises."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hecasim.experts import Options, Placement, Router, Routing, Site, Weights, draw, place
from hecasim.experts import placement as placements
from hecasim.experts.balanced import hottest_first
from hecasim.experts.exchange import Search
from hecasim.experts.layer_cost import Changes, State, Sums, _largest_but_two
from hecasim.experts.statistics import chiplet_loads, copies_per_token
from tests.experts.sets import OPTIONS, random_routing, small_model

SITE = Site(4, 2)
ALL = Weights(copy_s=1e-9, chiplet_s=5e-9, group_s=4e-9, home_s=7e-9, last_s=3e-9)


def recounted(routing, chiplet_of, site, weights):
    """The cost of one layer by sets of Python."""
    tokens = [{int(chiplet_of[expert]) for expert in token} for token in routing.chosen[0]]
    loads = np.bincount(chiplet_of[routing.chosen[0]].ravel(), minlength=site.chiplets)
    busiest = max(sum(1 for token in tokens for one in token if one // site.per_group == g) for g in range(site.groups))
    copies = sum(len(token) for token in tokens)
    homing = max(sum(1 for token in tokens if any(one // site.per_group == g for one in token))
                 for g in range(site.groups))  # fmt: skip
    last = max(min(int(loads[g * site.per_group + at]) for at in range(site.per_group)) for g in range(site.groups))
    on_links = weights.copy_s * copies + weights.group_s * busiest + weights.home_s * homing
    return on_links + weights.chiplet_s * int(loads.max()) + weights.last_s * last


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10**6), st.sampled_from([(12, 3), (16, 4), (8, 8)]), st.integers(1, 130),
    st.sampled_from([OPTIONS.weights, ALL]), st.sampled_from([SITE, Site(4, 4), Site(4, 1)]),
)  # fmt: skip
def test_the_cost_of_every_exchange_is_what_recounting_gives(seed, sizes, tokens, weights, site):
    experts, top_k = sizes
    routing = random_routing(experts, top_k, tokens, 1, seed)
    chiplet_of = np.random.default_rng(seed).permutation(np.arange(experts, dtype=np.int16) % 4)
    search = Search(routing.chosen[0], chiplet_of, site, weights)
    assert search.cost_s == pytest.approx(recounted(routing, chiplet_of, site, weights), rel=1e-12)
    costs = search._state().costs(chiplet_of, search._changes())
    for a in range(experts):
        for b in range(experts):
            if chiplet_of[a] == chiplet_of[b]:
                assert costs[a, b] == np.inf
                continue
            after = chiplet_of.copy()
            after[a], after[b] = after[b], after[a]
            assert costs[a, b] == pytest.approx(recounted(routing, after, site, weights), rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([OPTIONS.weights, ALL]))
def test_a_round_of_exchanges_lowers_the_cost_and_keeps_its_books(seed, weights):
    routing = random_routing(32, 4, 100, 1, seed)
    chiplet_of = np.random.default_rng(seed).permutation(np.arange(32, dtype=np.int16) % 8)
    site = Site(8, 2)
    search = Search(routing.chosen[0], chiplet_of, site, weights)
    before = search.cost_s
    while search.exchange():
        fresh = Search(routing.chosen[0], search.chiplet_of, site, weights)
        assert search.cost_s == fresh.cost_s < before
        for own, other in zip(search._changes(), fresh._changes(), strict=True):
            assert np.array_equal(own, other)
        before = search.cost_s
    costs = search._state().costs(search.chiplet_of, search._changes())
    assert costs.min() >= search.cost_s


@given(st.lists(st.integers(0, 50), min_size=1, max_size=7))
def test_the_largest_but_two(values):
    found = _largest_but_two(np.array(values))
    for i in range(len(values)):
        for j in range(len(values)):
            assert found[i, j] == max([value for at, value in enumerate(values) if at not in (i, j)], default=0)


def test_an_exchange_that_does_not_help_is_not_taken():
    state = State(Sums(np.array([5, 5]), np.array([10]), np.array([10, 10])), Site(2, 1), OPTIONS.weights)
    changes = Changes(np.zeros((2, 2), np.int64), None, np.array([3, 3]))
    assert not state.take(0, 1, np.array([0, 1], np.int16), changes)


def with_weights(copy_s, chiplet_s, group_s):
    return Options(Weights(copy_s, chiplet_s, group_s))


def test_weights_choose_what_is_made_small():
    routing = draw(small_model(64, 6, layers=3), Router(5, 3.0, 0.8), 2000, seed=0)
    site = Site(16, 4)
    few, even = (place("balanced", routing, site, one) for one in (with_weights(1, 0, 0), with_weights(0, 1, 0)))
    copies = [copies_per_token(routing, one).mean() for one in (few, even)]
    hottest = [chiplet_loads(routing, one).max(axis=1).mean() for one in (few, even)]
    assert copies[0] < copies[1]
    assert hottest[1] < hottest[0]


def test_it_beats_clustering_on_copies_and_balance_of_other_tokens():
    fitted, measured = draw(small_model(64, 6, layers=4), Router(6, 4.0, 0.3), 6000, seed=1).halves()
    site = Site(16, 4)
    ours, theirs = (place(kind, fitted, site, OPTIONS) for kind in ("balanced", "clustered"))
    assert copies_per_token(measured, ours).mean() < copies_per_token(measured, theirs).mean()
    assert chiplet_loads(measured, ours).max(axis=1).mean() < 0.85 * chiplet_loads(measured, theirs).max(axis=1).mean()


def test_more_starts_never_cost_more():
    routing = draw(small_model(32, 4, layers=2), Router(4, 3.0, 0.5), 500, seed=2)
    site = Site(8, 2)
    costs = []
    for starts in (1, 2, 4):
        found = placements.balanced(routing, site, Options(OPTIONS.weights, starts=starts))
        pairs = zip(routing.chosen, found, strict=True)
        costs.append([Search(chosen, row, site, OPTIONS.weights).cost_s for chosen, row in pairs])
    assert all(a >= b >= c for a, b, c in zip(*costs, strict=True))


def test_one_expert_that_gets_all_tokens_or_none_is_placed():
    chosen = np.array([[[0, 1]] * 50], np.int16)
    found = place("balanced", Routing(chosen, 8), Site(4, 2), OPTIONS)
    assert isinstance(found, Placement)
    assert np.bincount(found.chiplet_of[0]).tolist() == [2] * 4


@given(st.permutations(np.arange(16) % 8), st.integers(0, 20))
def test_chiplets_of_a_group_are_named_by_their_load_and_nothing_else_changes(chiplet_of, seed):
    site = Site(8, 2)
    chosen = random_routing(16, 3, 40, 1, seed).chosen[0]
    before = np.array(chiplet_of, np.int16)
    after = hottest_first(chosen, before, site)
    assert np.array_equal(before // 4, after // 4)
    assert np.array_equal(before[:, None] == before, after[:, None] == after)
    loads = np.bincount(after[chosen].ravel(), minlength=8).reshape(2, 4)
    assert (np.diff(loads, axis=1) <= 0).all()
