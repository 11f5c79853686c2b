"""From Package, Model and Plan to the Trace of one training step.

Fused schedule: block by block; inside a block all micro-batches of the batch stream through weights that stay;
block boundaries and what backward needs go to DRAM. Forward, then backward in reverse, then the update.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from hecasim.mapping.sram import held_bytes
from hecasim.trace.groups import members
from hecasim.trace.identity import identity, options_of
from hecasim.trace.lower import FAR_BODIES, Context, Fetch, Lowered, Lowering, Unit, in_order
from hecasim.trace.passages import Passages
from hecasim.trace.play import Order, Passage, Play, runs_of
from hecasim.trace.prepare import Prepared, model_flops
from hecasim.trace.task import After, BodyKind, Task, Trace
from hecasim.trace.update import update_tasks


class Stop(NamedTuple):
    """One passage of the order of work."""

    block: str
    phase: str
    layer: int
    micro_batch: int


class _Assembly:
    """Passages in order; equal passages, and equal bodies in them, are written once."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.lowering = Lowering(
            prepared.method, prepared.axes, prepared.parts, prepared.plan.overlap, dict(prepared.resident)
        )
        self.held = {key: held_bytes(program) for key, program in prepared.programs.items()}
        self.lowered = Passages(prepared.programs, self.lowering)
        self.updates: dict[tuple[object, ...], tuple[Lowered, ...]] = {}
        self.kinds: list[BodyKind] = []
        self.number: dict[tuple[str, str, tuple[Task, ...]], int] = {}
        self.passages: dict[Passage, int] = {}
        self.kind_of: dict[tuple[int, str, str], tuple[int, tuple[Task, ...]]] = {}
        """Identity of the tasks of a lowered body, block and phase -> kind; and these tasks."""
        self.seen: dict[int, tuple[int, tuple[Lowered, ...]]] = {}
        """Passage numbers by the identity of their bodies, which it keeps alive."""
        self.plays: list[Play] = []
        self.bodies = 0
        self.recent: tuple[Unit, ...] = ()
        """The last bodies, seen from the next one to be written."""
        self.stored: list[tuple[Unit, ...]] = []
        """Per passage, the stores of its last bodies that are not yet FAR_BODIES back, seen from its end."""
        self.ends: list[int] = []
        """Bodies up to the end of each passage."""
        self.gradients: list[tuple[int, tuple[int, ...]]] = []
        """(body, stores) of the gradients that each block left, latest last."""
        self.before = Stop("", "", 0, 0)
        """The last passage."""
        self.coming: tuple[int, tuple[int, ...]] = (0, ())
        """(body, reads) of the weights that the next passage waits for."""

    def train(self, stops: Sequence[Stop]) -> None:
        """All passages of forward and backward, each with the weights that the next one needs."""
        for here, following in zip_longest(stops, stops[1:]):
            self._pass(here, following)

    def _pass(self, here: Stop, following: Stop | None) -> None:
        fetches = [*self._own_fetch(here), *self._next_fetch(here, following)]
        context = Context(
            accumulates_first=self._accumulates_first(here), stores_gradients=self._last(here), before=self.recent,
            inputs_written=self._writers(), fetches=tuple(fetches),
            weights_come=tuple(After(self.coming[0] - self.bodies, task) for task in self.coming[1]),
            gradients_after=self._gradients_after(here),
        )  # fmt: skip
        lowered = self.lowered.lower(here.block, here.phase, context)
        self.coming = (self.bodies, ())
        for fetch, reads in zip(fetches, lowered[0].fetched, strict=True):
            if following is not None and (fetch.block, fetch.phase) == (following.block, following.phase):
                self.coming = (self.bodies, reads)
        self._play(here, lowered)
        if self._last(here) and lowered[-1].unit.gradient_stores:
            self.gradients.append((self.bodies - 1, lowered[-1].unit.gradient_stores))

    # --- the weights ------------------------------------------------------------------------------------------

    def _own_fetch(self, here: Stop) -> list[Fetch]:
        """Weights that could not come before this passage: their room was not free."""
        if not self._brings(here) or self.coming[1]:
            return []
        running = self.recent[-self._running :]
        ends = [end for unit in running
                for end in (*unit.work_ends(), *unit.stores_end(), *unit.gradients_stored())]  # fmt: skip
        return [self._fetch(here, in_order(ends))]

    def _next_fetch(self, here: Stop, following: Stop | None) -> list[Fetch]:
        """Weights come while the passage before works, if the buffer holds both blocks."""
        if following is None or self.prepared.plan.overlap == "none":
            return []
        if not self._brings(following) or not self._both_fit(here, following):
            return []
        return [self._fetch(following, in_order(end for unit in self.recent[-self._running :]
                                                for end in unit.work_ends()))]  # fmt: skip

    def _fetch(self, stop: Stop, after: tuple[After, ...]) -> Fetch:
        resumed = self.reloads and stop.phase == "backward" and stop.micro_batch > 0
        return Fetch(stop.block, stop.phase, resumed, after)

    def _brings(self, stop: Stop) -> bool:
        """Whether a passage has weights of its own brought in, to stay for its block."""
        key = (stop.block, stop.phase)
        first = stop.micro_batch == 0 or self.reloads
        return first and self.prepared.resident[key] and bool(self.prepared.programs[key].weights)

    def _both_fit(self, here: Stop, following: Stop) -> bool:
        capacity = self.prepared.package.chiplet.sram.weights_bytes
        if capacity is None:
            return True
        pair = ((here.block, here.phase), (following.block, following.phase))
        return sum(self.held[key] for key in pair if self.prepared.resident[key]) <= capacity

    @property
    def _running(self) -> int:
        """Bodies that may work at once."""
        return 2 if self.prepared.plan.overlap == "chunk" else 1

    @property
    def reloads(self) -> bool:
        """Whether weights come again for every micro-batch."""
        return self.prepared.plan.schedule == "reload_weights"

    # --- the gradients ----------------------------------------------------------------------------------------

    def _accumulates_first(self, stop: Stop) -> bool:
        if stop.phase != "backward":
            return False
        comes_alone = self.reloads and self.prepared.resident[stop.block, stop.phase]
        return stop.micro_batch == 0 or comes_alone

    def _last(self, stop: Stop) -> bool:
        return self.reloads or stop.micro_batch == self.prepared.micro_batches - 1

    def _gradients_after(self, here: Stop) -> tuple[After, ...]:
        """New gradients may take the place of old ones when those have left: of the block before, if both do not fit,
        else of the one before that.
        """
        if here.phase != "backward" or not (here.micro_batch == 0 or self.reloads) or not self.plays:
            return ()
        back = 2 if self._both_fit(self.before, here) else 1
        return self._gradients_left(back, back)

    def _gradients_left(self, first: int, last: int) -> tuple[After, ...]:
        """The stores of the gradients that the *first* to *last* block back left."""
        left = len(self.gradients)
        found = [self.gradients[left - back] for back in range(first, last + 1) if back <= left]
        return in_order(After(body - self.bodies, task) for body, stores in found for task in stores)

    # --- the order --------------------------------------------------------------------------------------------

    def _writers(self) -> tuple[After, ...]:
        """What stored the inputs of the next passage, where it may still be under way."""
        count = 1 if self.reloads else self.prepared.micro_batches
        if len(self.stored) < count:
            return ()
        since = self.bodies - self.ends[-count]
        found = (unit.shifted(since) for unit in self.stored[-count])
        return in_order(end for unit in found if unit.offset > -FAR_BODIES for end in unit.stores_end())

    def _play(self, stop: Stop, lowered: tuple[Lowered, ...]) -> None:
        self.plays.append(Play(self._passage(stop, lowered), stop.layer, stop.micro_batch))
        self.bodies += len(lowered)
        kept = [one.unit for one in lowered[1 - FAR_BODIES :]]
        own = tuple(unit.shifted(len(kept) - place) for place, unit in enumerate(kept))
        older = tuple(unit.shifted(len(lowered)) for unit in self.recent)
        self.recent = (*older, *own)[1 - FAR_BODIES :]
        self.stored.append(own)
        self.ends.append(self.bodies)
        self.before = stop

    def _passage(self, stop: Stop, lowered: tuple[Lowered, ...]) -> int:
        """The number of a passage; the same lowered bodies are looked through once."""
        if id(lowered) not in self.seen:
            runs = runs_of([self._kind(stop, one.tasks) for one in lowered])
            self.seen[id(lowered)] = (self.passages.setdefault(runs, len(self.passages)), lowered)
        return self.seen[id(lowered)][0]

    def _kind(self, stop: Stop, tasks: tuple[Task, ...]) -> int:
        known = self.kind_of.get((id(tasks), stop.block, stop.phase))
        if known is not None:
            return known[0]
        key = (stop.block, stop.phase, tasks)
        if key not in self.number:
            self.number[key] = len(self.kinds)
            alike = sum(kind.block == stop.block and kind.phase == stop.phase for kind in self.kinds)
            self.kinds.append(BodyKind(f"{stop.phase}.{stop.block}.{alike}", stop.block, stop.phase, tasks))
        self.kind_of[id(tasks), stop.block, stop.phase] = self.number[key], tasks  # kept alive: no other has its id
        return self.number[key]

    def update(self, block: str, layer: int, number: int) -> None:
        """The optimizer's step of one block, the *number*-th of the updates.

        The first two wait for the gradients that may still be on their way; the others for the first two.
        """
        written: tuple[After, ...] = ()
        if number < 2:
            ends = [end for unit in self.recent for end in unit.stores_end()]
            written = in_order([*ends, *self._gradients_left(1, 2)])
        key = (block, self.recent, written)
        if key not in self.updates:
            program = self.prepared.programs[block, "update"]
            buffer_bytes = self.prepared.package.chiplet.sram.weights_bytes
            self.updates[key] = update_tasks(
                program, self.recent, written, self.lowering, self.prepared.plan, buffer_bytes
            )
        if self.updates[key]:
            self._play(Stop(block, "update", layer, 0), self.updates[key])


def assemble(prepared: Prepared) -> Trace:
    """Write down the bodies of forward, backward and update."""
    model, plan = prepared.model, prepared.plan
    assembly = _Assembly(prepared)
    layers = [(block, layer) for layer in range(model.layers) for block in ("attention", "ffn")]
    order = [("embedding", -1), *layers, ("head", model.layers)]
    assembly.train([*_stops(prepared, "forward", order), *_stops(prepared, "backward", order[::-1])])
    if plan.optimizer != "none":
        for number, (block, layer) in enumerate(order):
            assembly.update(block, layer, number)
    groups = {name: members(group, prepared.axes) for name, group in assembly.lowering.groups.items()}
    return Trace(
        rows=dict(prepared.axes)["r"], columns=dict(prepared.axes)["c"], groups=groups,
        options={**options_of(plan), "lead": plan.lead},
        kinds=tuple(assembly.kinds), bodies=Order(tuple(assembly.passages), assembly.plays), about=_about(prepared),
    )  # fmt: skip


def _stops(prepared: Prepared, phase: str, blocks: Sequence[tuple[str, int]]) -> list[Stop]:
    """All micro-batches through each block in turn; with `reload_weights` each through all blocks in turn."""
    count = range(prepared.micro_batches)
    if prepared.plan.schedule == "reload_weights":
        return [Stop(block, phase, layer, micro_batch) for micro_batch in count for block, layer in blocks]
    return [Stop(block, phase, layer, micro_batch) for block, layer in blocks for micro_batch in count]


def _about(prepared: Prepared) -> dict[str, Any]:
    plan = prepared.plan
    return {
        "model": prepared.model.name, "method": plan.method, "layers": prepared.model.layers,
        "token_tile": prepared.token_tile, "micro_batch": int(plan.micro_batch), "batch": plan.batch,
        "sequence": plan.sequence, "model_flops": model_flops(prepared),
        "dram_by_class": dict(prepared.dram_by_class), "sram_estimate_bytes": prepared.activation_peak_bytes,
        "remarks": list(prepared.remarks), "notes": list(prepared.notes),
        **identity(prepared.package, prepared.model, plan),
    }  # fmt: skip
