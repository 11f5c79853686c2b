"""On the wire as protobuf's own compiler says: files of hecasim read by compiled classes, and theirs by hecasim."""

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from hecasim import load_model, load_package, load_plan
from hecasim.replaying import read_trace, replay_trace
from hecasim.trace import build_trace
from hecasim.trace.chakra import read_chakra, write_chakra
from hecasim.trace.chakra.schema import schema
from hecasim.trace.chakra.stream import messages, put
from tests.sim.parts import collective, oracle, trace_of
from tests.trace.chakra.test_chakra import four_ranks

DATA = Path(__file__).parent / "data"
PACKAGE = "ChakraProtoMsg"


class Compiled:
    """Message classes of et_def.proto, made by protoc."""

    def __init__(self, folder):
        made = folder / "et_def.pb"
        words = [sys.executable, "-m", "grpc_tools.protoc", f"-I{DATA}", f"--descriptor_set_out={made}", "et_def.proto"]
        subprocess.run(words, check=True, capture_output=True)
        pool = descriptor_pool.DescriptorPool()
        for file in descriptor_pb2.FileDescriptorSet.FromString(made.read_bytes()).file:
            self.file = pool.AddSerializedFile(file.SerializeToString())
        self.GlobalMetadata, self.Node, self.AttributeProto = (
            message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))
            for name in ("GlobalMetadata", "Node", "AttributeProto")
        )


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    return Compiled(tmp_path_factory.mktemp("proto"))


def fields(message):
    return {
        (field.name, field.number, field.type, field.is_repeated, bool(field.containing_oneof),
         field.message_type.name if field.message_type else field.enum_type.name if field.enum_type else "")
        for field in message.fields
    }  # fmt: skip


def test_every_message_field_and_enum_is_as_compiled(compiled):
    ours, theirs = schema().Node.DESCRIPTOR.file, compiled.Node.DESCRIPTOR.file
    assert set(ours.message_types_by_name) == set(theirs.message_types_by_name)
    for name, message in theirs.message_types_by_name.items():
        assert fields(ours.message_types_by_name[name]) == fields(message), name
    for name, enum in theirs.enum_types_by_name.items():
        assert [(one.name, one.number) for one in ours.enum_types_by_name[name].values] == [
            (one.name, one.number) for one in enum.values
        ]


def trace_of_all_reduce():
    return trace_of(4, 4, [[collective(0, "ring.all_reduce", 1_000_003)]])


def trace_of_llama_layer():
    package, model = load_package("hecaton_4x4_standard"), load_model("llama2-7b", {"layers": 1})
    return build_trace(package, model, load_plan({"batch": 1, "sequence": 256, "capacity": "warn"}))


@pytest.mark.parametrize("make", [trace_of_all_reduce, trace_of_llama_layer])
def test_an_export_is_read_by_the_compiled_schema_and_comes_back_from_it(tmp_path, compiled, make):
    """Nothing unknown, nothing lost: written again by the compiled classes it is the same bytes, and the same step."""
    trace = make()
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    write_chakra(trace, one, load_package("hecaton_4x4_standard").chiplet)
    nodes = 0
    for path in sorted(one.iterdir()):
        if path.suffix != ".et":
            (two / path.name).write_bytes(path.read_bytes())
            continue
        with (two / path.name).open("wb") as page:
            for place, message in messages(path, compiled):
                known = {field.name for field, _ in message.ListFields()}
                assert known <= {"id", "name", "type", "ctrl_deps", "data_deps", "duration_micros", "attr", "version"}
                assert all(attribute.WhichOneof("value") for attribute in message.attr)
                put(page, message)
                nodes += place > 0
        assert (two / path.name).read_bytes() == path.read_bytes()
    assert nodes == 16 * trace.task_count
    assert read_chakra(two) == read_chakra(one)
    if make is trace_of_llama_layer:
        package = load_package("hecaton_4x4_standard")
        here, there = replay_trace(trace, package), replay_trace(read_chakra(two), package)
        assert (there["step_time_ps"], there["traffic"]) == (here["step_time_ps"], here["traffic"])


def test_traces_made_by_hand_with_the_compiled_schema_are_read(tmp_path, compiled):
    """The four ranks that other tests time by hand, written by compiled classes this time."""
    ours = four_ranks(tmp_path)
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "comm_groups.json").write_bytes((ours / "comm_groups.json").read_bytes())
    for path in ours.glob("*.et"):
        with (theirs / path.name).open("wb") as page:
            for _, message in messages(path, compiled):
                copy = type(message)()
                copy.CopyFrom(message)
                put(page, copy)
    package = oracle(2, 2)
    assert read_trace(theirs, package) == read_trace(ours, package)
