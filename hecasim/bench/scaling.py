"""How time and memory grow: one input varied at a time, every point in a fresh process."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace

from hecasim.errors import HecasimError
from hecasim.results.host import peak_rss_bytes

PACKAGE, MODEL, METHOD = "hecaton_4x4_standard", "tinyllama-1.1b", "hecaton"
TOKEN_TILE = 128
"""Fixed, with activation buffers large enough for it, so that one input alone varies: `auto` would change with it."""
ACTIVATIONS = "128 MiB"
SHORT_S, ROUNDS = 2.0, 3
"""A point shorter than this runs three times: the best counts."""


@dataclass(frozen=True)
class Point:
    """One step whose cost is measured; `axis` is what varies in its row of points."""

    axis: str = ""
    engine: str = "fast"
    layers: int = 4
    micro_batches: int = 4
    side: int = 4
    tokens: int = 512

    @property
    def dies(self) -> int:
        return self.side**2

    @property
    def value(self) -> int:
        """Where the point lies on its axis."""
        return int(getattr(self, self.axis))


@dataclass(frozen=True)
class Cost:
    """What one step cost: wall time, times a bare SimPy loop, memory; and what was played of what it stood for."""

    wall_s: float
    ratio: float
    rest_bytes: int
    peak_bytes: int
    bodies: int
    bodies_folded: int
    tasks: int
    transfers: int
    events: int
    step_time_ps: int


BASE = Point()
DOUBLINGS = (2, 4, 8, 16, 32, 64)
PLAIN_UP_TO = 16
"""The plain engine is drawn beside the fast one where a point of it takes seconds, not minutes."""


def points() -> tuple[Point, ...]:
    """All points, axis by axis; the plain engine where it is affordable."""
    fast = [
        *(replace(BASE, axis="layers", layers=count) for count in DOUBLINGS),
        *(replace(BASE, axis="micro_batches", micro_batches=count) for count in DOUBLINGS),
        *(replace(BASE, axis="dies", side=side) for side in (2, 4, 8, 16)),
        *(replace(BASE, axis="tokens", tokens=count) for count in (256, 512, 1024, 2048, 4096, 8192)),
    ]
    plain = [replace(point, engine="plain") for point in fast if point.axis in ("layers", "micro_batches")]
    return (*fast, *(point for point in plain if point.value <= PLAIN_UP_TO))


def run_all(chosen: tuple[Point, ...]) -> Iterator[tuple[Point, Cost]]:
    """Every point with its cost, one after another, each in a process of its own.

    Raises what the simulation raises, and HecasimError where a process dies.
    """
    spawn = multiprocessing.get_context("spawn")
    for point in chosen:
        with ProcessPoolExecutor(1, mp_context=spawn) as process:
            try:
                yield point, process.submit(cost_of, point).result()
            except BrokenProcessPool:
                raise HecasimError(f"bench: the process of {point} died (killed, or out of memory)") from None


def cost_of(point: Point) -> Cost:
    """Run one point here and now; memory is that of this process, so it should be a fresh one."""
    from hecasim.run import simulate
    from hecasim.sim.reference_loop import timeouts_cpu_s
    from hecasim.specs import load_model, load_package, load_plan
    from hecasim.trace import build_trace

    sizes = {"topology.rows": point.side, "topology.columns": point.side, "chiplet.sram.activations": ACTIVATIONS}
    package, model = load_package(PACKAGE, sizes), load_model(MODEL, {"layers": point.layers})
    plan = load_plan(
        {"method": METHOD, "batch": point.micro_batches, "micro_batch": 1, "sequence": point.tokens,
         "token_tile": TOKEN_TILE, "capacity": "warn", "engine": point.engine}
    )  # fmt: skip
    rest, reference = peak_rss_bytes(), timeouts_cpu_s()
    wall, cpu = float("inf"), float("inf")
    for number in range(ROUNDS):
        start, cpu_start = time.perf_counter(), time.process_time()
        document = simulate(package, model, plan).document
        cpu = min(cpu, time.process_time() - cpu_start)
        wall = min(wall, time.perf_counter() - start)
        if number == 0:
            peak = peak_rss_bytes()
        reference = min(reference, timeouts_cpu_s())
        if wall > SHORT_S:
            break
    counts = document["simulation"]
    bodies = len(build_trace(package, model, plan).bodies)
    return Cost(round(wall, 3), float(f"{cpu / reference:.4g}"), rest, peak, bodies, counts["folded"], counts["tasks"],
                counts["transfers"], counts["events"], document["step_time_ps"])  # fmt: skip


Row = dict[str, int | float | str]


def row(point: Point, cost: Cost) -> Row:
    """One line of the CSV file."""
    where: Row = {"axis": point.axis, "engine": point.engine, "layers": point.layers,
                  "micro_batches": point.micro_batches, "dies": point.dies, "tokens": point.tokens}  # fmt: skip
    return where | asdict(cost)
