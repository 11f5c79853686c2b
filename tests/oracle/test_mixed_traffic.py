"""A weight load on the wires of a ring: how long the ring waits, by hand, and how segments bound it (design item 8).

2 x 3 dies; their ring is 0 1 2 5 4 3, all neighbours. Tile 1's weights come from the west port at tile 0 over the link
from 0 to 1, which the ring uses too. The DRAM channel hands on at once (no limit, 100 ns): the link is the only place
where the two meet.
"""

from dataclasses import replace

import pytest

from hecasim.sim import replay
from hecasim.topologies import make
from hecasim.trace.task import DRAM_READ
from tests.sim.parts import NS, collective, oracle, trace_of
from tests.sim.test_memory import EDGE, dram, only

RATE = 32  # bytes per nanosecond of a link
HOP_PS = 10 * NS
READY_PS = 100 * NS
LOAD_BYTES = 160_000
LOAD_PS = LOAD_BYTES * NS // RATE
STEPS = 5
UNCUT = 1 << 40
FAST_DRAM = EDGE | {"memory.bandwidth": "unlimited", "memory.latency": "100 ns"}


def ring_end_ps(chunk_bytes, load_bytes, segment_bytes):
    """End of an all-gather of six chunks beside a load for tile 1."""
    load = replace(dram(DRAM_READ, only(1, load_bytes, 6), number=1), stream="weights")
    tasks = [collective(0, "ring.all_gather", 6 * chunk_bytes), load]
    log = replay(trace_of(2, 3, [tasks], segment_bytes=segment_bytes), oracle(2, 3, **FAST_DRAM), keep_spans=True)
    return max(span.end_ps for span in log.spans if span.label.startswith("ring"))


def alone_ps(chunk_bytes):
    return STEPS * (HOP_PS + chunk_bytes * NS // RATE)


def test_the_ring_runs_over_the_link_of_the_load():
    assert make("mesh", 2, 3).ring_order(range(6)) == (0, 1, 2, 5, 4, 3)
    assert ring_end_ps(32_000, 0, UNCUT) == alone_ps(32_000)


def test_a_load_between_two_long_steps_delays_the_ring_by_its_own_time_less_the_hop_it_fills():
    """The load asks at 100 ns, behind the first message (1,000 ns); the second one is there 10 ns after it: too late.

    It waits until 1,000 ns + 5,000 ns, 4,990 ns longer than alone; nothing later makes up for it.
    """
    assert ring_end_ps(32_000, LOAD_BYTES, UNCUT) == alone_ps(32_000) + LOAD_PS - HOP_PS


def test_a_load_amid_short_steps_delays_the_message_that_comes_while_it_passes():
    """Steps take 35 ns, so messages ask at 0, 35, 70, 105 and 140 ns; the load passes from 100 ns to 5,100 ns.

    The fourth message waits from 105 ns until then; the fifth stands behind it and ends no later than its successors.
    """
    chunk = 800
    step = HOP_PS + chunk * NS // RATE
    delay = READY_PS + LOAD_PS - 3 * step
    assert ring_end_ps(chunk, LOAD_BYTES, UNCUT) == alone_ps(chunk) + delay


@pytest.mark.parametrize("segment_bytes", [1_000, 4_000, 16_000, 64_000])
def test_cutting_messages_bounds_the_delay_to_a_segment_for_every_message_that_passes(segment_bytes):
    chunk = 800
    delay = ring_end_ps(chunk, LOAD_BYTES, segment_bytes) - alone_ps(chunk)
    assert 0 < delay <= STEPS * segment_bytes * NS // RATE
    assert delay < ring_end_ps(chunk, LOAD_BYTES, UNCUT) - alone_ps(chunk)


def test_the_delay_by_one_segment_is_that_segment_to_the_picosecond():
    """With segments of 4,000 bytes the load holds the link for turns of 125 ns, the first from 100 ns to 225 ns.

    The fourth message asks at 105 ns and passes from 225 ns to 250 ns; then it is the load's turn, until 375 ns. The
    fifth message has asked at 140 ns and passes from then on: it is the last to arrive, 35 ns later.
    """
    chunk, segment_bytes = 800, 4_000
    turn, step, message = segment_bytes * NS // RATE, HOP_PS + chunk * NS // RATE, chunk * NS // RATE
    fourth = READY_PS + turn
    assert 3 * step < 4 * step < fourth
    fifth = fourth + message + turn
    assert ring_end_ps(chunk, LOAD_BYTES, segment_bytes) == max(fourth + 2 * step, fifth + step)
