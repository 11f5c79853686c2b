"""The torus: wrap links, the shortest way round, natural rings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hecasim.topologies import Mesh, Torus


@given(st.integers(3, 9), st.integers(3, 9))
def test_every_tile_has_four_neighbours(rows, columns):
    assert len(Torus(rows, columns).links) == 4 * rows * columns


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (2, 2)])
def test_a_line_of_two_has_no_wrap_link(shape):
    assert Torus(*shape).links == Mesh(*shape).links


def test_a_route_takes_the_shorter_way_round():
    torus = Torus(1, 5)
    assert [torus.links[number] for number in torus.route(0, 3)] == [(0, 4), (4, 3)]


def test_of_two_equal_ways_the_increasing_one_is_taken():
    torus = Torus(1, 4)
    assert [torus.links[number] for number in torus.route(1, 3)] == [(1, 2), (2, 3)]
    assert [torus.links[number] for number in torus.route(3, 1)] == [(3, 0), (0, 1)]


def test_a_whole_line_is_a_ring_in_its_natural_order():
    assert Torus(2, 5).ring_order(range(5, 10)) == (5, 6, 7, 8, 9)
    assert Torus(4, 3).ring_order([1, 4, 7, 10]) == (1, 4, 7, 10)


def test_an_evenly_spaced_group_is_a_ring_in_its_natural_order():
    assert Torus(1, 8).ring_order([0, 2, 4, 6]) == (0, 2, 4, 6)


def test_a_part_of_a_line_is_folded_as_on_a_mesh():
    assert Torus(1, 8).ring_order([1, 2, 3, 4]) == (1, 3, 4, 2)


def test_members_whose_last_gap_is_wider_are_folded():
    assert Torus(1, 9).ring_order([0, 2, 4, 6]) == (0, 4, 6, 2)
