"""One parameter changed at a time: layer times and speed-ups of the table to 0.2 % (Hecaton closed forms, derived).

A layer's time is the sum of `compute_ps` and `nop_ps` over the rows of its attention and FFN in layers.csv, forward and
backward; each row comes from that body replayed alone. The flat ring's layer is its compute and four of its
all-reduces (six gathers and four scatters where sequence parallel), one of them replayed alone per parameter set.
The table has one sequence of 4096 tokens and local core attention: head counts are raised, at the same widths and
FLOPs, until every die has whole heads.
"""

from functools import lru_cache

import pytest

from hecasim.analytic.census import Counter
from tests.oracle.steps import (
    BLOCKS,
    PASSES,
    E,
    alone,
    collective,
    one_layer,
    oracle,
    plan_of,
    replay_alone,
    trace_of,
)

TOKENS = 4096
WITHIN = 2e-3
FINE_HEADS = {  # name, changes that keep h, q, f and the FLOPs of the model
    "405B": ("llama3.1-405b", {"heads": 16384, "kv_heads": 1024, "head_dim": 1, "positions": "learned"}),
    "70B": ("llama2-70b", {"heads": 8192, "kv_heads": 1024, "head_dim": 1, "positions": "learned"}),
}
SQUARE = {"405B": (32, 32), "70B": (16, 16)}
MS = 1e9  # picoseconds


def model_of(size):
    name, changes = FINE_HEADS[size]
    return one_layer(name, vocab=64, **changes)


@lru_cache(maxsize=64)
def parts(size, grid, regather=True, simulated=True, **changes):
    """(compute, link time) of a layer by Hecaton, in ms; compute alone where the links are not asked for."""
    package = oracle(*grid, **dict(changes))
    trace = trace_of(package, model_of(size), plan_of("hecaton", 1, TOKENS, kv="gather", regather=regather))
    compute = nop = 0
    for block in BLOCKS:
        for phase in PASSES:
            if simulated:
                row = replay_alone(package, trace, block, phase).layers[0, phase, block]
                compute, nop = compute + row.compute_ps, nop + row.nop_ps
            else:
                counter = Counter(trace, package)
                for kind, times in alone(trace, block, phase).counted_kinds():
                    spans = [counter.count(task).core_ps for task in kind.tasks]
                    compute += times * sum(int(span.max()) for span in spans if span is not None)
    return compute / MS, nop / MS


@lru_cache(maxsize=64)
def ring_ms(size, grid, algorithm="ring.all_reduce", ring="unidirectional", **changes):
    package = oracle(*grid, **dict(changes))
    activation = TOKENS * model_of(size).hidden * E
    return collective(package, algorithm, range(grid[0] * grid[1]), activation, ring=ring).step_ps / MS


def flat_parts(size, grid, ring="unidirectional", sequence_parallel=False, **changes):
    """(compute, link time) of a layer on the flat ring."""
    compute, _ = parts(size, grid, simulated=False, **changes)
    if sequence_parallel:
        names = ("ring.all_gather", "ring.reduce_scatter")
        gather, scatter = (ring_ms(size, grid, algorithm=name, **changes) for name in names)
        return compute, 6 * gather + 4 * scatter  # per block: gather, scatter; backward a gather, a scatter, a gather
    return compute, 4 * ring_ms(size, grid, ring=ring, **changes)


# What is changed, the layer time of flat ring and Hecaton in ms, and the speed-up, per model.
TABLE = {
    "none": ({}, {}, {"405B": (41.576, 12.810, 3.25), "70B": (25.590, 13.780, 1.86)}),
    "links twice as fast": (*[{"link__bandwidth": "64 GB/s"}] * 2,
                            {"405B": (24.815, 10.397, 2.39), "70B": (17.235, 11.322, 1.52)}),
    "links half as fast": (*[{"link__bandwidth": "16 GB/s"}] * 2,
                           {"405B": (75.098, 17.635, 4.26), "70B": (42.302, 18.695, 2.26)}),
    "dies twice as fast": (*[{"chiplet__core__peak": "20 TFLOP/s"}] * 2,
                           {"405B": (37.590, 8.824, 4.26), "70B": (21.161, 9.350, 2.26)}),
    "dies half as fast": (*[{"chiplet__core__peak": "5 TFLOP/s"}] * 2,
                          {"405B": (49.549, 20.783, 2.38), "70B": (34.449, 22.638, 1.52)}),
    "hops of 2 ns": (*[{"link__latency": "2 ns"}] * 2,
                     {"405B": (41.511, 12.800, 3.24), "70B": (25.574, 13.775, 1.86)}),
    "hops of 50 ns": (*[{"link__latency": "50 ns"}] * 2,
                      {"405B": (41.903, 12.860, 3.26), "70B": (25.672, 13.804, 1.86)}),
    "without the second gathers": ({}, {"regather": False},
                                   {"405B": (41.576, 12.014, 3.46), "70B": (25.590, 12.980, 1.97)}),
    "bidirectional flat ring": ({"ring": "bidirectional"}, {},
                                {"405B": (24.815, 12.810, 1.94), "70B": (17.235, 13.780, 1.25)}),
    "sequence-parallel flat ring": ({"sequence_parallel": True}, {},
                                    {"405B": (49.977, 12.810, 3.90), "70B": (29.773, 13.780, 2.16)}),
}  # fmt: skip
SHAPES = {  # grid and speed-up where only the grid is changed
    "fewer rows": {"405B": ((16, 64), 3.38), "70B": ((8, 32), 1.95)},
    "fewer columns": {"405B": ((64, 16), 2.63), "70B": ((32, 8), 1.50)},
    "another die count": {"405B": ((16, 16), 1.58), "70B": ((32, 32), 4.00)},
}


def sizes(changes, dies):
    """Both models; more than 256 dies take minutes."""
    marks = {True: pytest.mark.long, False: ()}
    return [
        pytest.param(change, size, marks=marks[dies(change, size) > 256], id=f"{change}, {size}")
        for change in changes
        for size in SQUARE
    ]


def square_dies(change, size):
    return SQUARE[size][0] * SQUARE[size][1]


def shape_dies(change, size):
    rows, columns = SHAPES[change][size][0]
    return rows * columns


@pytest.mark.parametrize(("change", "size"), sizes(TABLE, square_dies))
def test_a_layer_takes_the_time_of_the_table(change, size):
    of_flat, of_hecaton, golden = TABLE[change]
    flat_golden, hecaton_golden, speedup = golden[size]
    flat = sum(flat_parts(size, SQUARE[size], **of_flat))
    hecaton = sum(parts(size, SQUARE[size], **of_hecaton))
    assert flat == pytest.approx(flat_golden, rel=WITHIN)
    assert hecaton == pytest.approx(hecaton_golden, rel=WITHIN)
    assert flat / hecaton == pytest.approx(speedup, rel=WITHIN, abs=0.005)


@pytest.mark.parametrize(("change", "size"), sizes(["hidden by both", "hidden by hecaton alone"], square_dies))
def test_exchanges_hidden_behind_compute_leave_the_longer_of_both(change, size):
    flat_golden, hecaton_golden, speedup = {
        ("hidden by both", "405B"): (33.604, 7.973, 4.21), ("hidden by both", "70B"): (16.732, 8.858, 1.89),
        ("hidden by hecaton alone", "405B"): (41.576, 7.973, 5.21),
        ("hidden by hecaton alone", "70B"): (25.590, 8.858, 2.89),
    }[change, size]  # fmt: skip
    flat_parts_ms = flat_parts(size, SQUARE[size])
    flat = max(flat_parts_ms) if change == "hidden by both" else sum(flat_parts_ms)
    hecaton = max(parts(size, SQUARE[size]))
    assert flat == pytest.approx(flat_golden, rel=WITHIN)
    assert hecaton == pytest.approx(hecaton_golden, rel=WITHIN)
    assert flat / hecaton == pytest.approx(speedup, rel=WITHIN, abs=0.005)


@pytest.mark.parametrize(("change", "size"), sizes(SHAPES, shape_dies))
def test_another_grid_gives_the_speed_up_of_the_table(change, size):
    grid, speedup = SHAPES[change][size]
    found = sum(flat_parts(size, grid)) / sum(parts(size, grid))
    assert found == pytest.approx(speedup, rel=WITHIN, abs=0.005)
