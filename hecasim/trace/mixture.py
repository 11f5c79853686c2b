"""From routing and placement to the bodies of a step on a tree: attention at the root, experts behind the switches.

A body is one micro-batch through one layer in one pass. All-to-all is never overlapped with compute of the attention
chiplet (Mozart, arXiv 2603.07006, section 4.3). With `stream_tokens` the attention of the next micro-batch runs while
the experts work on this one, and what backward needs is saved meanwhile; with `stream_experts` the weights of a group
come behind attention, the chiplet with the highest profiled load first, and those of later ones behind its work.
Without them every step waits for the one before. Backward sends gradients the same way, in reverse; weights are
updated where they are and written back: `weight_passes` counts the times that they cross DRAM.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hecasim.mapping import modules
from hecasim.mapping.dispatch import Dispatch, count_dispatch
from hecasim.mapping.modules import Module
from hecasim.mapping.work import Work
from hecasim.trace.identity import identity
from hecasim.trace.mixed import MixedStep
from hecasim.trace.play import Body, order_of
from hecasim.trace.task import COLLECTIVE, COMPUTE, DRAM_READ, DRAM_WRITE, After, BodyKind, Task, Trace
from hecasim.trace.update import OPERATIONS_PER_PARAMETER

IDLE = Work((), 0)


def assemble_mixed(step: MixedStep) -> Trace:
    """Write down the bodies of forward, backward and update."""
    writer = _Writer(step)
    layers = range(step.model.layers)
    writer.embedding()
    for layer in layers:
        writer.forward(layer)
    writer.head()
    for layer in reversed(layers):
        writer.backward(layer)
    writer.embedding_gradients()
    plan = step.plan
    return Trace(
        rows=1, columns=step.tree.size, groups=writer.groups,
        options={"ring": plan.options.ring, "colours": plan.options.colours, "chunks": plan.options.chunks,
                 "segment_bytes": plan.segment_bytes, "dram_map": plan.dram_map,
                 "element_bytes": plan.bytes_per_element},
        kinds=tuple(writer.kinds), bodies=order_of(writer.bodies), about=_about(step, writer.model_flops),
    )  # fmt: skip


def _about(step: MixedStep, flops: int) -> dict[str, Any]:
    plan = step.plan
    return {
        "model": step.model.name, "method": plan.method, "layers": step.model.layers, "token_tile": step.tokens,
        "micro_batch": int(plan.micro_batch), "batch": plan.batch, "sequence": plan.sequence, "model_flops": flops,
        "dram_by_class": dict(step.dram_by_class), "sram_estimate_bytes": 0, "remarks": list(step.remarks),
        "notes": list(step.notes), **identity(step.package, step.model, plan),
    }  # fmt: skip


class _Layer:
    """What one layer holds and moves: weights per tile, and per micro-batch the dispatch of every attention chiplet."""

    def __init__(self, step: MixedStep, layer: int) -> None:
        model, plan, tree = step.model, step.plan, step.tree
        moe = model.moe
        assert moe is not None
        self.step, self.layer = step, layer
        self.number = layer - moe.dense_first
        self.root = step.root_module(layer)
        self.roots, self.switches = tree.attention, tree.groups
        self.has_experts = self.number >= 0
        self.dispatches: list[list[Dispatch]] = []
        self.experts: list[list[Module]] = []
        """Per micro-batch, the work of every expert chiplet."""
        if not self.has_experts:
            return
        for micro_batch in range(step.micro_batches):
            found = [count_dispatch(step.kept, step.placement, self.number, step.token_slice(micro_batch, root))
                     for root in range(self.roots)]  # fmt: skip
            self.dispatches.append(found)
            per_expert = np.sum([one.per_expert for one in found], axis=0)
            copies = np.sum([one.copies for one in found], axis=0)
            works = []
            for chiplet, members in enumerate(step.placement.members(self.number)):
                module = modules.experts(model, [int(per_expert[expert]) for expert in members], int(copies[chiplet]))
                if moe.shared_experts and plan.shared_expert_placement == "chiplets":
                    share = -(-step.tokens * self.roots // step.placement.chiplets)
                    module = modules.together([module, modules.ffn(model, moe.shared_inner, share, moe.shared_experts)])
                works.append(module)
            self.experts.append(works)

    def hot_first(self) -> list[list[int]]:
        """Expert chiplets in the order in which their weights come: the n-th of every group together."""
        step, per_group = self.step, self.step.placement.site.per_group
        groups = np.arange(step.placement.chiplets).reshape(-1, per_group)
        if step.plan.stream_experts:
            loads = step.profile_loads[self.number][groups]
            groups = np.take_along_axis(groups, np.argsort(-loads, axis=1, kind="stable"), axis=1)
        return [[int(chiplet) for chiplet in rank] for rank in groups.T]


class _Writer:
    """Bodies under construction; `known` names the last task of each role, for later ones to wait for."""

    def __init__(self, step: MixedStep) -> None:
        self.step, self.plan, self.model = step, step.plan, step.model
        self.tree = step.tree
        self.element = step.plan.bytes_per_element
        self.kinds: list[BodyKind] = []
        self.bodies: list[Body] = []
        self.tasks: list[Task] = []
        self.known: dict[str, tuple[int, int]] = {}
        self.model_flops = 0
        self.groups = _group_tables(step)
        self.ranks: list[str] = []
        """Roles of the reads of the weights of the experts of this layer."""
        self.phase, self.block = "forward", "embedding"

    # --- one layer --------------------------------------------------------------------------------------------

    def forward(self, number: int) -> None:
        """All micro-batches through one layer."""
        layer, plan = _Layer(self.step, number), self.plan
        self.phase = "forward"
        for micro_batch in range(self.step.micro_batches):
            first, last = micro_batch == 0, micro_batch == self.step.micro_batches - 1
            saved = () if plan.stream_tokens else ("save",)
            if first:
                self._bring("attention weights", layer, after=("attention",) if plan.stream_experts else ("combine",))
                if plan.stream_experts:
                    self._bring_experts(layer, after=("experts", "update"))
            follows = ("combine", "dispatch") if plan.stream_tokens else ("combine", "attention")
            self._attention(layer, (*follows, "attention weights", *saved))
            if layer.has_experts:
                if plan.stream_tokens and not first:
                    self._combine(layer, micro_batch - 1, after=("experts", "attention"))
                self._dispatch(layer, micro_batch, after=("attention", "combine", *saved))
                if first and not plan.stream_experts:
                    self._bring_experts(layer, after=("dispatch",))
                self._experts(layer, micro_batch, after=("dispatch", "expert weights"))
                if last or not plan.stream_tokens:
                    self._combine(layer, micro_batch, after=("experts", "dispatch"))
            else:
                self.known["combine"] = self.known["attention"]
            self._move(DRAM_WRITE, "save", "save activations", self._saved(layer, micro_batch),
                       ("attention", "experts"), "store")  # fmt: skip
            self._close(number, micro_batch)

    def backward(self, number: int) -> None:
        """All micro-batches back through one layer, then its update."""
        layer, plan = _Layer(self.step, number), self.plan
        self.phase = "backward"
        for micro_batch in range(self.step.micro_batches):
            first, last = micro_batch == 0, micro_batch == self.step.micro_batches - 1
            if first:
                self._bring("attention weights", layer, after=("update", "attention"))
                if plan.stream_experts:
                    self._bring_experts(layer, after=("update", "experts"))
            early = ("dispatch",) if plan.stream_tokens else ("attention", "combine")
            self._move(DRAM_READ, "saved", "load activations", self._saved(layer, micro_batch), early, "load")
            if layer.has_experts:
                if plan.stream_tokens and not first:
                    self._combine(layer, micro_batch - 1, after=("experts", "attention"))
                self._dispatch(layer, micro_batch, after=("combine",) if plan.stream_tokens and not first
                               else ("attention", "combine"))  # fmt: skip
                if plan.stream_tokens and not first:
                    self._attention(layer, ("dispatch", "combine", "attention weights", "saved before"))
                if first and not plan.stream_experts:
                    self._bring_experts(layer, after=("dispatch",))
                self._experts(layer, micro_batch, after=("dispatch", "expert weights", "saved"))
                if last or not plan.stream_tokens:
                    self._combine(layer, micro_batch, after=("experts", "attention"))
            if last or not plan.stream_tokens or not layer.has_experts:
                self._attention(layer, ("combine", "attention weights", "saved"))
            self.known["saved before"] = self.known["saved"]
            if last:
                self._update(layer)
            self._close(number, micro_batch)

    def _update(self, layer: _Layer) -> None:
        if self.plan.optimizer == "none":
            return
        weights = self._weights(layer)
        if self.step.tree.attention > 1:
            self._task(COLLECTIVE, "attention", "sum attention gradients", ("attention",), group="roots",
                       algorithm="ring.all_reduce", size_bytes=layer.root.parameters * self.element)  # fmt: skip
        self.phase = "update"
        more = self.plan.weight_passes - 3
        if more:
            sizes = [size * more for size in weights]
            self._move(DRAM_READ, "states", "read further passes", sizes, ("attention", "experts"), "load")
        operations = OPERATIONS_PER_PARAMETER[self.plan.optimizer]
        works = [Work((), size // self.element * operations) for size in weights]
        after = ("attention", "experts", *(("states",) if more else ()))
        self._compute("update", f"{self.plan.optimizer} step", works, after)
        self._move(DRAM_WRITE, "written", "write weights", weights, ("update",), "store")
        self.phase = "backward"

    # --- the ends ---------------------------------------------------------------------------------------------

    def embedding(self) -> None:
        """Rows of the table come in for all tokens."""
        self._move(DRAM_READ, "combine", "read embeddings", self._root_bytes(self._row_bytes()), (), "load")
        self._close(-1, 0)

    def embedding_gradients(self) -> None:
        """The rows of the table that were used are written, updated."""
        self.phase, self.block = "backward", "embedding"
        self._move(DRAM_WRITE, "written", "write embeddings", self._root_bytes(self._row_bytes()), ("attention",),
                   "store")  # fmt: skip
        self._close(-1, 0)

    def head(self) -> None:
        """Output head and loss, forward and backward micro-batch by micro-batch, and its update."""
        self.block = "head"
        module = modules.head(self.model, self.step.tokens)
        weights = self._root_bytes(module.parameters * self.element)
        self._move(DRAM_READ, "head weights", "read weights", weights, ("combine",), "weights")
        for micro_batch in range(self.step.micro_batches):
            for phase in ("forward", "backward"):
                self.phase, self.block = phase, "head"
                work = module.forward if phase == "forward" else module.backward
                works = [work if role == "attention" else IDLE for role in self.tree.roles]
                self._compute("attention", "head", works, ("attention", "head weights", "combine"))
            self._count(module.forward.flops * self.tree.attention)
            if micro_batch == self.step.micro_batches - 1 and self.plan.optimizer != "none":
                self._move(DRAM_WRITE, "written", "write weights", weights, ("attention",), "store")
            self._close(self.model.layers, micro_batch)
        self.known["combine"] = self.known["attention"]

    # --- tasks ------------------------------------------------------------------------------------------------

    def _attention(self, layer: _Layer, after: Sequence[str]) -> None:
        self.block = "attention"
        work = layer.root.forward if self.phase == "forward" else layer.root.backward
        works = [work if role == "attention" else IDLE for role in self.tree.roles]
        self._compute("attention", "attention", works, after)
        if self.phase == "forward":
            self._count(work.flops * self.tree.attention)

    def _experts(self, layer: _Layer, micro_batch: int, after: Sequence[str]) -> None:
        self.block = "ffn"
        way = "forward" if self.phase == "forward" else "backward"
        own = [getattr(module, way) for module in layer.experts[micro_batch]]
        self._compute("experts", "experts", [IDLE] * (self.tree.size - len(own)) + own, after)
        if self.phase == "forward":
            self._count(sum(work.flops for work in own))

    def _dispatch(self, layer: _Layer, micro_batch: int, after: Sequence[str]) -> None:
        at_switch = self.plan.dispatch_point == "switch"
        self._exchange("dispatch", layer, micro_batch, after, switches=at_switch)

    def _combine(self, layer: _Layer, micro_batch: int, after: Sequence[str]) -> None:
        """Sums are made in the chiplet and in the switch, so one vector per token and group goes up."""
        self._exchange("combine", layer, micro_batch, after, switches=True)

    def _exchange(
        self, name: str, layer: _Layer, micro_batch: int, after: Sequence[str], *, switches: bool
    ) -> None:  # fmt: skip
        self.block = "ffn"
        vector = self.model.hidden * self.element
        for root, found in enumerate(layer.dispatches[micro_batch]):
            tokens = found.copies if self.plan.dispatch_copies == "per_chiplet" else found.assigned
            up = found.group_tokens * vector if switches else np.zeros(layer.switches, dtype=np.int64)
            sizes = [0] * layer.roots + up.tolist() + (tokens * vector).tolist()
            waits = (*after, name) if root else after
            if not sum(sizes):
                continue
            self._task(COLLECTIVE, name, name, waits, group=f"root {root}", algorithm=f"tree.{name}",
                       size_bytes=sum(sizes), tile_bytes=tuple(sizes))  # fmt: skip

    def _bring(self, name: str, layer: _Layer, after: Sequence[str]) -> None:
        self.block = "attention"
        sizes = self._root_bytes(layer.root.parameters * self.element)
        self._move(DRAM_READ, name, "read weights", sizes, after, "weights")

    def _bring_experts(self, layer: _Layer, after: Sequence[str]) -> None:
        """The weights of a group come one chiplet after another: the channel serves them in trace order."""
        if not layer.has_experts:
            return
        self.block = "ffn"
        first = self.tree.size - self.step.placement.chiplets
        for number, rank in enumerate(layer.hot_first()):
            sizes = [0] * self.tree.size
            for chiplet in rank:
                sizes[first + chiplet] = layer.experts[0][chiplet].parameters * self.element
            self._move(DRAM_READ, f"rank {number}", "read weights", sizes, after, "weights")
        self.ranks = [f"rank {number}" for number in range(self.step.placement.site.per_group)]

    def _saved(self, layer: _Layer, micro_batch: int) -> list[int]:
        """Bytes kept for backward, per tile."""
        sizes = self._root_bytes(layer.root.saved_elements * self.element)
        if layer.has_experts:
            own = [module.saved_elements * self.element for module in layer.experts[micro_batch]]
            sizes[len(sizes) - len(own) :] = own
        return sizes

    def _weights(self, layer: _Layer) -> list[int]:
        sizes = self._root_bytes(layer.root.parameters * self.element)
        if layer.has_experts:
            own = [module.parameters * self.element for module in layer.experts[0]]
            sizes[len(sizes) - len(own) :] = own
        return sizes

    def _root_bytes(self, size: int) -> list[int]:
        return [size if role == "attention" else 0 for role in self.tree.roles]

    def _row_bytes(self) -> int:
        return self.step.tokens * self.step.micro_batches * self.model.hidden * self.element

    def _count(self, flops: int) -> None:
        """Of the model itself: backward is taken as twice forward."""
        self.model_flops += 3 * flops

    def _compute(self, name: str, label: str, works: Sequence[Work], after: Sequence[str]) -> None:
        classes = list(dict.fromkeys(works))
        of = tuple(classes.index(work) for work in works)
        self._task(COMPUTE, name, label, after, work=tuple(classes), work_of=of if len(classes) > 1 else None)

    def _move(self, kind: str, name: str, label: str, sizes: Sequence[int], after: Sequence[str], stream: str) -> None:
        self._task(kind, name, label, after, tile_bytes=tuple(sizes), stream=stream)

    def _task(self, kind: str, name: str, label: str, after: Sequence[str], **fields: Any) -> None:
        waits = sorted({self._after(one) for role in after for one in self._roles(role) if one in self.known})
        task = Task(id=len(self.tasks), kind=kind, label=label, block=self.block, phase=self.phase,
                    after=tuple(waits), **fields)  # fmt: skip
        self.tasks.append(task)
        self.known[name] = (len(self.bodies), task.id)

    def _roles(self, role: str) -> Sequence[str]:
        return self.ranks if role == "expert weights" else (role,)

    def _after(self, role: str) -> After:
        body, task = self.known[role]
        return After(body - len(self.bodies), task)

    def _close(self, layer: int, micro_batch: int) -> None:
        """The body is written."""
        kind = BodyKind(f"{self.phase}.{self.block}.{len(self.kinds)}", self.block, self.phase, tuple(self.tasks))
        self.kinds.append(kind)
        self.bodies.append(Body(len(self.kinds) - 1, layer, micro_batch))
        self.tasks = []


def _group_tables(step: MixedStep) -> dict[str, tuple[tuple[int, ...], ...]]:
    """For each attention chiplet itself with all switches and experts; and all attention chiplets together."""
    roots, tiles = range(step.tree.attention), range(step.tree.size)
    below = tuple(tiles[step.tree.attention :])
    tables: dict[str, tuple[tuple[int, ...], ...]] = {
        f"root {root}": ((root, *below), *((other,) for other in roots if other != root)) for root in roots
    }
    if len(roots) > 1:
        tables["roots"] = (tuple(roots), *((tile,) for tile in below))
    return tables


__all__ = ["assemble_mixed"]
