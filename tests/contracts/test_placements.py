"""Every placement: each expert once, equal chiplets, the same answer again, and what it is not told it does not use."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hecasim.errors import ConfigError
from hecasim.experts import PLACEMENTS, Site, place
from hecasim.experts.placed import Placement
from hecasim.experts.statistics import chiplet_loads, copies_per_token, group_loads, groups_per_token
from tests.experts.sets import OPTIONS, random_routing

SIZES = [(16, 4, 4, 2), (16, 2, 16, 4), (12, 3, 6, 3), (8, 8, 2, 1), (8, 2, 1, 1), (64, 6, 16, 4), (24, 4, 24, 4)]


@pytest.mark.parametrize("kind", PLACEMENTS)
@settings(max_examples=15, deadline=None)
@given(st.sampled_from(SIZES), st.integers(0, 1000), st.integers(1, 70))
def test_every_expert_lives_once_and_chiplets_are_equal(kind, sizes, seed, tokens):
    experts, top_k, chiplets, groups = sizes
    routing = random_routing(experts, top_k, tokens, 2, seed)
    placement = place(kind, routing, Site(chiplets, groups), OPTIONS)
    assert placement.chiplet_of.shape == (2, experts)
    for layer in range(2):
        assert np.bincount(placement.chiplet_of[layer], minlength=chiplets).tolist() == [experts // chiplets] * chiplets
        assert sorted(one for members in placement.members(layer) for one in members) == list(range(experts))
    assert np.array_equal(placement.chiplet_of, place(kind, routing, Site(chiplets, groups), OPTIONS).chiplet_of)


@pytest.mark.parametrize("kind", PLACEMENTS)
@settings(max_examples=15, deadline=None)
@given(st.sampled_from(SIZES), st.integers(0, 1000))
def test_assignments_and_copies_add_up(kind, sizes, seed):
    experts, top_k, chiplets, groups = sizes
    routing = random_routing(experts, top_k, 40, 2, seed)
    placement = place(kind, routing, Site(chiplets, groups), OPTIONS)
    assert chiplet_loads(routing, placement).sum(axis=1).tolist() == [40 * top_k] * 2
    by_group = chiplet_loads(routing, placement).reshape(2, groups, -1).sum(axis=2)
    assert np.array_equal(group_loads(routing, placement), by_group)
    copies, hit = copies_per_token(routing, placement), groups_per_token(routing, placement)
    for layer in range(2):
        sets = [{int(placement.chiplet_of[layer, one]) for one in token} for token in routing.chosen[layer]]
        assert copies[layer] == pytest.approx(sum(map(len, sets)) / 40)
        in_groups = [{one // placement.site.per_group for one in hits} for hits in sets]
        assert hit[layer] == pytest.approx(sum(map(len, in_groups)) / 40)
    assert (hit <= copies).all()
    assert (copies <= min(top_k, chiplets)).all()


@pytest.mark.parametrize("kind", PLACEMENTS)
def test_layers_are_placed_one_by_one(kind):
    """The first layer alone gives its own row."""
    routing = random_routing(16, 4, 60, 2, 3)
    alone = type(routing)(routing.chosen[:1], 16)
    site = Site(4, 2)
    both = place(kind, routing, site, OPTIONS).chiplet_of
    assert np.array_equal(place(kind, alone, site, OPTIONS).chiplet_of[0], both[0])


@pytest.mark.parametrize("kind", PLACEMENTS)
def test_experts_that_cannot_be_shared_out_equally_are_refused(kind):
    with pytest.raises(ConfigError, match=r"chiplets: found 5; expected a divisor of the experts \(16\)"):
        place(kind, random_routing(16, 4, 8), Site(5, 1), OPTIONS)


def test_an_unknown_placement_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="placement: unknown name 'clusterd'; did you mean 'clustered'"):
        place("clusterd", random_routing(16, 4, 8), Site(4, 2), OPTIONS)


@pytest.mark.parametrize(("chiplets", "groups"), [(4, 3), (0, 1), (4, 0)])
def test_a_site_of_unequal_groups_is_refused(chiplets, groups):
    with pytest.raises(ConfigError, match="expected"):
        Site(chiplets, groups)


def test_groups_are_neighbouring_chiplets():
    placement = Placement("x", Site(4, 2), np.array([[0, 1, 2, 3]], np.int16))
    assert placement.group_of.tolist() == [[0, 0, 1, 1]]
