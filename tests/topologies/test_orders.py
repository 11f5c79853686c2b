"""The orders themselves: folded line, snake, Hamiltonian cycle."""

from itertools import pairwise

import pytest

from hecasim.topologies.orders import folded, hamiltonian_cycle, snake


@pytest.mark.parametrize(("n", "order"), [(1, (0,)), (2, (0, 1)), (5, (0, 2, 4, 3, 1)), (6, (0, 2, 4, 5, 3, 1))])
def test_a_folded_line_passes_over_every_second_member(n, order):
    assert folded(range(n)) == order


def test_a_snake_turns_at_the_end_of_every_occupied_row():
    assert snake([8, 0, 10, 2, 1], columns=4) == (0, 1, 2, 10, 8)


@pytest.mark.parametrize(("rows", "columns"), [(r, c) for r in range(2, 8) for c in range(2, 8) if r * c % 2 == 0])
def test_a_hamiltonian_cycle_visits_each_place_once_by_neighbour_steps(rows, columns):
    walk = hamiltonian_cycle(rows, columns)
    assert walk[0] == (0, 0)
    assert sorted(walk) == [(row, column) for row in range(rows) for column in range(columns)]
    assert all(abs(r - s) + abs(c - d) == 1 for (r, c), (s, d) in pairwise([*walk, walk[0]]))


@pytest.mark.parametrize(("rows", "columns"), [(3, 5), (1, 4), (1, 1)])
def test_a_cycle_that_does_not_exist_is_not_looked_for(rows, columns):
    with pytest.raises(AssertionError):
        hamiltonian_cycle(rows, columns)
