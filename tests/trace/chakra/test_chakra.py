"""Chakra execution traces: on the wire as their schema says, there and back without loss, and timed by hand."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hecasim import load_model, load_package, load_plan
from hecasim.errors import ConfigError
from hecasim.mapping.work import Work
from hecasim.parallel import METHODS
from hecasim.replaying import package_of, read_trace, replay_trace
from hecasim.sim import replay
from hecasim.topologies import topology_of
from hecasim.trace import build_trace
from hecasim.trace.chakra import read_chakra, write_chakra
from hecasim.trace.chakra.schema import COMM_TYPES, NODE_TYPES, schema
from hecasim.trace.chakra.stream import messages, put, varint
from hecasim.trace.chakra.tasks import work_of_operations
from hecasim.trace.file import read
from tests.sim.parts import collective, oracle, trace_of, tree
from tests.tiny import tiny_inputs

TRACES = Path(__file__).parents[3] / "traces"
HOP = 10_000


def wire(size):
    return size * 10**12 // (32 * 10**9)


def files(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def there_and_back(trace, tmp_path, chiplet=None, topology=None):
    """Write, read, write again: the second files must be the first; give the trace that was read."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    write_chakra(trace, one, chiplet, None, topology)
    back = read_chakra(one)
    write_chakra(back, two, chiplet, None, topology)
    return back, one, two


def nodes_of(path):
    return [node for place, node in messages(path, schema()) if place]


def attributes(node):
    return {one.name: getattr(one, one.WhichOneof("value")) for one in node.attr if not one.name.startswith("hecasim")}


def said(path):
    """Everything that nodes say but their names, which hold the body they came from."""
    return [
        (node.id, node.type, node.duration_micros, sorted({*node.data_deps, *node.ctrl_deps}), *map(str, node.attr))
        for node in nodes_of(path)
    ]


# --- the wire -------------------------------------------------------------------------------------------------------


def test_a_node_is_these_bytes():
    """Encoded by hand from the numbers of et_def.proto: tag = field << 3 | wire type."""
    node = schema().Node(id=3, name="n", type=7, duration_micros=2)
    node.ctrl_deps.append(1)
    node.data_deps.extend([1, 300])
    node.attr.add(name="comm_size", int64_val=5)
    node.attr.add(name="is_cpu_op", bool_val=False)
    node.attr.add(name="pg_name", string_val="1")
    node.attr.add(name="tensor_size", uint64_val=6)
    node.inputs.values = "v"
    expected = (
        b"\x08\x03" b"\x12\x01n" b"\x18\x07" b"\x22\x01\x01" b"\x2a\x03\x01\xac\x02" b"\x38\x02"
        b"\x42\x03\x0a\x01v"
        b"\x52\x0d\x0a\x09comm_size\x48\x05"
        b"\x52\x0e\x0a\x09is_cpu_op\xd8\x01\x00"
        b"\x52\x0d\x0a\x07pg_name\xea\x01\x011"
        b"\x52\x0f\x0a\x0btensor_size\x68\x06"
    )  # fmt: skip
    assert node.SerializeToString() == expected


def test_every_kind_of_value_has_the_number_of_the_schema():
    """AttributeProto: double_val 3, double_list 4, ... bytes_val 31, bytes_list 32, each list with `values` 1."""
    fields = schema().AttributeProto.DESCRIPTOR.fields_by_name
    assert (fields["double_val"].number, fields["float_val"].number, fields["int32_val"].number) == (3, 5, 7)
    assert (fields["int64_val"].number, fields["uint64_val"].number, fields["sfixed64_list"].number) == (9, 13, 26)
    assert (fields["bool_val"].number, fields["string_val"].number, fields["bytes_list"].number) == (27, 29, 32)
    assert [NODE_TYPES.index(name) for name in ("COMP_NODE", "COMM_COLL_NODE", "CHECKPOINT_NODE")] == [4, 7, 10]
    assert [COMM_TYPES.index(name) for name in ("ALL_REDUCE", "ALL_GATHER", "REDUCE_SCATTER", "BARRIER")] == [
        0,
        2,
        7,
        9,
    ]


def test_lengths_are_varints():
    assert (varint(0), varint(127), varint(128), varint(300)) == (b"\x00", b"\x7f", b"\x80\x01", b"\xac\x02")


# --- there and back -------------------------------------------------------------------------------------------------


def test_an_all_reduce_of_sixteen_dies(tmp_path):
    trace = trace_of(4, 4, [[collective(0, "ring.all_reduce", 1_000_003)]])
    back, one, two = there_and_back(trace, tmp_path)
    assert sorted(files(one)) == sorted([*(f"trace.{tile}.et" for tile in range(16)), "comm_groups.json"])
    for tile in range(16):
        (node,) = nodes_of(one / f"trace.{tile}.et")
        assert (node.id, node.type) == (0, NODE_TYPES.index("COMM_COLL_NODE"))
        assert attributes(node) == {"comm_type": 0, "comm_size": 1_000_003, "pg_name": "0", "is_cpu_op": False}
        assert said(one / f"trace.{tile}.et") == said(two / f"trace.{tile}.et")
    assert replay(back, oracle(4, 4)).step_ps == replay(trace, oracle(4, 4)).step_ps


def test_a_layer_of_llama2_7b(tmp_path):
    package, model = load_package("hecaton_4x4_standard"), load_model("llama2-7b", {"layers": 1})
    trace = build_trace(package, model, load_plan({"batch": 1, "sequence": 256, "capacity": "warn"}))
    back, one, two = there_and_back(trace, tmp_path, package.chiplet)
    first, second = files(one), files(two)
    assert json.loads(first["comm_groups.json"]) == json.loads(second["comm_groups.json"])
    groups = json.loads(first["comm_groups.json"])
    assert sorted(map(sorted, groups.values())) == sorted(map(list, trace.groups["r"] + trace.groups["c"]))
    for tile in range(16):
        written = nodes_of(one / f"trace.{tile}.et")
        assert len(written) == trace.task_count
        assert said(one / f"trace.{tile}.et") == said(two / f"trace.{tile}.et")
        compute = next(node for node in written if node.type == NODE_TYPES.index("COMP_NODE") and node.duration_micros)
        assert attributes(compute)["num_ops"] > 0
        assert attributes(compute)["tensor_size"] > 0
    here, there = replay_trace(trace, package), replay_trace(back, package)
    assert there["flops"]["executed"] == here["flops"]["executed"]
    assert there["traffic"] == here["traffic"]
    assert there["tile_time_ps"] == here["tile_time_ps"]


@pytest.mark.parametrize("method", METHODS)
def test_a_step_of_every_method_comes_back_with_its_integers(tmp_path, method):
    package, model, plan = tiny_inputs(tmp_path, method=method)
    trace = build_trace(package, model, plan)
    back, _, _ = there_and_back(trace, tmp_path)
    assert back.groups == {name: trace.groups[name] for name in back.groups}
    assert back.task_count == trace.task_count
    here, there = replay_trace(trace, package), replay_trace(back, package)
    assert (there["traffic"], there["tile_time_ps"]) == (here["traffic"], here["tile_time_ps"])


@pytest.mark.parametrize("name", ["tiny_2x2_hecaton", "tiny_tree_mozart", "pipeline_1f1b_4x4", "by_hand_8x8"])
def test_every_kind_of_sample_comes_back_with_its_integers(tmp_path, name):
    """A mixture becomes messages along the tree and is put together again; stages and pairs find their tables.

    Chakra cannot say how far a tile may be ahead of others: where that binds, here as far as it likes.
    """
    trace = read(TRACES / f"{name}.jsonl")
    if name == "tiny_tree_mozart":
        trace = replace(trace, options={**trace.options, "lead": 64})
    package = package_of(trace, TRACES / f"{name}.jsonl")
    topology = topology_of(package.topology)
    back, _, two = there_and_back(trace, tmp_path, package.chiplet, topology)
    assert back.task_count == trace.task_count
    assert all(set(back.groups[table]) == set(trace.groups[table]) for table in back.groups)
    three = tmp_path / "three"
    three.mkdir()
    write_chakra(read_chakra(two), three, package.chiplet, None, topology)
    for tile in range(trace.tiles):  # the first reading may number groups and nodes anew, the second finds them so
        assert said(two / f"trace.{tile}.et") == said(three / f"trace.{tile}.et")
    here, there = replay_trace(trace, package), replay_trace(back, package)
    for key in ("step_time_ps", "tile_time_ps", "traffic", "energy_j"):
        assert there[key] == here[key], key


def test_messages_of_a_dispatch_go_link_by_link(tmp_path):
    """A copy per group to its switch, which sends on when it is there; back, a switch adds before it sends."""
    sizes = (0, 30, 0, 10, 20, 40, 0)  # attention, two switches (the second only passes through), four chiplets
    tasks = [replace(collective(number, f"tree.{name}", 130), tile_bytes=sizes) for number, name in
             enumerate(("dispatch", "combine"))]  # fmt: skip
    trace = trace_of(1, 7, [tasks])
    write_chakra(trace, tmp_path, None, None, topology_of(tree(1, 2, 2).topology))
    ways = {NODE_TYPES.index("COMM_SEND_NODE"): "to", NODE_TYPES.index("COMM_RECV_NODE"): "from"}

    def messages_of(tile):
        found = []
        for node in nodes_of(tmp_path / f"trace.{tile}.et"):
            given = attributes(node)
            other = given.get("comm_dst" if ways.get(node.type) == "to" else "comm_src")
            found.append((ways.get(node.type, "nothing"), other, given.get("comm_size"), list(node.data_deps)))
        return found

    assert messages_of(0) == [("to", 1, 30, []), ("to", 5, 40, []), ("from", 1, 30, []), ("from", 5, 40, [])]
    assert messages_of(1) == [("from", 0, 30, []), ("to", 3, 10, [0]), ("to", 4, 20, [0]), ("from", 3, 10, []),
                              ("from", 4, 20, []), ("to", 0, 30, [3, 4])]  # fmt: skip
    assert messages_of(5) == [("from", 0, 40, []), ("to", 0, 40, [])]
    assert messages_of(6) == [("nothing", None, None, [])] * 2


def test_sizes_of_gathers_are_those_of_one_member(tmp_path):
    """ASTRA-sim reads comm_size as what a member brings to an all-gather or all-to-all, else as the whole."""
    names = ("ring.all_gather", "direct.all_to_all", "ring.reduce_scatter", "chain.broadcast")
    trace = trace_of(2, 2, [[collective(number, name, 4000) for number, name in enumerate(names)]])
    back, one, _ = there_and_back(trace, tmp_path)
    sizes = [attributes(node)["comm_size"] for node in nodes_of(one / "trace.3.et")]
    assert sizes == [1000, 1000, 4000, 4000]
    assert [(task.algorithm, task.size_bytes) for task in back.kinds[0].tasks] == [(name, 4000) for name in names]


# --- a trace made by hand -------------------------------------------------------------------------------------------


class Hand:
    """Writes the files of four ranks node by node."""

    def __init__(self, folder, groups=None):
        self.folder, self.nodes = folder, {rank: [] for rank in range(4)}
        folder.mkdir()
        if groups:
            (folder / "comm_groups.json").write_text(json.dumps(groups))

    def add(self, ranks, name, kind, deps=(), micros=0, **values):
        for rank in ranks:
            node = schema().Node(name=name, type=NODE_TYPES.index(kind), id=values.get("id", len(self.nodes[rank])))
            node.duration_micros = micros
            node.data_deps.extend(deps)
            for key, value in values.items():
                if key != "id":
                    node.attr.add(name=key, **{"string_val" if isinstance(value, str) else "int64_val": value})
            self.nodes[rank].append(node)
        return self

    def write(self):
        for rank, nodes in self.nodes.items():
            with (self.folder / f"hand.{rank}.et").open("wb") as page:
                put(page, schema().GlobalMetadata(version="0.0.4"))
                for node in nodes:
                    put(page, node)
        return self.folder


def four_ranks(tmp_path):
    """Compute, all-reduce, then: 0 sends to 1 which computes; 2 and 3 gather and 2 computes; a load runs beside."""
    hand = Hand(tmp_path / "hand", {"1": [2, 3]})
    everybody = range(4)
    hand.add(everybody, "groups", "METADATA_NODE")
    hand.add(everybody, "product", "COMP_NODE", num_ops=10**7, deps=[0])  # 1 us at 10 TFLOP/s
    hand.add(everybody, "load", "MEM_LOAD_NODE", tensor_size=1000)
    hand.add(everybody, "sum", "COMM_COLL_NODE", deps=[1], comm_type=0, comm_size=4000)
    hand.add(everybody, "wait", "COMM_COLL_NODE", deps=[3], comm_type=9)
    hand.add([0], "send", "COMM_SEND_NODE", deps=[4], comm_dst=1, comm_size=3200, comm_tag=7)
    hand.add([1], "receive", "COMM_RECV_NODE", deps=[4], comm_src=0, comm_size=3200, comm_tag=7)
    hand.add([1], "use", "COMP_NODE", deps=[5, 2], num_ops=2 * 10**7)
    hand.add([2, 3], "gather", "COMM_COLL_NODE", deps=[4], comm_type=2, comm_size=500, pg_name="1")
    hand.add([2], "late", "COMP_NODE", deps=[5], num_ops=5 * 10**7)
    hand.add([3], "store", "MEM_STORE_NODE", deps=[5], tensor_size=2000)
    return hand.write()


def test_a_trace_of_four_ranks_takes_the_times_computed_by_hand(tmp_path):
    """2 x 2 dies, 32 GB/s and 10 ns per link, 10 TFLOP/s, DRAM on every die with 10 GB/s after 100 ns."""
    memory = {"memory.kind": "ddr5_6400", "memory.bandwidth": "10 GB/s", "memory.latency": "100 ns"}
    package = oracle(2, 2, **memory)
    trace = read_trace(four_ranks(tmp_path), package)
    log = replay(trace, package, keep_spans=True)
    ends = {(span.label, span.tile): span.end_ps for span in log.spans}
    summed = 1_000_000 + 6 * (HOP + wire(1000))
    sent = summed + HOP + wire(3200)
    gathered = summed + HOP + wire(500)
    assert ends[("product", 0)] == 1_000_000
    assert ends[("load", 3)] == 100_000 + 100_000
    assert {ends[("sum", tile)] for tile in range(4)} == {summed} == {1_247_500}
    assert ends[("send", 1)] == sent == 1_357_500
    assert ends[("use", 1)] == sent + 2_000_000
    assert ends[("gather", 3)] == gathered == 1_273_125
    assert ends[("late", 2)] == gathered + 5_000_000
    assert ends[("store", 3)] == gathered + 100_000 + 200_000
    assert log.step_ps == 6_273_125


def test_what_is_not_replayed_is_listed_by_name_and_count(tmp_path):
    trace = read_chakra(four_ranks(tmp_path), 2, 2)
    assert trace.about["notes"] == ["left out 4 x COMM_COLL_NODE BARRIER"]
    assert [task.label for task in trace.kinds[0].tasks].count("sum") == 1  # four nodes, one task


def test_two_ranks_that_exchange_messages_do_not_wait_in_a_circle(tmp_path):
    """Each sends, then receives: the receive holds nothing back, what follows it waits for both."""
    hand = Hand(tmp_path / "hand")
    for rank, other in ((0, 1), (1, 0)):
        hand.add([rank], "send", "COMM_SEND_NODE", comm_dst=other, comm_size=3200)
        hand.add([rank], "receive", "COMM_RECV_NODE", deps=[0], comm_src=other, comm_size=3200)
        hand.add([rank], "use", "COMP_NODE", deps=[1], num_ops=10**7)
    package = oracle(2, 2)
    assert replay_trace(read_trace(hand.write(), package), package)["step_time_ps"] == HOP + wire(3200) + 1_000_000


def test_ranks_whose_members_wait_for_different_tasks_are_noted(tmp_path):
    hand = Hand(tmp_path / "hand")
    hand.add([0], "early", "COMP_NODE", num_ops=10**7)
    hand.add([0], "sum", "COMM_COLL_NODE", deps=[0], comm_type=0, comm_size=4000)
    hand.add([1, 2, 3], "sum", "COMM_COLL_NODE", comm_type=0, comm_size=4000)
    trace = read_chakra(hand.write(), 2, 2)
    assert trace.about["notes"] == ["1 collectives have members that wait for different tasks: each waits for all"]
    assert replay(trace, oracle(2, 2)).step_ps == 1_000_000 + 6 * (HOP + wire(1000))


def test_a_measured_duration_is_kept_on_either_core(tmp_path):
    hand = Hand(tmp_path / "hand").add(range(4), "kernel", "COMP_NODE", micros=17)
    folder = hand.write()
    systolic = {
        "chiplet.core": {"kind": "systolic", "clock": "1 GHz", "arrays": 1, "rows": 8, "columns": 8, "dataflow": "ws",
                         "vector_lanes": 16}
    }  # fmt: skip
    for package in (oracle(2, 2), oracle(2, 2, **systolic)):
        trace = read_trace(folder, package)
        assert replay(trace, package).step_ps == 17_000_000
        assert trace.about["notes"] == ["4 compute nodes have a duration only: taken as work that lasts so long"]
    with pytest.raises(ConfigError, match="has a duration but no num_ops"):
        read_chakra(folder, 2, 2)


@pytest.mark.parametrize("operations", [0, 1, 2, 7, 1000, 2**31 + 1, 10**15 + 7])
def test_operations_without_shapes_become_exactly_so_many(operations):
    work = work_of_operations(operations)
    assert work.flops == operations + operations % 2
    assert len(work.gemms) < 20
    assert all(min(shape) > 0 for shape in work.gemms) or work == Work((), 0)


# --- faults ---------------------------------------------------------------------------------------------------------

BAD = {
    "no partner": ({"deps": [], "comm_type": 0, "comm_size": 1}, "COMM_COLL_NODE", "has no partner on rank 1"),
    "unknown group": ({"comm_type": 0, "comm_size": 1, "pg_name": "9"}, "COMM_COLL_NODE", "unknown process group '9'"),
    "no size": ({"comm_dst": 1}, "COMM_SEND_NODE", "has no partner on rank 1"),
    "to itself": ({"comm_dst": 0, "comm_size": 1}, "COMM_SEND_NODE", "from rank 0 to 0"),
    "to nobody": ({"comm_dst": 7, "comm_size": 1}, "COMM_SEND_NODE", "from rank 0 to 7"),
    "waits for nothing": ({"deps": [9], "num_ops": 1}, "COMP_NODE", "waits for node 9, which this rank does not have"),
    "waits for itself": ({"deps": [0], "num_ops": 1}, "COMP_NODE", "waits for itself"),
    "negative": ({"num_ops": -5}, "COMP_NODE", "num_ops: found -5"),
    "too much": ({"num_ops": 10**18}, "COMP_NODE", "num_ops: found 1000000000000000000"),
    "a text": ({"num_ops": "many"}, "COMP_NODE", "num_ops: found \"many\""),
    "no bytes": ({}, "MEM_LOAD_NODE", "tensor_size is missing"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_node_is_named_with_its_rank(tmp_path, name):
    values, kind, expected = BAD[name]
    folder = Hand(tmp_path / "hand").add([0], "odd", kind, **values).write()
    with pytest.raises(ConfigError, match="rank 0, node 0") as error:
        read_chakra(folder, 2, 2)
    assert expected in str(error.value)


def test_a_wrong_directory_is_told(tmp_path):
    with pytest.raises(ConfigError, match="found none"):
        read_chakra(tmp_path)
    folder = four_ranks(tmp_path)
    with pytest.raises(ConfigError, match="traces of 4 ranks; found a grid of 4x4"):
        read_chakra(folder, 4, 4)
    whole = (folder / "hand.2.et").read_bytes()
    for spoilt in (whole[:-3], b"\xff" * 9, b"\x05abc", b"", b"\x03\xff\xff\xff"):
        (folder / "hand.2.et").write_bytes(spoilt)
        with pytest.raises(ConfigError, match=r"hand\.2\.et"):
            read_chakra(folder, 2, 2)
    (folder / "hand.2.et").unlink()
    with pytest.raises(ConfigError, match=r"hand\.2\.et is missing"):
        read_chakra(folder, 2, 2)
    (folder / "hand.2.et").write_bytes(whole)
    (folder / "comm_groups.json").write_text('{"1": [2, 9]}')
    with pytest.raises(ConfigError, match="expected ranks from 0 to 3"):
        read_chakra(folder, 2, 2)
