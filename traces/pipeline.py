"""A training step in pipeline stages as a trace, made from Python: `python traces/pipeline.py` writes the sample here.

The model is cut into stages of whole layers, each on some rows of the grid (first stage on the first rows); inside a
stage its tiles share every product and add their results (all-reduce). A micro-batch goes from stage to stage: every
tile sends its share of the activations to the tile at the same place in the next stage, and gradients come back the
same way. The order is 1F1B: a stage does as many forward passes ahead as there are stages after it, then one forward
and one backward in turn. A stage does one pass at a time, so that what is left over is the bubble of the schedule.
SRAM space is not followed: tasks take and give no buffers.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hecasim.trace import After, Body, BodyKind, Task, Trace, Work
from hecasim.trace.file import write
from hecasim.trace.play import order_of

SAMPLE = Path(__file__).parent / "pipeline_1f1b_4x4.jsonl"
IDLE = Work((), 0)
FORWARD, BACKWARD, UPDATE = "forward", "backward", "update"


class Job(NamedTuple):
    """What is computed: a model of equal layers, cut over stages and tiles."""

    rows: int = 4
    columns: int = 4
    stages: int = 2
    layers_per_stage: int = 2
    micro_batches: int = 6
    tokens: int = 512
    hidden: int = 1024
    inner: int = 2816
    element_bytes: int = 2

    @property
    def tiles_per_stage(self) -> int:
        """Tiles of one stage, one after another in number."""
        return self.rows * self.columns // self.stages

    @property
    def boundary_bytes(self) -> int:
        """Activations of a micro-batch between two layers, whole."""
        return self.tokens * self.hidden * self.element_bytes

    @property
    def weights(self) -> int:
        """Weights of a layer on one tile: four projections of attention and three of the FFN."""
        return (4 * self.hidden**2 + 3 * self.hidden * self.inner) // self.tiles_per_stage


class Pass(NamedTuple):
    """One micro-batch through one stage, one way."""

    stage: int
    way: str
    micro_batch: int


def one_forward_one_backward(job: Job, stage: int) -> list[Pass]:
    """The passes of a stage in their order."""
    ahead = min(job.stages - 1 - stage, job.micro_batches)
    order = [Pass(stage, FORWARD, number) for number in range(ahead)]
    for number in range(job.micro_batches - ahead):
        order += [Pass(stage, FORWARD, number + ahead), Pass(stage, BACKWARD, number)]
    return order + [Pass(stage, BACKWARD, number) for number in range(job.micro_batches - ahead, job.micro_batches)]


def sources_of(job: Job, one: Pass) -> Iterator[Pass]:
    """The passes whose results a pass needs."""
    if one.way == FORWARD and one.stage:
        yield one._replace(stage=one.stage - 1)
    if one.way == BACKWARD:
        yield one._replace(way=FORWARD)
        if one.stage < job.stages - 1:
            yield one._replace(stage=one.stage + 1)


def in_one_line(job: Job) -> list[Pass]:
    """The passes of all stages one after another, each after those it needs: turn by turn, stage by stage."""
    waiting = [one_forward_one_backward(job, stage) for stage in range(job.stages)]
    done: list[Pass] = []
    while any(waiting):
        turn = [passes[0] for passes in waiting if passes and all(one in done for one in sources_of(job, passes[0]))]
        for one in turn:
            waiting[one.stage].pop(0)
        done += turn
    return done


class Step:
    """The bodies of a step, under construction: tasks wait for (body, task) by number, kinds that agree are one."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.kinds: dict[BodyKind, int] = {}
        self.bodies: list[Body] = []
        self.tasks: list[Task] = []
        self.last: dict[Pass, tuple[int, int]] = {}
        """Pass -> the task that ends it, a message where there is a next stage."""
        self.free: dict[int, tuple[int, int]] = {}
        """Stage -> the last task of its own."""

    def add(self, kind: str, label: str, phase: str, after: list[tuple[int, int]], **more: object) -> tuple[int, int]:
        """A task of the body under construction; where it is."""
        here, number = len(self.bodies), len(self.tasks)
        waits = tuple(sorted({After(body - here, task) for body, task in after}))
        self.tasks.append(Task(number, kind, label, "layer", phase, waits, **more))  # type: ignore[arg-type]
        return here, number

    def close(self, stage: int, way: str, layer: int, micro_batch: int) -> None:
        """End the body under construction."""
        kind = BodyKind(f"stage {stage} {way}", "layer", way, tuple(self.tasks))
        self.bodies.append(Body(self.kinds.setdefault(kind, len(self.kinds)), layer, micro_batch))
        self.tasks = []

    def of_stage(self, stage: int) -> tuple[int, ...]:
        """1 for the tiles of a stage, 0 for the others."""
        size = self.job.tiles_per_stage
        return tuple(int(tile // size == stage) for tile in range(self.job.rows * self.job.columns))

    def compute(
        self, stage: int, label: str, phase: str, after: list[tuple[int, int]], *gemms: tuple[int, int, int, int]
    ) -> tuple[int, int]:
        """Matrix products (count, m, n, k) on every tile of a stage."""
        work = (IDLE, Work(gemms, 0))
        return self.add("compute", label, phase, after, work=work, work_of=self.of_stage(stage))

    def cross_dram(
        self, stage: int, kind: str, stream: str, label: str, phase: str, after: list[tuple[int, int]], size: int
    ) -> tuple[int, int]:
        """So many bytes between DRAM and every tile of a stage."""
        row = tuple(size * own for own in self.of_stage(stage))
        return self.add(kind, label, phase, after, stream=stream, tile_bytes=row)

    def add_up(self, stage: int, phase: str, after: list[tuple[int, int]]) -> tuple[int, int]:
        """Add the partial results of a stage's tiles."""
        return self.add("collective", "add partial sums", phase, after, group=f"stage {stage}",
                        algorithm="ring.all_reduce", size_bytes=self.job.boundary_bytes)  # fmt: skip

    def hand_on(self, stage: int, to: int, phase: str, after: list[tuple[int, int]]) -> tuple[int, int]:
        """Send a micro-batch from a stage to its neighbour: each tile its share to the tile at the same place."""
        size = self.job.boundary_bytes // self.job.tiles_per_stage
        return self.add("collective", f"to stage {to}", phase, after, group=f"stage {stage} to {to}",
                        algorithm="point.send", size_bytes=size)  # fmt: skip

    # --- passes ---------------------------------------------------------------------------------------------------

    def run(self, one: Pass) -> None:
        """All layers of a stage for one micro-batch, one way, a body each."""
        job, (stage, way, micro_batch) = self.job, one
        before = [self.last[source] for source in sources_of(job, one)]
        before += [self.free[stage]] if stage in self.free else []
        layers = range(stage * job.layers_per_stage, (stage + 1) * job.layers_per_stage)
        for layer in layers if way == FORWARD else reversed(layers):
            end = (self.forward if way == FORWARD else self.backward)(stage, micro_batch, before)
            edge = layers[-1] if way == FORWARD else layers[0]
            to = stage + 1 if way == FORWARD else stage - 1
            self.free[stage] = self.last[one] = end
            if layer == edge and 0 <= to < job.stages:
                self.last[one] = self.hand_on(stage, to, way, [end])
            self.close(stage, way, layer, micro_batch)
            before = [end]

    def forward(self, stage: int, micro_batch: int, before: list[tuple[int, int]]) -> tuple[int, int]:
        """One layer: attention's products, a sum, the FFN's products, a sum; its input is kept for backward."""
        job, n = self.job, self.job.tiles_per_stage
        if not micro_batch:
            size = job.weights * job.element_bytes
            before = [*before, self.cross_dram(stage, "dram_read", "weights", "read weights", FORWARD, [], size)]
        share = job.boundary_bytes // n
        self.cross_dram(stage, "dram_write", "store", "keep the input", FORWARD, before, share)
        attention = self.compute(
            stage, "attention", FORWARD, before, (3, job.tokens, job.hidden // n, job.hidden),
            (2, job.tokens, job.tokens, job.hidden // n), (1, job.tokens, job.hidden, job.hidden // n),
        )  # fmt: skip
        summed = self.add_up(stage, FORWARD, [attention])
        ffn = self.compute(
            stage, "ffn", FORWARD, [summed], (2, job.tokens, job.inner // n, job.hidden),
            (1, job.tokens, job.hidden, job.inner // n),
        )  # fmt: skip
        return self.add_up(stage, FORWARD, [ffn])

    def backward(self, stage: int, micro_batch: int, before: list[tuple[int, int]]) -> tuple[int, int]:
        """One layer: gradients of inputs and of weights are two products for each product of forward."""
        del micro_batch  # all alike
        job, n = self.job, self.job.tiles_per_stage
        share = job.boundary_bytes // n
        kept = self.cross_dram(stage, "dram_read", "load", "read the input", BACKWARD, before, share)
        ffn = self.compute(
            stage, "ffn", BACKWARD, [kept], (4, job.tokens, job.inner // n, job.hidden),
            (2, job.tokens, job.hidden, job.inner // n),
        )  # fmt: skip
        summed = self.add_up(stage, BACKWARD, [ffn])
        attention = self.compute(
            stage, "attention", BACKWARD, [summed], (6, job.tokens, job.hidden // n, job.hidden),
            (4, job.tokens, job.tokens, job.hidden // n), (2, job.tokens, job.hidden, job.hidden // n),
        )  # fmt: skip
        return self.add_up(stage, BACKWARD, [attention])

    def update(self, stage: int) -> None:
        """The optimizer step of a stage's layers: two moments and a master copy of four bytes each cross DRAM."""
        job = self.job
        for layer in range(stage * job.layers_per_stage, (stage + 1) * job.layers_per_stage):
            states = self.cross_dram(stage, "dram_read", "load", "read states", UPDATE, [self.free[stage]],
                                     12 * job.weights)  # fmt: skip
            work = (IDLE, Work((), 12 * job.weights))  # assumed: twelve scalar operations per weight, as in Adam
            new = self.add("compute", "adam", UPDATE, [states], work=work, work_of=self.of_stage(stage))
            self.cross_dram(stage, "dram_write", "store", "write states and weights", UPDATE, [new],
                            (12 + job.element_bytes) * job.weights)  # fmt: skip
            self.close(stage, UPDATE, layer, 0)
            self.free[stage] = (len(self.bodies) - 1, new[1])


def groups_of(job: Job) -> dict[str, tuple[tuple[int, ...], ...]]:
    """The tables: the tiles of each stage, and the pairs of tiles of neighbouring stages; all others alone."""
    size, tiles = job.tiles_per_stage, job.rows * job.columns
    stages = [tuple(range(stage * size, (stage + 1) * size)) for stage in range(job.stages)]
    named = {f"stage {stage}": [members] for stage, members in enumerate(stages)}
    for first, second in zip(range(job.stages), range(1, job.stages), strict=False):
        for source, target in ((first, second), (second, first)):
            named[f"stage {source} to {target}"] = list(zip(stages[source], stages[target], strict=True))
    tables = {}
    for name, groups in named.items():
        inside = {tile for members in groups for tile in members}
        tables[name] = (*groups, *((tile,) for tile in range(tiles) if tile not in inside))
    return tables


def pipeline(job: Job, package: str, note: str = "made by traces/pipeline.py") -> Trace:
    """The step as a trace for a grid of the job's rows and columns; *package* is the name of one with that grid."""
    step = Step(job)
    for one in in_one_line(job):
        step.run(one)
    for stage in range(job.stages):
        step.update(stage)
    options = {"ring": "bidirectional", "colours": "sequential", "chunks": 8, "segment_bytes": 256 * 1024,
               "dram_map": "row", "element_bytes": job.element_bytes}  # fmt: skip
    about = {"package": package, "model": f"{job.stages * job.layers_per_stage} equal layers", "method": "1F1B",
             "notes": [f"{note}: {job.stages} stages, {job.micro_batches} micro-batches"]}  # fmt: skip
    return Trace(job.rows, job.columns, groups_of(job), options, tuple(step.kinds), order_of(step.bodies), about)


if __name__ == "__main__":
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLE
    write(pipeline(Job(), "hecaton_4x4_standard"), path)
    sys.stdout.write(f"wrote {path}\n")
