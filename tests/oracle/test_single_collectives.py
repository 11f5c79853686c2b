"""One exchange alone on an ideal package takes its closed form, to the picosecond (derived; most by hand)."""

from functools import lru_cache

import pytest

from hecasim import load_package
from hecasim.sim import replay
from hecasim.trace.play import Body, order_of
from hecasim.trace.task import COLLECTIVE, DRAM_READ, DRAM_WRITE, BodyKind, Task
from tests.oracle.steps import collective, collectives, one_task, oracle

HOP = 10_000  # ps: 10 ns
RATE = 32 * 10**9  # bytes/s
PS = 10**12
SIZES = (7, 1_000_003, 48 * 2**20)  # below one byte per member, ragged, even


@lru_cache(maxsize=64)
def grid(rows, columns, kind="mesh"):
    return load_package(oracle(rows, columns), {"topology.kind": kind})


def wire(size_bytes, rate=RATE):
    """Serialisation, rounded up to a picosecond."""
    return -(-size_bytes * PS // rate)


def part(size_bytes, parts):
    return -(-size_bytes // parts)


# --- rings ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("rows", "columns"), [(2, 2), (2, 3), (3, 4), (4, 4), (5, 2), (8, 8)])
def test_a_flat_ring_all_reduce_is_two_passes_of_one_hop_steps(rows, columns, size):
    dies = rows * columns
    log = collective(grid(rows, columns), "ring.all_reduce", range(dies), size)
    assert log.step_ps == 2 * (dies - 1) * (HOP + wire(part(size, dies)))


@pytest.mark.parametrize("name", ["ring.all_gather", "ring.reduce_scatter"])
@pytest.mark.parametrize(("rows", "columns"), [(2, 2), (3, 4), (8, 8)])
def test_a_gather_or_scatter_on_the_flat_ring_is_one_pass(rows, columns, name):
    dies, size = rows * columns, SIZES[1]
    log = collective(grid(rows, columns), name, range(dies), size)
    assert log.step_ps == (dies - 1) * (HOP + wire(part(size, dies)))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("rows", "columns"), [(2, 2), (3, 4), (8, 8)])
def test_a_bidirectional_flat_ring_sends_half_as_much_per_step(rows, columns, size):
    dies = rows * columns
    log = collective(grid(rows, columns), "ring.all_reduce", range(dies), size, ring="bidirectional")
    assert log.step_ps == 2 * (dies - 1) * (HOP + wire(part(part(size, dies), 2)))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["ring.all_gather", "ring.reduce_scatter"])
@pytest.mark.parametrize("n", range(2, 17))
def test_a_bypass_ring_takes_two_hops_per_step_less_one_that_the_ends_save(n, name, size):
    hops = 1 if n == 2 else 2 * n - 3  # of n - 1 steps in a row at least one is between neighbours
    for package in (grid(1, n), grid(n, 1)):
        log = collective(package, name, range(n), size)
        assert log.step_ps == (n - 1) * wire(part(size, n)) + hops * HOP


def test_bypass_rings_of_all_rows_do_not_disturb_each_other():
    rows = [range(8 * row, 8 * row + 8) for row in range(8)]
    columns = [range(column, 64, 8) for column in range(8)]
    one = collective(grid(8, 8), "ring.all_gather", rows[3], 2**20).step_ps
    assert collectives(grid(8, 8), "ring.all_gather", rows, 2**20).step_ps == one
    assert collectives(grid(8, 8), "ring.all_gather", columns, 2**20).step_ps == one


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("n", [3, 4, 7, 16])
def test_a_ring_on_wrap_links_takes_one_hop_per_step(n, size):
    log = collective(grid(1, n, "torus"), "ring.all_gather", range(n), size)
    assert log.step_ps == (n - 1) * (HOP + wire(part(size, n)))


# --- rows and columns -------------------------------------------------------------------------------------------------

PLANES = ((3, 3), (4, 4), (3, 8), (8, 3), (4, 16))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("rows", "columns"), PLANES)
def test_an_all_reduce_on_rows_then_columns_adds_its_three_phases(rows, columns, size):
    log = collective(grid(rows, columns, "torus"), "torus_2d.all_reduce", range(rows * columns), size)
    slice_bytes = part(size, columns)
    in_rows, in_columns = HOP + wire(slice_bytes), HOP + wire(part(slice_bytes, rows))
    assert log.step_ps == 2 * (columns - 1) * in_rows + 2 * (rows - 1) * in_columns


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("rows", "columns"), PLANES)
def test_two_colours_take_the_longer_of_both_in_every_phase(rows, columns, size):
    log = collective(grid(rows, columns, "torus"), "torus_2d.all_reduce", range(rows * columns), size, colours="two")
    half = part(size, 2)
    outer = max((n - 1) * (HOP + wire(part(half, n))) for n in (rows, columns))
    # One colour reduces slices of 1/C along the columns while the other reduces slices of 1/R along the rows.
    inner = max(
        2 * (inside - 1) * (HOP + wire(part(part(half, outside), inside)))
        for outside, inside in ((columns, rows), (rows, columns))
    )
    assert log.step_ps == 2 * outer + inner


# --- all-to-all -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_neighbouring_pairs_swap_a_quarter_each_way_at_once(size):
    pairs = [(2 * place, 2 * place + 1) for place in range(8)]
    log = collectives(grid(2, 8), "direct.all_to_all", pairs, size)
    assert log.step_ps == HOP + wire(part(size, 4))


def test_an_all_to_all_of_four_in_a_line_waits_for_its_middle_link():
    # The link from the second to the third tile carries four blocks: two from its own tile first, then, as they come
    # in, the two of the first tile; the last of them, to the far end, has two more hops behind it.
    size = 16 * 3_200_000
    block = wire(3_200_000)
    assert block > HOP
    rows = [range(4 * row, 4 * row + 4) for row in range(3)]
    for package, groups in ((grid(1, 4), rows[:1]), (grid(4, 1), rows[:1]), (grid(3, 4), rows)):
        assert collectives(package, "direct.all_to_all", groups, size).step_ps == 4 * block + 2 * HOP


# --- messages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("hops", [1, 2, 5, 31])
def test_a_message_over_k_links_pays_k_hops_and_its_length_once_in_either_dimension(hops, size):
    along_x = collective(grid(1, 32), "point.send", (0, hops), size).step_ps
    along_y = collective(grid(32, 1), "point.send", (0, hops), size).step_ps
    back = collective(grid(1, 32), "point.send", (hops, 0), size).step_ps
    assert along_x == along_y == back == hops * HOP + wire(size)


@pytest.mark.parametrize("segment", [1, 4096, 65_536])
def test_a_message_cut_into_segments_takes_no_longer(segment):
    log = collective(grid(4, 4), "point.send", (0, 15), 100_000 if segment > 1 else 50, segment_bytes=segment)
    assert log.step_ps == 6 * HOP + wire(100_000 if segment > 1 else 50)


def test_two_messages_that_share_one_link_overlap_on_all_others():
    # Row 0: both begin in tile 0's row and share only the link into tile 4; the second follows one length behind,
    # and all that lies before and after that link is travelled side by side.
    size = 3_200_000
    one = wire(size)
    package = grid(8, 8)
    first, second = (0, 4), (3, 7)  # share only the link from 3 to 4
    log = collectives(package, "point.send", (first, second), size)
    assert collective(package, "point.send", first, size).step_ps == 4 * HOP + one
    # The second takes the link at once; the first has its head there after three hops and waits for the rest of it.
    assert log.step_ps == 2 * one + HOP
    assert log.step_ps < 2 * (4 * HOP + one)


@pytest.mark.parametrize("n", [2, 5, 8])
@pytest.mark.parametrize("chunks", [1, 4, 16])
def test_a_pipelined_chain_broadcast_takes_members_less_two_and_chunks(n, chunks):
    size = chunks * 640_000
    log = collective(grid(1, n), "chain.broadcast", range(n), size, chunks=chunks)
    # Chunks follow each other on the wire; a chunk is passed on when it has arrived whole.
    assert log.step_ps == (n - 2 + chunks) * wire(640_000) + (n - 1) * HOP


# --- memory -----------------------------------------------------------------------------------------------------------

CHANNEL, LATENCY = 10 * 10**9, 60_000


@lru_cache(maxsize=16)
def with_memory(rows, columns, attached, bandwidth="10 GB/s"):
    memory = {"memory.kind": "ddr5_6400", "memory.bandwidth": bandwidth, "memory.latency": "60 ns"}
    return load_package(oracle(rows, columns), memory | {"memory.attached": attached})


def dram(package, kind, sizes, **options):
    """Time of one DRAM task: bytes per tile."""
    task = Task(0, kind, "dram", "attention", "forward", (), tile_bytes=tuple(sizes), stream="load")
    return replay(one_task(package, task, {}, **options), package).step_ps


def multicast(package, size, members):
    """Time of one read for all *members*; the other tiles read nothing."""
    tiles = range(package.topology.rows * package.topology.columns)
    table = (tuple(members), *((tile,) for tile in tiles if tile not in members))
    sizes = tuple(size if tile in members else 0 for tile in tiles)
    task = Task(0, DRAM_READ, "dram", "attention", "forward", (), group="g", tile_bytes=sizes, stream="load")
    return replay(one_task(package, task, {"g": table}), package).step_ps


def only(tile, size, tiles):
    return [size if place == tile else 0 for place in range(tiles)]


@pytest.mark.parametrize("segment", [2**40, 4096])
@pytest.mark.parametrize("kind", [DRAM_READ, DRAM_WRITE])
@pytest.mark.parametrize("size", SIZES[:2])
def test_memory_on_every_die_takes_latency_and_length(size, kind, segment):
    assert dram(with_memory(2, 2, "every_die"), kind, [size], segment_bytes=segment) == LATENCY + wire(size, CHANNEL)


@pytest.mark.parametrize("segment", [2**40, 4096])
@pytest.mark.parametrize("kind", [DRAM_READ, DRAM_WRITE])
@pytest.mark.parametrize(("tile", "hops"), [(0, 0), (2, 2), (3, 3), (4, 3), (7, 0), (11, 3)])
def test_memory_at_the_edge_adds_the_hops_to_the_end_of_the_row(tile, hops, kind, segment):
    size = 1_000_003
    found = dram(with_memory(2, 8, "edge"), kind, only(tile, size, 16), segment_bytes=segment)
    assert found == LATENCY + hops * HOP + wire(size, CHANNEL)


def test_an_unloaded_read_goes_at_the_rate_of_the_slower_of_channel_and_links():
    fast = with_memory(1, 8, "edge", "64 GB/s")
    size = 3_200_000
    assert dram(fast, DRAM_READ, only(0, size, 8)) == LATENCY + wire(size, 64 * 10**9)
    assert dram(fast, DRAM_READ, only(3, size, 8)) == LATENCY + 3 * HOP + wire(size)


def test_two_tiles_of_a_row_share_their_channel():
    size = 3_200_000
    sizes = [size, size, 0, 0, 0, 0, 0, 0]
    both = dram(with_memory(1, 8, "edge"), DRAM_READ, sizes)
    assert both == LATENCY + 2 * wire(size, CHANNEL) + HOP


@pytest.mark.parametrize("members", [(0,), (0, 1), (1, 3), tuple(range(8))])
def test_a_multicast_reaches_its_farthest_member_as_if_it_were_alone(members):
    size = 1_000_003
    found = multicast(with_memory(1, 16, "edge"), size, members)
    assert found == dram(with_memory(1, 16, "edge"), DRAM_READ, only(max(members), size, 16))
    assert found == LATENCY + max(members) * HOP + wire(size, CHANNEL)


def test_a_multicast_over_a_grid_reads_a_share_at_each_port():
    # Every die of 4 x 2 is at an end of its row: eight ports read an eighth each. The share that travels farthest goes
    # one hop along the row and three along a column, behind the seven others at most.
    size = 8 * 320_000
    share = wire(320_000, CHANNEL)
    found = multicast(with_memory(4, 2, "edge"), size, range(8))
    assert LATENCY + 4 * HOP + share <= found <= LATENCY + 4 * HOP + 8 * share


def test_a_body_of_two_independent_messages_is_as_long_as_the_longer():
    package = grid(1, 8)
    tasks = tuple(
        Task(number, COLLECTIVE, "", "ffn", "forward", (), f"g{number}", algorithm="point.send", size_bytes=size)
        for number, size in enumerate((1_000_000, 3_000_000))
    )
    table = {f"g{number}": (pair, *((tile,) for tile in range(8) if tile not in pair))
             for number, pair in enumerate(((0, 3), (4, 7)))}  # fmt: skip
    trace = one_task(package, tasks[0], table)
    both = type(trace)(
        trace.rows, trace.columns, table, trace.options, (BodyKind("both", "attention", "forward", tasks),),
        order_of([Body(0, 0, 0)]),
    )  # fmt: skip
    assert replay(both, package).step_ps == 3 * HOP + wire(3_000_000)
