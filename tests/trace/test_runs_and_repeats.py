"""What is written short is read back whole: rows of numbers, layers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hecasim.trace import runs
from hecasim.trace.checking import Fault
from hecasim.trace.repeats import Repeat, Stretch, folded

rows = st.lists(st.integers(0, 3), min_size=1, max_size=40) | st.builds(
    lambda pattern, times: pattern * times, st.lists(st.integers(0, 2), min_size=1, max_size=6), st.integers(1, 9)
)


@given(rows)
def test_a_row_of_sizes_is_read_back(row):
    assert runs.read(runs.written(row), len(row), 3) == tuple(row)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30))
def test_a_row_of_micro_batches_is_read_back(row):
    assert runs.read_counted(runs.counted(row), len(row)) == tuple(row)


def test_long_rows_are_short_in_the_file():
    assert runs.written([5] * 1024) == [[5, 1024]]
    assert runs.written(([7] * 20 + [6] * 12) * 32) == [[[[7, 20], [6, 12]], 32]]
    assert runs.written([1, 2]) == [1, 2]
    assert runs.counted(range(128)) == [[0, 128]]
    assert runs.counted([4, 9, 0, 1, 2]) == [4, 9, [0, 3]]


@pytest.mark.parametrize("written", [[[1, 9], 2], [[[1, 3], 5]], [[1]], [[1, 0]], [-1], [[9, 1]], [True]])
def test_a_row_that_is_too_long_or_no_row_is_refused(written):
    with pytest.raises(Fault):
        runs.read(written, 9, 8)


def unrolled(pieces, again):
    made = []
    for piece in pieces:
        made += again(made, piece) if isinstance(piece, Repeat) else [piece]
    return made


def plays_again(made, how):
    stretch = made[-how.length :]
    return [
        play.moved(how.layer * turn, how.micro_batch * turn) for turn in range(1, how.times + 1) for play in stretch
    ]


plays = st.builds(Stretch, st.integers(0, 2), st.integers(-1, 5), st.lists(st.integers(0, 4), min_size=1).map(tuple))


@given(st.lists(plays, min_size=1, max_size=12), st.integers(1, 5), st.integers(-1, 1), st.integers(0, 1))
def test_layers_are_unrolled_to_the_same_plays(stretch, times, layer, micro_batch):
    whole = [play.moved(layer * turn, micro_batch * turn) for turn in range(times) for play in stretch]
    assert unrolled(folded(whole), plays_again) == whole


def test_layers_one_after_another_are_one_stretch():
    whole = [Stretch(kind, layer, tuple(range(16))) for layer in range(126) for kind in (1, 2)]
    assert list(folded(whole)) == [*whole[:2], Repeat(2, 125, 1, 0)]
