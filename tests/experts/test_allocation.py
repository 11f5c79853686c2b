"""Clusters to groups: the exact search finds what looking at every partition finds."""

import json
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hecasim.errors import ConfigError
from hecasim.experts import Site
from hecasim.experts.allocation import NORMS, allocate, chiplets_of, imbalance, is_exact

# Made by `brute_force_16` below, over all 2,627,625 partitions of 16 clusters into 4 groups, for each list of loads.
STORED = json.loads((Path(__file__).parent / "data" / "allocation_16_4.json").read_text(encoding="utf-8"))


def partitions(places: list[int], size: int) -> Iterator[list[tuple[int, ...]]]:
    """Every way to cut *places* into unordered groups of *size*."""
    if not places:
        yield []
        return
    first, rest = places[0], places[1:]
    for others in combinations(rest, size - 1):
        left = [one for one in rest if one not in others]
        for groups in partitions(left, size):
            yield [(first, *others), *groups]


def cost(groups: list[tuple[int, ...]], loads: list[int], norm: str) -> int:
    sums = [sum(loads[one] for one in group) for group in groups]
    apart = [abs(len(groups) * one - sum(loads)) for one in sums]
    return {"l1": sum(apart), "l2": sum(one**2 for one in apart), "max": max(sums)}[norm]


def brute_force_16(loads: list[int]) -> tuple[int, int]:
    """Partitions seen, and the least L1 of them: all sets of 4, in the arrays of three nested choices."""
    total, values = sum(loads), np.array(loads)
    seen, least = 0, 1 << 60
    for first in combinations(range(1, 16), 3):
        left = [one for one in range(1, 16) if one not in first]
        one = values[[0, *first]].sum()
        for second in combinations(left[1:], 3):
            rest = [x for x in left[1:] if x not in second]
            two = values[[left[0], *second]].sum()
            three = np.array([values[[rest[0], *third]].sum() for third in combinations(rest[1:], 3)])
            four = total - one - two - three
            costs = abs(4 * one - total) + abs(4 * two - total) + abs(4 * three - total) + abs(4 * four - total)
            seen, least = seen + len(costs), min(least, int(costs.min()))
    return seen, least


@pytest.mark.parametrize("case", STORED["cases"], ids=lambda case: case["about"])
def test_the_exact_search_equals_all_partitions_as_stored(case):
    loads = np.array(case["loads"])
    found = allocate(loads, Site(16, 4))
    assert np.bincount(found).tolist() == [4] * 4
    assert imbalance(loads, found, Site(16, 4)) == case["least_l1"]
    assert STORED["partitions"] == 2_627_625


@pytest.mark.long
@pytest.mark.parametrize("case", STORED["cases"], ids=lambda case: case["about"])
def test_what_is_stored_is_what_looking_at_every_partition_gives(case):
    assert brute_force_16(case["loads"]) == (STORED["partitions"], case["least_l1"])


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([(4, 2), (6, 3), (6, 2), (8, 2), (8, 4), (9, 3), (4, 4), (4, 1)]), st.sampled_from(NORMS), st.data()
)
def test_the_exact_search_equals_all_partitions(sizes, norm, data):
    site = Site(*sizes)
    loads = data.draw(st.lists(st.integers(0, 1000), min_size=site.chiplets, max_size=site.chiplets))
    found = allocate(np.array(loads), site, "exact", norm)
    assert np.bincount(found, minlength=site.groups).tolist() == [site.per_group] * site.groups
    least = min(cost(groups, loads, norm) for groups in partitions(list(range(site.chiplets)), site.per_group))
    assert imbalance(np.array(loads), found, site, norm) == least


def test_twelve_clusters_live():
    loads = np.random.default_rng(5).integers(100, 9000, 12)
    least = min(cost(groups, loads.tolist(), "l1") for groups in partitions(list(range(12)), 4))
    assert imbalance(loads, allocate(loads, Site(12, 3)), Site(12, 3)) == least


@given(st.lists(st.integers(0, 10**6), min_size=16, max_size=16))
def test_greedy_is_whole_and_never_better(loads):
    site = Site(16, 4)
    greedy, exact = (allocate(np.array(loads), site, solver) for solver in ("greedy", "exact"))
    assert np.bincount(greedy).tolist() == [4] * 4
    assert imbalance(np.array(loads), exact, site) <= imbalance(np.array(loads), greedy, site)


def test_too_large_a_search_is_greedy():
    loads = np.arange(64)
    assert is_exact(Site(16, 4))
    assert not is_exact(Site(64, 16))
    found = allocate(loads, Site(64, 16))
    assert np.array_equal(found, allocate(loads, Site(64, 16), "greedy"))
    assert np.bincount(found).tolist() == [4] * 16


def test_chiplets_of_a_group_lie_together():
    group_of = np.array([1, 0, 1, 0, 2, 2], np.int16)
    assert chiplets_of(group_of, Site(6, 3)).tolist() == [2, 0, 3, 1, 4, 5]


def test_an_unknown_word_is_refused():
    with pytest.raises(ConfigError, match="allocation: unknown name 'exct'; did you mean 'exact'"):
        allocate(np.arange(4), Site(4, 2), "exct")
    with pytest.raises(ConfigError, match="norm: unknown name 'l3'"):
        allocate(np.arange(4), Site(4, 2), "exact", "l3")
