"""Capacity: every assignment is kept or counted as dropped, and the first in order are kept."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hecasim.errors import ConfigError
from hecasim.experts import apply_capacity
from hecasim.experts.capacity import expert_capacity
from tests.experts.sets import random_routing, routing_of


@given(st.integers(0, 10**6), st.floats(0.05, 4), st.sampled_from([1, 2, 4, 12]))
def test_every_assignment_is_kept_or_counted(seed, factor, batches):
    routing = random_routing(8, 2, 24, 3, seed)
    kept = apply_capacity(routing, factor, 24 // batches)
    assert (kept.loads().sum(axis=1) + kept.dropped == 24 * 2).all()
    for layer in range(3):
        for batch in range(batches):
            part = slice(batch * 24 // batches, (batch + 1) * 24 // batches)
            ids, mask = routing.chosen[layer, part], kept.mask[layer, part]
            for expert in range(8):
                flags = mask[ids == expert].tolist()  # in order of the tokens
                taken = min(len(flags), kept.capacity)
                assert flags == [True] * taken + [False] * (len(flags) - taken)


def test_no_limit_drops_nothing():
    kept = apply_capacity(random_routing(8, 2, 10), None)
    assert kept.capacity is None
    assert kept.dropped.tolist() == [0, 0]
    assert np.array_equal(kept.loads(), kept.routing.loads())


def test_the_capacity_is_exact():
    assert expert_capacity(1.25, 64, 2, 8) == 20
    assert expert_capacity(1.1, 100, 1, 10) == 11  # 1.1 x 10 is 11.000000000000002 in floats
    assert expert_capacity(1.0, 10, 1, 3) == 4


def test_by_hand():
    routing = routing_of([[0, 1], [0, 2], [0, 1], [1, 3]], 4)  # three tokens want 0, three want 1
    kept = apply_capacity(routing, 1.0)
    assert kept.capacity == 2
    assert kept.mask[0].tolist() == [[True, True], [True, True], [False, True], [False, True]]
    assert kept.dropped.tolist() == [2]


@pytest.mark.parametrize(("factor", "batch"), [(0, None), (-1.0, None), (1.0, 7), (1.0, 0)])
def test_odd_limits_are_refused(factor, batch):
    with pytest.raises(ConfigError, match="expected"):
        apply_capacity(random_routing(8, 2, 10), factor, batch)
