"""DRAM tasks: one access alone, the way across the package, contention for a channel, and multicast."""

import pytest

from hecasim.sim import replay
from hecasim.trace.task import DRAM_READ, DRAM_WRITE, Task
from tests.sim.parts import NS, oracle, trace_of

EDGE = {
    "memory.kind": "ddr5_6400",
    "memory.attached": "edge",
    "memory.bandwidth": "16 GB/s",
    "memory.latency": "100 ns",
    "memory.capacity": "unlimited",
    "memory.energy": "1 pJ/b",
}


def dram(kind, sizes, group="", number=0):
    stream = "load" if kind == DRAM_READ else "store"
    return Task(
        id=number,
        kind=kind,
        label="dram",
        block="ffn",
        phase="forward",
        after=(),
        group=group,
        stream=stream,
        tile_bytes=tuple(sizes),
    )


def only(tile, size, tiles):
    return [size if one == tile else 0 for one in range(tiles)]


@pytest.mark.parametrize("kind", [DRAM_READ, DRAM_WRITE])
def test_an_access_beside_its_port_takes_latency_and_bytes_over_bandwidth(kind):
    trace = trace_of(1, 4, [[dram(kind, only(0, 16_000, 4))]])
    assert replay(trace, oracle(1, 4, **EDGE)).step_ps == 100 * NS + 1000 * NS


@pytest.mark.parametrize(("tile", "hops"), [(0, 0), (1, 1), (2, 2), (3, 2), (4, 1), (5, 0)])
def test_an_access_from_inside_crosses_real_links(tile, hops):
    trace = trace_of(1, 6, [[dram(DRAM_READ, only(tile, 16_000, 6))]])
    log = replay(trace, oracle(1, 6, **EDGE))
    assert log.step_ps == 100 * NS + hops * 10 * NS + 1000 * NS
    assert sum(lane.bytes_carried for lane in log.lanes if lane.kind == "link") == hops * 16_000


def test_the_tiles_of_a_row_share_their_channel():
    trace = trace_of(1, 4, [[dram(DRAM_READ, [16_000] * 4)]])
    log = replay(trace, oracle(1, 4, **EDGE))
    channels = {lane.name: lane.bytes_carried for lane in log.lanes if lane.kind == "dram"}
    assert channels == {"dram 0": 32_000, "dram 1": 32_000}
    assert log.step_ps >= 100 * NS + 2000 * NS


def test_memory_on_every_die_uses_no_links_and_no_neighbours_channel():
    package = oracle(1, 4, **EDGE | {"memory.attached": "every_die"})
    log = replay(trace_of(1, 4, [[dram(DRAM_READ, [16_000] * 4)]]), package)
    assert log.step_ps == 100 * NS + 1000 * NS
    assert not any(lane.bytes_carried for lane in log.lanes if lane.kind == "link")


def test_a_multicast_is_read_once_and_crosses_each_link_of_its_tree_once():
    log = replay(trace_of(2, 2, [[dram(DRAM_READ, [64_000], group="all")]]), oracle(2, 2, **EDGE))
    assert sum(lane.bytes_carried for lane in log.lanes if lane.kind == "dram") == 64_000
    copies = replay(trace_of(2, 2, [[dram(DRAM_READ, [64_000])]]), oracle(2, 2, **EDGE))
    assert sum(lane.bytes_carried for lane in copies.lanes if lane.kind == "dram") == 4 * 64_000
    assert log.step_ps < copies.step_ps


def test_a_port_slower_than_its_feed_sets_the_pace():
    slow = oracle(1, 2, **EDGE | {"chiplet.sram.dram_bandwidth": "4 GB/s"})
    trace = trace_of(1, 2, [[dram(DRAM_READ, only(0, 16_000, 2))]])
    assert replay(trace, slow).step_ps == 100 * NS + 1 + 4000 * NS


def test_ideal_memory_answers_at_once_and_sends_nothing():
    log = replay(trace_of(2, 2, [[dram(DRAM_READ, [64_000])]]), oracle(2, 2))
    assert log.step_ps == 0
    assert not any(lane.bytes_carried for lane in log.lanes)
