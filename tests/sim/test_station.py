"""SRAM accounts: levels, peaks by class and in all, and stations that serve their lanes."""

from hecasim.mapping.buffers import Buffer
from hecasim.sim.sram import Sram
from hecasim.sim.station import DramController, Router
from tests.sim.parts import Sink, fresh, send


def test_sram_returns_to_zero_when_everything_is_given_back():
    sram = Sram(fresh(), "sram 0")
    buffers = (Buffer("weights", 100), Buffer("activations", 30))
    sram.take(buffers)
    assert sram.total == 130
    sram.give(buffers)
    assert sram.total == 0
    assert set(sram.level.values()) == {0}


def test_the_peak_of_all_is_not_the_sum_of_the_peaks_of_each():
    sram = Sram(fresh(), "sram 0")
    for now, change, buffer in ((0, sram.take, Buffer("weights", 100)), (5, sram.give, Buffer("weights", 100)),
                                (5, sram.take, Buffer("activations", 70))):  # fmt: skip
        sram.clock.now = now
        change((buffer,))
    sram.take_peaks()
    assert sram.peak == {"weights": 100, "activations": 70}
    assert sram.total_peak == 100


def test_lanes_of_one_station_do_not_wait_for_each_other():
    clock = fresh()
    router = Router(clock, "router 0")
    first, second = (router.lane(name, 10**12, 10) for name in "ab")
    sinks = [Sink(clock), Sink(clock, task=1)]
    send(clock, [first], 100, sinks[0])
    send(clock, [second], 100, sinks[1])
    clock.run()
    assert [sink.landings[0][0] for sink in sinks] == [110, 110]
    assert first.wait_ps == second.wait_ps == 0


def test_waiting_time_is_what_a_queue_cost():
    clock = fresh()
    lane = DramController(clock, "dram 0").lane("dram 0", 10**12, 10)
    for number in range(3):
        send(clock, [lane], 100, Sink(clock, task=number))
    clock.run()
    assert lane.wait_ps == 0 + 100 + 200
    assert lane.busy_ps == 300


def test_reads_and_writes_share_a_dram_channel():
    clock = fresh()
    lane = DramController(clock, "dram 0").lane("dram 0", 10**12, 50)
    read, write = Sink(clock, task=0), Sink(clock, task=1)
    send(clock, [lane], 400, read, stream=2)
    send(clock, [lane], 400, write, stream=3)
    clock.run()
    assert sorted([read.landings[0][0], write.landings[0][0]]) == [450, 850]
