"""The messages of a Chakra execution trace, as protobuf classes made from a table of field numbers.

Numbers, names and types are those of `schema/protobuf/et_def.proto` of github.com/mlcommons/chakra (commit 6dc63e14,
MIT licence, Copyright (c) 2023 Georgia Institute of Technology, Meta Platforms, Inc. and affiliates), so that files
are the same on the wire. Left out: messages that nothing here reads (Tensor, storage operations); fields that are not
in the table are kept by protobuf as unknown.
"""

from __future__ import annotations

from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from hecasim.errors import ConfigError

PACKAGE = "ChakraProtoMsg"
SCALARS = ("double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64",
           "sfixed32", "sfixed64", "bool", "string", "bytes")  # fmt: skip
"""In the order of their numbers in AttributeProto's `value`: 3 double_val, 4 double_list, 5 float_val, ..."""
FIRST_VALUE = 3

NODE_TYPES = ("INVALID_NODE", "METADATA_NODE", "MEM_LOAD_NODE", "MEM_STORE_NODE", "COMP_NODE", "COMM_SEND_NODE",
              "COMM_RECV_NODE", "COMM_COLL_NODE", "STORAGE_NODE", "BATCH_NODE", "CHECKPOINT_NODE")  # fmt: skip
"""By number, from 0."""
COMM_TYPES = ("ALL_REDUCE", "REDUCE", "ALL_GATHER", "GATHER", "SCATTER", "BROADCAST", "ALL_TO_ALL", "REDUCE_SCATTER",
              "REDUCE_SCATTER_BLOCK", "BARRIER")  # fmt: skip
"""By number, from 0."""

# Message -> (field, number, type, repeated)
MESSAGES: dict[str, tuple[tuple[str, int, str, bool], ...]] = {
    "GlobalMetadata": (("version", 1, "string", False), ("attr", 2, "AttributeProto", True)),
    "IOInfo": (("values", 1, "string", False), ("shapes", 2, "string", False), ("types", 3, "string", False)),
    "Node": (
        ("id", 1, "uint64", False), ("name", 2, "string", False), ("type", 3, "NodeType", False),
        ("ctrl_deps", 4, "uint64", True), ("data_deps", 5, "uint64", True), ("start_time_micros", 6, "uint64", False),
        ("duration_micros", 7, "uint64", False), ("inputs", 8, "IOInfo", False), ("outputs", 9, "IOInfo", False),
        ("attr", 10, "AttributeProto", True),
    ),
}  # fmt: skip


@lru_cache(maxsize=1)
def schema() -> Any:
    """The classes GlobalMetadata, Node and AttributeProto.

    Raises ConfigError where protobuf is not installed.
    """
    try:
        from google.protobuf import descriptor_pool, message_factory
    except ImportError:
        raise ConfigError("Chakra traces need protobuf: pip install 'hecasim[chakra]'") from None
    pool = descriptor_pool.DescriptorPool()  # its own: another program's Chakra may stand in the default one
    pool.Add(_file())
    names = ("GlobalMetadata", "Node", "AttributeProto")
    descriptors = {name: pool.FindMessageTypeByName(f"{PACKAGE}.{name}") for name in names}
    return SimpleNamespace(**{name: message_factory.GetMessageClass(one) for name, one in descriptors.items()})


def _file() -> Any:
    from google.protobuf import descriptor_pb2

    file = descriptor_pb2.FileDescriptorProto(name="et_def.proto", package=PACKAGE, syntax="proto3")
    for name, words in (("NodeType", NODE_TYPES), ("CollectiveCommType", COMM_TYPES)):
        enum = file.enum_type.add(name=name)
        for number, word in enumerate(words):
            enum.value.add(name=word, number=number)
    attribute = file.message_type.add(name="AttributeProto")
    attribute.oneof_decl.add(name="value")
    _field(attribute, "name", 1, "string")
    _field(attribute, "doc_string", 2, "string")
    for place, scalar in enumerate(SCALARS):
        title = f"{scalar.capitalize()}List"
        _field(attribute, f"{scalar}_val", FIRST_VALUE + 2 * place, scalar, oneof=True)
        _field(attribute, f"{scalar}_list", FIRST_VALUE + 2 * place + 1, title, oneof=True)
        _field(file.message_type.add(name=title), "values", 1, scalar, repeated=True)
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind, repeated in fields:
            _field(message, field, number, kind, repeated=repeated)
    return file


def _field(message: Any, name: str, number: int, kind: str, *, repeated: bool = False, oneof: bool = False) -> None:
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Form

    field = message.field.add(name=name, number=number, label=Form.LABEL_REPEATED if repeated else Form.LABEL_OPTIONAL)
    if kind in SCALARS:
        field.type = Form.Type.Value(f"TYPE_{kind.upper()}")
    else:
        field.type = Form.TYPE_ENUM if kind == "NodeType" else Form.TYPE_MESSAGE
        field.type_name = f".{PACKAGE}.{kind}"
    if oneof:
        field.oneof_index = 0
