"""How the weights of a layer come from DRAM to their chiplets and go back, on a tree.

A switch stages what passes between its DRAM and its chiplets: it is stored whole and then handed on, one chiplet of the
group after another, one thing at a time in either direction (Mozart, arXiv 2603.07006, sections 4.3 and 4.4: chiplets
are served one after another; that loading does not overlap with itself is *assumed*, as the published seconds of two
memories are a constant plus bytes over bandwidth). Where experts stream, an expert is handed on at a time, so that
tokens on the same link need not wait for a whole chiplet's weights, and the chiplet with the highest profiled load is
served first. Where a switch passes data through (`switch.memory_path: through`), chiplets read and write by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

from hecasim.mapping.dram import optimizer_state_bytes
from hecasim.mapping.work import Work
from hecasim.trace.mixed import MixedStep
from hecasim.trace.mixed_layer import Layer
from hecasim.trace.mixed_writer import Writer
from hecasim.trace.task import DRAM_READ, DRAM_WRITE
from hecasim.trace.update import OPERATIONS_PER_PARAMETER

Ranks = list[list[int]]
STAGE = "stage"
"""The role of the last transfer that a switch has staged."""


class Weights:
    """Moves the weights of layers; what it brings is known as `attention weights` and `expert weights`."""

    def __init__(self, step: MixedStep, writer: Writer) -> None:
        self.step, self.writer = step, writer
        plan = step.plan
        self.element = plan.bytes_per_element
        self.streams = plan.stream_experts
        switch = step.package.switch
        self.staged = switch is not None and switch.memory_path == "staged"
        self.state_bytes = optimizer_state_bytes(plan.optimizer, self.element) if plan.optimizer_traffic else 0

    def bring_root(self, layer: Layer, after: Sequence[str]) -> None:
        """Attention and whatever else sits at the root."""
        sizes = self.step.per_tile(layer.root.parameters * self.element)
        self.writer.block = "attention"
        self.writer.move(DRAM_READ, "attention weights", "read weights", sizes, after, "weights",
                         chained=not self.streams)  # fmt: skip

    def bring_experts(self, layer: Layer, after: Sequence[str]) -> None:
        """All experts, to be waited for as `expert weights`."""
        self.writer.block = "ffn"
        pieces = self._pieces(layer) if self.streams else [layer.chiplet_parameters]
        ends = self._bring(layer.hot_first(), [piece * self.element for piece in pieces], after, "weights")
        self.writer.gather("expert weights", ends)

    def _pieces(self, layer: Layer) -> list[int]:
        """One expert after another, then the shared ones."""
        own = layer.step.placement.site.per_chiplet(layer.step.placement.experts)
        one = layer.step.model.expert_parameters
        shared = layer.chiplet_parameters - own * one
        return [one] * own + ([shared] if shared else [])

    def _bring(self, ranks: Ranks, sizes: Sequence[int], after: Sequence[str], what: str) -> list[str]:
        """Read and hand on *sizes* for every chiplet; the roles of the last pieces of each rank."""
        ends = []
        for place, rank in enumerate(ranks):
            for size in sizes if self.staged else [sum(sizes)]:
                self._bring_piece(rank, size, after, f"{what} {place}", f"read {what}")
            ends.append(f"{what} {place}")
        return ends

    def _bring_piece(self, rank: Sequence[int], size: int, after: Sequence[str], role: str, label: str) -> None:
        chained = not self.streams
        if not self.staged:
            self.writer.move(DRAM_READ, role, label, self._at(rank, size), (*after, STAGE), "weights", chained=chained)
        else:
            pairs = self._pairs(rank)
            self.writer.move(DRAM_READ, "read", label, self._at_switches(pairs, size), (*after, STAGE), "weights",
                             chained=chained)  # fmt: skip
            self.writer.send(role, "hand on weights", pairs, size, ("read", *after), chained=chained)
        self.writer.alias(STAGE, role)

    def update(self, layer: Layer, below: Layer | None) -> None:
        """Step and write-back, chiplet after chiplet of a group: states and further passes come, weights and states go.

        *below* is the layer whose weights come next: its chiplets are free in the order in which it wants them.
        """
        more = (self.step.plan.weight_passes - 3) * self.element + self.state_bytes
        back = self.element + self.state_bytes
        after = ["attention", "experts"]
        root = layer.root.parameters
        if more:
            self.writer.move(DRAM_READ, "states", "read states", self.step.per_tile(root * more), after, "load")
        self._step("update", self.step.per_tile(root), [*after, "states"] if more else after)
        self.writer.move(DRAM_WRITE, "written", "write weights", self.step.per_tile(root * back), ("update",), "store")
        if layer.has_experts:
            self._update_experts(layer, (below if below is not None and below.has_experts else layer).hot_first(), more)

    def _update_experts(self, layer: Layer, ranks: Ranks, more: int) -> None:
        own = layer.chiplet_parameters
        for rank in ranks:
            if more:
                self._bring_piece(rank, own * more, ("experts",), "states", "read states")
            self._step("update", self._at(rank, own), ("experts", "states") if more else ("experts",))
            self._write_back(rank, own * (self.element + self.state_bytes))

    def _step(self, role: str, parameters: Sequence[int], after: Sequence[str]) -> None:
        optimizer = self.step.plan.optimizer
        operations = OPERATIONS_PER_PARAMETER[optimizer]
        works = [Work((), count * operations) for count in parameters]
        self.writer.compute(role, f"{optimizer} step", works, after)

    def _write_back(self, rank: Sequence[int], size: int) -> None:
        if not self.staged:
            self.writer.move(DRAM_WRITE, STAGE, "write weights", self._at(rank, size), ("update", STAGE), "store")
            return
        pairs = self._pairs(rank)
        back = [(tile, switch) for switch, tile in pairs]
        self.writer.send("drained", "hand back weights", back, size, ("update", STAGE))
        at_switches = self._at_switches(pairs, size)
        self.writer.move(DRAM_WRITE, STAGE, "write weights", at_switches, ("drained",), "store")

    def _at(self, rank: Sequence[int], size: int) -> list[int]:
        return self.step.per_tile(
            0, [size if chiplet in rank else 0 for chiplet in range(self.step.placement.chiplets)]
        )

    def _pairs(self, rank: Sequence[int]) -> list[tuple[int, int]]:
        """(switch, chiplet) of every group."""
        tree = self.step.tree
        tiles = [tree.first_expert + chiplet for chiplet in rank]
        return [(tree.switch_of(tile), tile) for tile in tiles]

    def _at_switches(self, pairs: Sequence[tuple[int, int]], size: int) -> list[int]:
        switches = {switch for switch, _ in pairs}
        return [size if tile in switches else 0 for tile in range(self.step.tree.size)]
