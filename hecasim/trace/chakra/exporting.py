"""A Trace as Chakra execution traces: one file per tile, and the communicator groups for ASTRA-sim.

Written beside what Chakra knows, as attributes that begin with `hecasim_` and that other readers pass over: shapes,
algorithm and exact size, stream, buffers, phase and block; with them `read_chakra` gives the same tasks back.
Not in Chakra: that a body is issued when the work of the body eight before it has ended on *every* tile; here it waits,
as control dependencies, for the end of that work on its own tile.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

from hecasim.collectives import PER_PAIR, UNEQUAL
from hecasim.errors import ConfigError
from hecasim.mapping.compute import duration_ps
from hecasim.specs import ChipletSpec
from hecasim.topologies import Topology, Tree
from hecasim.trace.chakra.relays import MEMBERS, OWN_BYTES, PART, PLACE, Message, Relays
from hecasim.trace.chakra.schema import COMM_TYPES, NODE_TYPES, schema
from hecasim.trace.chakra.stream import put
from hecasim.trace.play import Body
from hecasim.trace.task import COLLECTIVE, COMPUTE, DRAM_READ, BodyKind, Task, Trace

VERSION = "0.0.4"
GROUPS_FILE = "comm_groups.json"
PREFIX = "trace"
EVERYBODY = "0"
"""ASTRA-sim's name for the group of all ranks."""
PS_PER_MICROSECOND = 10**6
TYPE = {name: number for number, name in enumerate(NODE_TYPES)}
COMM = {name: number for number, name in enumerate(COMM_TYPES)}
PER_MEMBER = ("ALL_GATHER", "ALL_TO_ALL")
"""Collectives whose comm_size is what one member brings; of others it is the whole tensor (ASTRA-sim's reading)."""


def write_chakra(
    trace: Trace,
    directory: Path,
    chiplet: ChipletSpec | None = None,
    progress: Callable[[float, str], None] | None = None,
    topology: Topology | None = None,
) -> list[Path]:
    """Write `trace.N.et` for every tile N and the groups to *directory*, which must exist; give their paths.

    With a *chiplet* compute nodes carry the time they take on it, in whole microseconds as Chakra has it.
    Dispatch and combine on a tree become messages along the links of *topology*; without a tree, and for an all-to-all
    of unequal blocks, ConfigError is raised: Chakra has no collective whose members exchange different amounts.
    """
    relays = Relays(trace, topology) if isinstance(topology, Tree) else None
    for task in (task for kind in trace.kinds for task in kind.tasks if task.algorithm in UNEQUAL):
        if task.algorithm == PER_PAIR:
            raise ConfigError(
                f"trace: '{task.label}' is a {task.algorithm}; Chakra has no collective of unequal members, and "
                "messages in its place are not written yet"
            )
        if relays is None:
            raise ConfigError(
                f"trace: '{task.label}' is a {task.algorithm}; Chakra has no collective of unequal members, and "
                "without the tree it runs on there are no links to send along"
            )
    kinds, groups = schema(), _Groups(trace)
    paths = []
    for tile in range(trace.tiles):
        path = directory / f"{PREFIX}.{tile}.et"
        writer = _Tile(trace, tile, groups, chiplet, kinds, relays)
        with path.open("wb") as page:
            put(page, writer.metadata())
            for node in writer.nodes():
                put(page, node)
        paths.append(path)
        if progress:
            progress((tile + 1) / trace.tiles, path.name)
    table = directory / GROUPS_FILE
    table.write_text(json.dumps(groups.table()) + "\n", encoding="utf-8")
    return [*paths, table]


class _Groups:
    """The communicator groups of a trace: numbers from 1, as texts, for every group with more than one member."""

    def __init__(self, trace: Trace) -> None:
        self.numbers: dict[tuple[int, ...], str] = {}
        self.of: dict[tuple[str, int], tuple[tuple[int, ...], str]] = {}
        everybody = list(range(trace.tiles))
        for name, groups in trace.groups.items():
            for members in groups:
                number = EVERYBODY if list(members) == everybody else self._number(members)
                self.of.update({(name, tile): (members, number) for tile in members})

    def _number(self, members: tuple[int, ...]) -> str:
        return self.numbers.setdefault(members, str(len(self.numbers) + 1)) if len(members) > 1 else ""

    def table(self) -> dict[str, list[int]]:
        return {number: list(members) for members, number in self.numbers.items()}


class _Tile:
    """The nodes of one tile."""

    def __init__(
        self, trace: Trace, tile: int, groups: _Groups, chiplet: ChipletSpec | None, kinds: Any, relays: Relays | None
    ) -> None:
        self.trace, self.tile, self.groups, self.chiplet, self.kinds = trace, tile, groups, chiplet, kinds
        self.element_bytes = int(trace.options["element_bytes"])
        self.relays = relays
        self.firsts = {id(kind): [0, *accumulate(max(1, len(self._messages(task))) for task in kind.tasks)]
                       for kind in trace.kinds}  # fmt: skip
        """Kind -> where the nodes of each of its tasks begin, and how many all are."""
        self.tails = {id(kind): _tails(kind) for kind in trace.kinds}

    def metadata(self) -> Any:
        grid = {"rows": self.trace.rows, "columns": self.trace.columns, "options": self.trace.options}
        message = self.kinds.GlobalMetadata(version=VERSION)
        message.attr.add(name="hecasim_trace", string_val=json.dumps(grid))
        return message

    def nodes(self) -> Iterator[Any]:
        """One node per task and body (dispatch and combine: one per message), numbered in the order of the trace."""
        starts: list[int] = []
        self.starts, number, tasks = starts, 0, 0
        for place, body in enumerate(self.trace.bodies):
            kind = self.trace.kinds[body.kind]
            starts.append(number)
            gate = place - self.trace.look_ahead
            tail = [node for task in self._tail(gate) for node in self._ids(gate, task)] if gate >= 0 else []
            for task in kind.tasks:
                before = [node for offset, one in task.after if place + offset >= 0
                          for node in self._ids(place + offset, one)]  # fmt: skip
                received: list[int] = []
                messages: list[Message | None] = [*self._messages(task)]
                for message in messages or [None]:
                    node = self._node(task, message, number - self._ids(place, task).start)
                    node.attr.add(name=PLACE, int64_val=tasks)
                    node.id = number
                    node.name = f"{kind.name} {_place(body)}: {task.label}"
                    node.data_deps.extend([*before, *received] if message and message.sends else before)
                    received += [number] if message and not message.sends else []
                    if not any(offset == 0 for offset, _ in task.after):
                        node.ctrl_deps.extend(tail)
                    number += 1
                    yield node
                tasks += 1

    def _ids(self, place: int, task: int | Task) -> range:
        """The nodes of a task of the body at *place*."""
        firsts = self.firsts[id(self.trace.kinds[self.trace.bodies[place].kind])]
        number = task if isinstance(task, int) else task.id
        return range(self.starts[place] + firsts[number], self.starts[place] + firsts[number + 1])

    def _messages(self, task: Task) -> list[Message]:
        """What this tile receives and sends in a dispatch or combine; nothing for any other task."""
        if task.algorithm not in UNEQUAL or self.relays is None or not task.size_bytes:
            return []
        members, _ = self.groups.of[(task.group, self.tile)]
        return self.relays.of(task, members).get(self.tile, []) if len(members) > 1 else []

    def _tail(self, place: int) -> tuple[int, ...]:
        return self.tails[id(self.trace.kinds[self.trace.bodies[place].kind])]

    def _node(self, task: Task, message: Message | None, part: int) -> Any:
        """One node of a task, *part* places after its first."""
        node = self.kinds.Node()
        if part:
            self._message(node, message)
            node.attr.add(name=PART, int64_val=part)
            node.attr.add(name="is_cpu_op", bool_val=False)
            return node
        if task.kind == COMPUTE:
            self._compute(node, task)
        elif task.algorithm in UNEQUAL:
            self._relay(node, task, message)
        elif task.kind == COLLECTIVE:
            self._exchange(node, task)
        else:
            self._memory(node, task)
        node.attr.add(name="is_cpu_op", bool_val=False)
        for name, value in (("phase", task.phase), ("block", task.block), ("label", task.label)):
            node.attr.add(name=f"hecasim_{name}", string_val=value)
        for name, buffers in (("takes", task.takes), ("gives", task.gives)):
            if buffers:
                text = " ".join(f"{kind}:{size}" for kind, size in buffers)
                node.attr.add(name=f"hecasim_{name}", string_val=text)
        if task.in_place:
            node.attr.add(name="hecasim_in_place", bool_val=True)
        return node

    def _compute(self, node: Any, task: Task) -> None:
        work = task.work_at(self.tile)
        elements = sum(count * (m * k + k * n + m * n) for count, m, n, k in work.gemms) + work.vector_operations
        node.type = TYPE["COMP_NODE"]
        node.attr.add(name="num_ops", int64_val=work.flops + work.vector_operations)
        node.attr.add(name="tensor_size", uint64_val=elements * self.element_bytes)
        node.attr.add(name="hecasim_gemms").int64_list.values.extend(size for gemm in work.gemms for size in gemm)
        node.attr.add(name="hecasim_vector_operations", int64_val=work.vector_operations)
        if self.chiplet is not None:
            lasts = duration_ps(self.chiplet, work, self.element_bytes)
            node.duration_micros = -(-lasts // PS_PER_MICROSECOND)
            node.attr.add(name="hecasim_runtime_ps", int64_val=lasts)

    def _memory(self, node: Any, task: Task) -> None:
        node.type = TYPE["MEM_LOAD_NODE" if task.kind == DRAM_READ else "MEM_STORE_NODE"]
        node.attr.add(name="tensor_size", uint64_val=task.bytes_at(self.tile))
        node.attr.add(name="hecasim_stream", string_val=task.stream)
        if task.together:
            node.attr.add(name="hecasim_together", string_val=task.together)
        if task.group:
            _, number = self.groups.of[(task.group, self.tile)]
            node.attr.add(name="hecasim_group", string_val=task.group)
            if number:
                node.attr.add(name="hecasim_multicast", string_val=number)

    def _exchange(self, node: Any, task: Task) -> None:
        members, number = self.groups.of[(task.group, self.tile)]
        if len(members) == 1 or not task.size_bytes:
            self._idle(node)
            self._say(node, task)
            return
        collective = task.algorithm.split(".")[1].upper()
        size = task.size_bytes
        if collective == "SEND":
            source, target = members
            node.type = TYPE["COMM_SEND_NODE" if self.tile == source else "COMM_RECV_NODE"]
            for name, value in (("comm_src", source), ("comm_dst", target), ("comm_tag", 0)):
                node.attr.add(name=name, int32_val=value)
        else:
            node.type = TYPE["COMM_COLL_NODE"]
            node.attr.add(name="comm_type", int64_val=COMM[collective])
            node.attr.add(name="pg_name", string_val=number)
            size = -(-size // len(members)) if collective in PER_MEMBER else size
        node.attr.add(name="comm_size", int64_val=size)
        self._say(node, task)

    def _idle(self, node: Any) -> None:
        """A part in which there is nothing to do."""
        node.type = TYPE["COMP_NODE"]
        node.attr.add(name="num_ops", int64_val=0)
        node.attr.add(name="tensor_size", uint64_val=0)
        node.attr.add(name="hecasim_idle", bool_val=True)

    def _say(self, node: Any, task: Task) -> None:
        """What Chakra does not know of a collective."""
        node.attr.add(name="hecasim_size_bytes", int64_val=task.size_bytes)
        node.attr.add(name="hecasim_algorithm", string_val=task.algorithm)
        node.attr.add(name="hecasim_group", string_val=task.group)

    def _relay(self, node: Any, task: Task, message: Message | None) -> None:
        """The first node of a dispatch or combine on this tile."""
        if message is None:
            self._idle(node)
        else:
            self._message(node, message)
        members, number = self.groups.of[(task.group, self.tile)]
        self._say(node, task)
        if len(members) > 1:
            node.attr.add(name=MEMBERS, string_val=number)
            node.attr.add(name=OWN_BYTES, int64_val=task.bytes_at(self.tile))

    def _message(self, node: Any, message: Message | None) -> None:
        assert message is not None
        ends = (self.tile, message.other) if message.sends else (message.other, self.tile)
        node.type = TYPE["COMM_SEND_NODE" if message.sends else "COMM_RECV_NODE"]
        for name, value in (("comm_src", ends[0]), ("comm_dst", ends[1]), ("comm_tag", 0)):
            node.attr.add(name=name, int32_val=value)
        node.attr.add(name="comm_size", int64_val=message.size_bytes)


def _place(body: Body) -> str:
    return f"layer {body.layer} micro_batch {body.micro_batch} token_tile {body.token_tile}"


def _tails(kind: BodyKind) -> tuple[int, ...]:
    """Tasks that hold up later bodies and that no other such task of the body waits for."""
    leading = [task for task in kind.tasks if task.leads]
    waited = {before for task in leading for offset, before in task.after if not offset}
    return tuple(task.id for task in leading if task.id not in waited)
