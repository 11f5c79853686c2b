"""The mesh: link count, dimension order, folded rings."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hecasim.topologies import Mesh


@given(st.integers(1, 9), st.integers(1, 9))
def test_a_mesh_has_two_directed_links_per_edge(rows, columns):
    assert len(Mesh(rows, columns).links) == 2 * (rows * (columns - 1) + columns * (rows - 1))


def test_links_stand_in_the_order_of_source_and_target():
    assert Mesh(2, 2).links == ((0, 1), (0, 2), (1, 0), (1, 3), (2, 0), (2, 3), (3, 1), (3, 2))


def test_a_route_goes_along_the_row_first():
    mesh = Mesh(3, 4)
    assert [mesh.links[number] for number in mesh.route(0, 9)] == [(0, 1), (1, 5), (5, 9)]
    assert [mesh.links[number] for number in mesh.route(11, 4)] == [(11, 10), (10, 9), (9, 8), (8, 4)]


@pytest.mark.parametrize("n", range(2, 17))
def test_the_folded_ring_of_a_line_uses_each_of_its_directed_links_exactly_once(n):
    mesh = Mesh(1, n)
    ring = mesh.ring_order(range(n))
    used = Counter(number for a, b in pairwise([*ring, ring[0]]) for number in mesh.route(a, b))
    assert used == Counter(range(2 * (n - 1)))


def test_a_strided_group_folds_over_its_own_members():
    assert Mesh(1, 10).ring_order([8, 0, 2, 6, 4]) == (0, 4, 8, 6, 2)


def test_an_odd_rectangle_folds_its_snake():
    assert Mesh(3, 3).ring_order(range(9)) == (0, 2, 4, 6, 8, 7, 3, 5, 1)


def test_a_multicast_runs_along_the_row_and_then_up_and_down_the_columns():
    mesh = Mesh(3, 3)
    tree = mesh.multicast(4, [0, 1, 6])
    assert {tile: [mesh.links[number][1] for number in leaving] for tile, leaving in tree.items()} == {
        4: [1, 3],
        3: [0, 6],
    }
