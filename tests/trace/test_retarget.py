"""A trace on another grid of as many tiles: when its groups stay rectangles, else which of them do not."""

import pytest

from hecasim.errors import ConfigError
from hecasim.replaying import replay_trace
from hecasim.specs import load_package
from hecasim.topologies import make
from hecasim.trace import build_trace
from hecasim.trace.retarget import retarget
from tests.sim.parts import collective, oracle, trace_of
from tests.tiny import tiny_inputs
from traces.pipeline import Job, pipeline


def grid_trace(tmp_path, rows, columns, **plan):
    package, model, plan = tiny_inputs(tmp_path, **plan)
    package = load_package(package, {"topology.rows": rows, "topology.columns": columns})
    return build_trace(package, model, plan), package


def test_the_same_grid_is_the_same_trace(tmp_path):
    trace, _ = grid_trace(tmp_path, 2, 2)
    assert retarget(trace, make("mesh", 2, 2)) is trace


@pytest.mark.parametrize(("rows", "columns"), [(2, 8), (8, 2), (1, 16)])
def test_rows_and_columns_become_other_rectangles(tmp_path, rows, columns):
    """4 x 4: a row of four and a column of four tiles are rectangles on these grids too; work and bytes stay."""
    trace, package = grid_trace(tmp_path, 4, 4)
    other = load_package(package, {"topology.rows": rows, "topology.columns": columns})
    here, there = replay_trace(trace, package), replay_trace(trace, other)
    assert here["flops"] == there["flops"]
    assert here["traffic"]["nop_bytes"]["collective"] == there["traffic"]["nop_bytes"]["collective"]
    assert here["traffic"]["dram_read_bytes"] == there["traffic"]["dram_read_bytes"]
    assert here["step_time_ps"] != there["step_time_ps"]
    assert any("another package" in line for line in there["simulation"]["approximations"])
    assert replay_trace(trace, other, engine="plain")["step_time_ps"] == there["step_time_ps"]


def test_groups_that_are_no_rectangle_there_are_named(tmp_path):
    trace, _ = grid_trace(tmp_path, 3, 4)
    with pytest.raises(ConfigError, match=r"on 2x6 group 'c' is no rectangle: tiles \[4, 5, 6, 7\]\n") as error:
        retarget(trace, make("mesh", 2, 6))
    assert "group 'r' is no rectangle: tiles [0, 4, 8], [1, 5, 9]" in str(error.value)


def test_another_number_of_tiles_is_refused(tmp_path):
    trace, _ = grid_trace(tmp_path, 2, 2)
    with pytest.raises(ConfigError, match="2x2, 4 tiles, and its work is cut for them; the package has 2x3, 6 tiles"):
        retarget(trace, make("mesh", 2, 3))


def test_a_tree_is_no_grid(tmp_path):
    trace, _ = grid_trace(tmp_path, 3, 3)
    with pytest.raises(ConfigError, match="the package is a tree of 9 tiles, whose roles differ"):
        retarget(trace, make("tree", 1, 2, 3))


def test_only_groups_that_are_used_count():
    trace = trace_of(3, 4, [[collective(0, "ring.all_gather", 1000)]])
    trace.groups["row"] = tuple(tuple(range(first, first + 4)) for first in (0, 4, 8))
    assert retarget(trace, make("mesh", 2, 6)).columns == 6


def test_an_all_reduce_on_the_grid_it_is_re_targeted_to_takes_the_closed_form():
    """Folded line of 12 against Hamiltonian ring of 3 x 4: 22 steps, of two hops and of one."""
    trace = trace_of(3, 4, [[collective(0, "ring.all_reduce", 12_000)]])
    wire = 1000 * 10**12 // (32 * 10**9)
    assert replay_trace(trace, oracle(3, 4))["step_time_ps"] == 22 * (10_000 + wire)
    assert replay_trace(trace, oracle(1, 12))["step_time_ps"] > 22 * (10_000 + wire)
    assert replay_trace(retarget(trace, make("mesh", 2, 6)), oracle(2, 6))["step_time_ps"] == 22 * (10_000 + wire)


def test_messages_go_from_anywhere_to_anywhere():
    """Tiles 3 and 4 are no rectangle on 2 x 4, nor are 0 and 7; a message has a route all the same: 3 + 1 hops."""
    trace = trace_of(1, 8, [[collective(0, "point.send", 3200, group="pairs")]])
    trace.groups["pairs"] = ((3, 4), (0, 7), (1,), (2,), (5,), (6,))
    assert replay_trace(trace, oracle(2, 4))["step_time_ps"] == 4 * 10_000 + 3200 * 10**12 // (32 * 10**9)


def test_a_pipeline_is_re_targeted():
    trace = pipeline(Job(), "oracle_4x4")
    steps = {replay_trace(trace, oracle(rows, 16 // rows))["flops"]["executed"] for rows in (2, 4, 8)}
    assert len(steps) == 1
    with pytest.raises(ConfigError, match="group 'stage 0' is no rectangle"):
        retarget(pipeline(Job(rows=6), "oracle_6x4"), make("mesh", 3, 8))
