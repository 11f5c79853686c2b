"""A tree of chiplets in the engine: exact times by hand, memory at the switches, sums; nobody waits for good."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hecasim.analytic import estimate, take_census
from hecasim.errors import ConfigError
from hecasim.mapping.dram import channel_count, check_capacity, dram_capacity_bytes, stack_count
from hecasim.mapping.ports import channel_rates, ports_of_tiles
from hecasim.mapping.work import Work
from hecasim.replaying import replay_trace
from hecasim.sim import replay
from hecasim.specs import load_package, load_plan
from hecasim.topologies import SWITCH, topology_of
from hecasim.trace import file
from hecasim.trace.chakra import write_chakra
from hecasim.trace.task import DRAM_READ, DRAM_WRITE, After, Task
from hecasim.variants import doubled, freed
from tests.sim.parts import NS, collective, compute, oracle, trace_of, tree

HOP = 10 * NS
WIRE = 1000 * NS
"""32,000 bytes over a link of 32 GB/s."""
ONE = 32_000


def exchange(name, tile_bytes, number=0, **more):
    return collective(number, f"tree.{name}", sum(tile_bytes), tile_bytes=tuple(tile_bytes), **more)


def time_of(package, *tasks, **options):
    trace = trace_of(1, package.topology.size, [list(tasks)], **options)
    log, census = replay(trace, package), take_census(trace, package)
    assert log.step_ps == replay(trace, package, engine="plain").step_ps
    assert [lane.bytes_carried for lane in log.lanes if lane.kind == "link"] == list(census.link_bytes)
    assert estimate(trace, package)[0].step_ps <= log.step_ps
    return log.step_ps


# One chiplet of one group: 0 attention, 1 switch, 2 chiplet -----------------------------------------------------------


@pytest.mark.parametrize("name", ["dispatch", "combine"])
@pytest.mark.parametrize("chunks", [1, 4, 8])
def test_a_message_past_a_switch_takes_two_hops_and_its_bytes_once(name, chunks):
    assert time_of(tree(1, 1, 1), exchange(name, (0, 0, ONE)), chunks=chunks) == 2 * HOP + WIRE


@pytest.mark.parametrize("name", ["dispatch", "combine"])
@pytest.mark.parametrize("chunks", [1, 4, 8])
def test_a_switch_that_replicates_or_adds_costs_one_chunk_more(name, chunks):
    """It sends a chunk on when it has it: the last one is on the second link for its own time, WIRE / chunks."""
    assert time_of(tree(1, 1, 1), exchange(name, (0, ONE, ONE)), chunks=chunks) == 2 * HOP + WIRE + WIRE // chunks


def test_the_sum_of_a_chunk_delays_it_by_its_bytes_over_the_rate_of_the_switch():
    package = tree(1, 1, 1, **{"switch.reduction_bandwidth": "64 GB/s"})
    assert time_of(package, exchange("combine", (0, ONE, ONE)), chunks=4) == 2 * HOP + WIRE + WIRE // 4 + WIRE // 8
    assert time_of(package, exchange("dispatch", (0, ONE, ONE)), chunks=4) == 2 * HOP + WIRE + WIRE // 4
    assert time_of(package, exchange("combine", (0, 0, ONE)), chunks=4) == 2 * HOP + WIRE


@pytest.mark.parametrize("entry", [0, ONE])
def test_the_latency_of_a_switch_is_part_of_the_hop_that_leaves_it(entry):
    slow, quick = tree(1, 1, 1, **{"switch.latency": "4 ns"}), tree(1, 1, 1)
    for name in ("dispatch", "combine"):
        task = exchange(name, (0, entry, ONE))
        assert time_of(slow, task) == time_of(quick, task) + 4 * NS


def test_a_root_link_of_its_own_sets_the_pace_above_the_switches():
    root = {"bandwidth": "16 GB/s", "latency": "3 ns", "energy": "1 pJ/b"}
    package = tree(1, 1, 1, root_link=root)
    assert time_of(package, exchange("dispatch", (0, 0, ONE))) == 2 * WIRE + 13 * NS
    assert time_of(package, exchange("combine", (0, 0, ONE))) == 2 * WIRE + 13 * NS
    assert time_of(package, exchange("dispatch", (0, ONE, ONE)), chunks=4) == 2 * WIRE + WIRE // 4 + 13 * NS


# Groups ---------------------------------------------------------------------------------------------------------------


def test_copies_made_at_the_root_cross_its_link_one_after_another_those_of_a_switch_once():
    package = tree(1, 1, 4)
    at_root, at_switch = (0, 0, *4 * [ONE]), (0, ONE, *4 * [ONE])
    for name in ("dispatch", "combine"):
        assert time_of(package, exchange(name, at_root), chunks=8) == 2 * HOP + 4 * WIRE
        assert time_of(package, exchange(name, at_switch), chunks=8) == 2 * HOP + WIRE + WIRE // 8


def test_groups_have_links_of_their_own():
    one, four = tree(1, 1, 4), tree(1, 4, 4)
    for name in ("dispatch", "combine"):
        alone = time_of(one, exchange(name, (0, 0, *4 * [ONE])))
        assert time_of(four, exchange(name, (0, *4 * [0], *16 * [ONE]))) == alone


def test_the_hottest_chiplet_sets_the_time_of_its_group():
    package = tree(1, 2, 2)
    assert time_of(package, exchange("dispatch", (0, 0, 0, ONE, 0, 0, 0))) == 2 * HOP + WIRE
    assert time_of(package, exchange("dispatch", (0, 0, 0, 3 * ONE, ONE, ONE, 0))) == 2 * HOP + 4 * WIRE


def test_two_attention_chiplets_share_the_links_below_the_switches():
    package = tree(2, 1, 1)  # 0 1 attention, 2 switch, 3 chiplet
    tables = {"from 0": ((0, 2, 3), (1,)), "from 1": ((1, 2, 3), (0,))}
    tasks = [exchange("dispatch", (0, 0, 0, ONE), number, group=group) for number, group in enumerate(tables)]
    trace = trace_of(1, 4, [tasks])
    trace.groups.update(tables)
    assert replay(trace, package).step_ps == 2 * HOP + 2 * WIRE


amounts = st.tuples(st.just(0), *[st.sampled_from([0, 1, 7, 1000, 99_999])] * 6)


@settings(max_examples=40, deadline=None)
@given(amounts, amounts, st.integers(1, 5), st.sampled_from([64, 1000, 1 << 20]))
def test_whoever_gets_nothing_or_everything_both_ends_meet(down, up, chunks, segment_bytes):
    """Dispatch, work, combine with any amounts: it ends, engines agree, and no bound exceeds it."""
    package = tree(1, 2, 2, **{"switch.reduction_bandwidth": "5 GB/s", "switch.latency": "1 ns"})
    tasks = [exchange("dispatch", down)] if sum(down) else []
    tasks.append(compute(len(tasks), 2_000_000, [After(0, 0)] if tasks else []))
    tasks[-1] = on_chiplets(tasks[-1], package)
    if sum(up):
        tasks.append(exchange("combine", up, len(tasks), after=[After(0, len(tasks) - 1)]))
    assert time_of(package, *tasks, chunks=chunks, segment_bytes=segment_bytes) >= 0


def on_chiplets(task, package):
    """The same work, none of it on switches."""
    roles = topology_of(package.topology).roles
    return replace(task, work=(*task.work, Work((), 0)), work_of=tuple(int(role == SWITCH) for role in roles))


@pytest.mark.parametrize("entry", [0, ONE])
def test_the_analytic_rung_waits_for_what_is_sent(entry):
    """Out, work and back, one after another: all but the chunk that a switch keeps back."""
    package = tree(1, 1, 1)
    tasks = [exchange("dispatch", (0, entry, ONE)), on_chiplets(compute(1, 2_000_000, [After(0, 0)]), package),
             exchange("combine", (0, entry, ONE), 2, after=[After(0, 1)])]  # fmt: skip
    trace = trace_of(1, 3, [tasks])
    assert estimate(trace, package)[0].step_ps == 2 * (2 * HOP + WIRE) + 200 * NS
    kept_back = 2 * WIRE // 8 if entry else 0
    assert replay(trace, package).step_ps == 2 * (2 * HOP + WIRE) + 200 * NS + kept_back


def test_work_for_a_switch_is_refused():
    package = tree(1, 2, 2)
    trace = trace_of(1, 7, [[compute(0, 2000)]])
    for run in (replay, estimate):
        with pytest.raises(ConfigError, match="'compute 0' of kind 0 has work for tile 1, switch 0, which has no core"):
            run(trace, package)


# Memory ---------------------------------------------------------------------------------------------------------------

MEMORY = {"memory.kind": "ddr5_6400", "memory.bandwidth": "10 GB/s", "memory.latency": "0 ns", "memory.root_stacks": 2}


def dram(kind, tile_bytes, number=0, **more):
    return Task(id=number, kind=kind, label="dram", block="ffn", phase="forward", after=(), stream="weights",
                tile_bytes=tuple(tile_bytes), **more)  # fmt: skip


def test_chiplets_and_their_switch_share_a_channel_and_every_attention_chiplet_has_its_own():
    ports = ports_of_tiles(tree(2, 2, 2, **MEMORY), "row")  # 0 1 | 2 3 | 4 5 6 7
    assert [(port.channel, port.tile) for port in ports] == [
        (2, 0), (3, 1), (0, 2), (1, 3), (0, 2), (0, 2), (1, 3), (1, 3),
    ]  # fmt: skip
    assert channel_rates(tree(2, 2, 2, **MEMORY), 4) == [10**10, 10**10, 2 * 10**10, 2 * 10**10]


def test_stacks_are_counted_where_they_are():
    package = tree(2, 3, 2, **MEMORY)
    assert (channel_count(package), stack_count(package)) == (5, 3 + 2 * 2)
    assert dram_capacity_bytes(package) == 7 * package.memory.capacity_bytes


def test_a_group_loads_one_after_another_over_its_channel_groups_side_by_side():
    """40 kB at 10 GB/s are 4 us each; the last bytes of the last chiplet cross one link of 32 GB/s."""
    package = tree(1, 2, 2, **MEMORY)
    one_group = time_of(package, dram(DRAM_READ, (0, 0, 0, 40_000, 40_000, 0, 0)))
    assert time_of(package, dram(DRAM_READ, (0, 0, 0, 40_000, 40_000, 40_000, 40_000))) == one_group
    assert one_group == 8_000 * NS + HOP + 1  # a channel without latency takes a picosecond to answer
    assert time_of(package, dram(DRAM_WRITE, (0, 0, 0, 40_000, 0, 40_000, 0))) == 4_000 * NS + HOP + 1


def test_the_stacks_of_an_attention_chiplet_work_as_one_wide_channel():
    package = tree(1, 2, 2, **MEMORY)
    assert time_of(package, dram(DRAM_READ, (40_000, *6 * [0]))) == 2_000 * NS + 1
    assert time_of(package, dram(DRAM_READ, (0, 40_000, *5 * [0]))) == 4_000 * NS + 1


def test_weights_and_tokens_meet_on_the_link_of_a_chiplet():
    package = tree(1, 1, 1, **MEMORY | {"memory.bandwidth": "32 GB/s"})
    both = time_of(package, exchange("dispatch", (0, 0, 10 * ONE)), dram(DRAM_READ, (0, 0, 10 * ONE), 1))
    assert both >= 20 * WIRE


def test_capacity_that_is_not_enforced_is_remarked_on():
    package = load_package("mozart_qwen3_hbm2")
    excess = check_capacity(package, load_plan({}), {"weights": 58 * 10**9})
    said = "DRAM capacity of the package is not enforced: 54.0 GiB (weights 54.0 GiB) needed, 48.0 GiB present"
    assert excess == said
    assert check_capacity(package, load_plan({}), {"weights": 10**9}) is None


# Files and variants ---------------------------------------------------------------------------------------------------


def test_a_written_step_on_a_tree_replays_to_the_same_integers(tmp_path):
    package = tree(1, 2, 2, **MEMORY)
    trace = small_trace(package)
    path = tmp_path / "step.jsonl"
    path.write_text("".join(f"{line}\n" for line in file.lines(trace)))
    assert file.read(path) == trace
    assert outcome(replay_trace(file.read(path), package)) == outcome(replay_trace(trace, package))


def test_a_step_on_a_tree_does_not_replay_on_a_grid(tmp_path):
    with pytest.raises(ConfigError, match=r"tree\.dispatch: found a grid; expected a package whose topology is a tree"):
        replay_trace(small_trace(tree(1, 2, 2)), oracle(1, 7))


def test_chakra_has_no_collective_of_unequal_members(tmp_path):
    with pytest.raises(ConfigError, match=r"is a tree\.dispatch; Chakra has no collective of unequal members"):
        write_chakra(small_trace(tree(1, 2, 2)), tmp_path)
    assert not list(tmp_path.iterdir())


def test_twice_the_rate_of_a_mozart_package_is_twice_that_of_every_tile_and_wire():
    package = load_package("mozart_qwen3_hbm2", ROOT_LINK)
    core, nop, sram = (doubled(package, resource) for resource in ("core", "nop", "sram"))
    assert core.chiplet.core.peak_flop_per_s == 2 * package.chiplet.core.peak_flop_per_s
    assert nop.link.payload_bytes_per_s == 2 * package.link.payload_bytes_per_s
    assert nop.root_link.payload_bytes_per_s == 2 * package.root_link.payload_bytes_per_s
    assert sram.chiplet.sram.operand_bytes_per_s == 2 * package.chiplet.sram.operand_bytes_per_s
    assert (core.link, nop.chiplet, sram.memory) == (package.link, package.chiplet, package.memory)


def test_a_free_network_leaves_only_picoseconds_of_an_exchange():
    package = tree(1, 2, 2, **ROOT_LINK | {"switch.latency": "4 ns", "switch.reduction_bandwidth": "1 GB/s"})
    for name in ("dispatch", "combine"):
        task = exchange(name, (0, ONE, ONE, *4 * [ONE]))
        assert time_of(freed(package, ["nop"]), task) < 100 < time_of(package, task)


# The Result -----------------------------------------------------------------------------------------------------------

ROOT_LINK = {"root_link": {"bandwidth": "64 GB/s", "latency": "5 ns", "energy": "1 pJ/b"}}
CHANGES = {
    "switch.reduction_bandwidth": "1 GB/s", "switch.latency": "99 ns", "switch.static": "9 W",
    "root_link.bandwidth": "1 GB/s", "root_link.latency": "99 ns", "root_link.energy": "9 pJ/b",
    "root_link.wires": 2, "root_link.adapter_latency": "9 ns", "root_link.payload_efficiency": 0.5,
    "memory.root_stacks": 4, "energy.sram_link": "1 pJ/b", "chiplet.tiles": 2, "link.wires": 2,
}  # fmt: skip


def small_trace(package):
    """Weights come, tokens go out, are worked on and come back added."""
    tasks = [dram(DRAM_READ, (50_000, 0, 0, *4 * [30_000])), exchange("dispatch", (0, ONE, ONE, *4 * [ONE]), 1),
             on_chiplets(compute(2, 2_000_000, [After(0, 0), After(0, 1)]), package),
             exchange("combine", (0, ONE, ONE, *4 * [ONE]), 3, after=[After(0, 2)])]  # fmt: skip
    return trace_of(1, 7, [tasks])


def small_step(package):
    return replay_trace(small_trace(package), package)


def outcome(result):
    return json.dumps({key: value for key, value in result.to_json().items() if key not in ("inputs", "host")})


@pytest.mark.parametrize("key", CHANGES)
def test_every_key_of_a_tree_changes_some_result(key):
    package = tree(1, 2, 2, **MEMORY | ROOT_LINK | {"energy.static_per_chiplet": "1 W"})
    package = load_package(package, {"chiplet.sram.core_bandwidth": "100 GB/s"})
    assert outcome(small_step(package)) != outcome(small_step(load_package(package, {key: CHANGES[key]})))


def test_energy_of_a_tree_counts_each_link_each_stack_and_switches_apart_from_chiplets():
    package = tree(1, 2, 2, **MEMORY | ROOT_LINK | {
        "energy.static_per_chiplet": "1 W", "switch.static": "3 W", "memory.background_per_channel": "5 W",
        "link.energy": "2 pJ/b", "energy.sram": "0.5 pJ/b", "energy.sram_link": "0.25 pJ/b",
    })  # fmt: skip
    result = small_step(package)
    step, parts = result.step_time_s, result["energy_parts_j"]
    assert parts["static_chiplet"] == pytest.approx((5 * 1 + 2 * 3) * step)
    assert parts["dram_background"] == pytest.approx((2 + 2) * 5 * step)
    above, below = 2 * 2 * ONE, 2 * 4 * ONE + 4 * 30_000
    assert result["energy_j"]["nop"] == pytest.approx(8e-12 * (above * 1 + below * 2))
    assert result["energy_j"]["sram"] == pytest.approx(8e-12 * 0.75 * result["traffic"]["sram_bytes"])


def test_a_result_names_tiles_by_their_roles_and_counts_only_cores_as_peak():
    package = tree(1, 2, 2, **MEMORY)
    result = small_step(package)
    flops = 5 * 2_000_000
    assert result["hfu"] == pytest.approx(flops / (5 * 10**13 * result.step_time_s))
    assert "attention 0->switch 1,link," in result.tables()["links.csv"]
    assert "switch 1->expert 1.0,link," in result.tables()["links.csv"]


def test_the_breakdown_by_role_adds_up_to_the_step_in_each_and_to_the_whole():
    result = small_step(tree(1, 2, 2, **MEMORY))
    classes = ("compute_s", "exposed_nop_s", "exposed_dram_s", "bubble_s", "idle_s")
    whole, roles = result["breakdown"], result["breakdown"]["by_role"]
    assert list(roles) == ["attention", "switch", "expert"]
    for shares in roles.values():
        assert sum(shares[key] for key in classes) == pytest.approx(result.step_time_s)
    for key in (*classes, "nop_s", "dram_s"):
        mean = (roles["attention"][key] + 2 * roles["switch"][key] + 4 * roles["expert"][key]) / 7
        assert whole[key] == pytest.approx(mean)
    assert roles["switch"]["compute_s"] == 0 < roles["expert"]["compute_s"]
    grid = replay_trace(trace_of(1, 2, [[compute(0, 2000)]]), oracle(1, 2))
    assert "by_role" not in grid["breakdown"]


def test_a_timeline_names_tiles_by_their_roles():
    package = tree(1, 2, 2, **MEMORY)
    tasks = [exchange("dispatch", (0, 0, 0, *4 * [ONE]))]
    timeline = json.loads(replay_trace(trace_of(1, 7, [tasks]), package, timeline=True).timeline_json())
    names = [event["args"]["name"] for event in timeline["traceEvents"] if event["name"] == "process_name"]
    assert names == ["tile attention 0", "tile switch 0", "tile switch 1", "tile expert 0.0", "tile expert 0.1",
                     "tile expert 1.0", "tile expert 1.1"]  # fmt: skip
