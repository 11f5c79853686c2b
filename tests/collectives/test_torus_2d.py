"""The two-dimensional all-reduce: its stages, its steps and its bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hecasim.collectives import COLLECTIVES, bytes_sent
from hecasim.errors import ConfigError
from hecasim.topologies import Mesh, Torus

all_reduce = COLLECTIVES["torus_2d.all_reduce"]
TWO = {"colours": "two"}
sides = st.integers(1, 6)


def test_three_stages_reduce_in_rows_all_reduce_in_columns_gather_in_rows():
    stages = all_reduce(Torus(2, 4), range(8), 800, {})
    assert [[ring.members for ring in stage] for stage in stages] == [
        [(0, 1, 2, 3), (4, 5, 6, 7)],
        [(0, 4), (1, 5), (2, 6), (3, 7)],
        [(0, 1, 2, 3), (4, 5, 6, 7)],
    ]
    assert [(stage[0].steps, stage[0].reduce_steps, stage[0].chunk_bytes) for stage in stages] == [
        (3, 3, 200),
        (2, 1, 100),
        (3, 0, 200),
    ]


@given(sides, sides, st.integers(1, 10**6), st.sampled_from([Mesh, Torus]))
def test_both_variants_move_the_bytes_of_a_flat_ring(rows, columns, blocks, kind):
    n = rows * columns
    size_bytes = 2 * n * blocks  # no rounding anywhere
    for options in ({}, TWO):
        sent = bytes_sent(all_reduce(kind(rows, columns), range(n), size_bytes, options))
        assert sent == (dict.fromkeys(range(n), 2 * (n - 1) * size_bytes // n) if n > 1 else {})


@given(st.integers(2, 6), st.integers(2, 6))
def test_two_colours_load_every_line_in_every_phase(rows, columns):
    for stage in all_reduce(Mesh(rows, columns), range(rows * columns), 10**6, TWO):
        assert len(stage) == rows + columns
        assert sum(len(ring.members) for ring in stage) == 2 * rows * columns


@pytest.mark.parametrize("options", [{}, TWO])
def test_members_in_one_line_reduce_and_gather(options):
    stages = all_reduce(Mesh(3, 4), range(4, 8), 400, options)
    assert [(ring.members, ring.steps, ring.reduce_steps) for (ring,) in stages] == [
        ((4, 6, 7, 5), 3, 3),
        ((4, 6, 7, 5), 3, 0),
    ]


def test_members_that_are_no_rectangle_are_refused():
    with pytest.raises(ConfigError, match="3 members in 2 rows and 2 columns"):
        all_reduce(Mesh(3, 3), [0, 1, 3], 100, {})
