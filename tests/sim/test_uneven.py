"""An uneven all-to-all in the engine: exact times by hand, random tables on both engines, another grid."""

from random import Random

import pytest

from hecasim.analytic import estimate, take_census
from hecasim.collectives import PER_PAIR
from hecasim.errors import ConfigError
from hecasim.replaying import replay_trace
from hecasim.sim import replay
from hecasim.topologies import topology_of
from hecasim.trace.retarget import retarget
from hecasim.trace.task import After
from tests.sim.equality import assert_same
from tests.sim.parts import NS, collective, compute, oracle, trace_of

HOP = 10 * NS
WIRE = 1000 * NS
"""32,000 bytes over a link of 32 GB/s."""
ONE = 32_000


def exchange(table, number=0, after=()):
    return collective(number, PER_PAIR, sum(table), after, tile_bytes=tuple(table))


def table_of(tiles, **pairs):
    """Bytes by names such as from0to3."""
    table = [0] * tiles**2
    for name, size in pairs.items():
        source, target = map(int, name.removeprefix("from").split("to"))
        table[source * tiles + target] = size
    return table


def time_of(package, *tasks, **options):
    rows, columns = package.topology.rows, package.topology.columns
    trace = trace_of(rows, columns, [list(tasks)], **options)
    log, census = replay(trace, package), take_census(trace, package)
    assert_same(replay(trace, package, engine="plain"), log)
    assert [lane.bytes_carried for lane in log.lanes if lane.kind == "link"] == list(census.link_bytes)
    assert estimate(trace, package)[0].step_ps <= log.step_ps
    return log.step_ps


def test_the_larger_block_of_a_pair_takes_its_bytes_and_a_hop():
    assert time_of(oracle(1, 2), exchange(table_of(2, from0to1=ONE, from1to0=3 * ONE))) == HOP + 3 * WIRE


def test_blocks_on_one_link_come_one_after_another():
    """Tile 0 of a row of three sends to both: its neighbour's first, then that of the far one, two hops."""
    assert time_of(oracle(1, 3), exchange(table_of(3, from0to1=ONE, from0to2=2 * ONE))) == 3 * WIRE + 2 * HOP


def test_who_receives_nothing_ends_when_it_has_sent():
    tasks = exchange(table_of(3, from0to1=ONE, from1to2=2 * ONE)), compute(1, 0, [After(0, 0)])
    assert time_of(oracle(1, 3), *tasks) == HOP + 2 * WIRE


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("kind", ["mesh", "torus"])
def test_engines_play_random_tables_alike_above_the_bound(seed, kind):
    draw = Random(seed)
    rows, columns = draw.choice([(2, 2), (2, 3), (3, 4)])
    tiles = rows * columns
    tasks = []
    for number in range(4):
        table = [draw.choice([0, 1, 700, ONE, draw.randrange(4 * ONE)]) for _ in range(tiles**2)]
        for tile in range(tiles):
            table[tile * (tiles + 1)] = 0
        after = [After(0, draw.randrange(2 * number))] if number else []
        tasks.append(exchange(table, 2 * number, after))
        work = compute(2 * number + 1, draw.randrange(2, 10**6), [After(0, 2 * number)])
        tasks.append(work)
    package = oracle(rows, columns, **{"topology.kind": kind})
    assert time_of(package, *tasks, segment_bytes=draw.choice([1 << 40, 4096, 1000])) > 0


def test_a_table_goes_with_its_tiles_to_another_grid():
    trace = trace_of(2, 2, [[exchange(table_of(4, from0to3=ONE, from1to2=ONE))]])
    moved = retarget(trace, topology_of(oracle(1, 4).topology))
    assert moved.kinds == trace.kinds
    # On the way from 0 to 3 the link from 1 to 2 is taken first by the block of its own tile.
    assert replay(moved, oracle(1, 4)).step_ps == 2 * WIRE + 2 * HOP
    with pytest.raises(ConfigError, match="9 tiles"):
        replay_trace(trace, oracle(3, 3))
