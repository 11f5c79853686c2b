"""The fixed cases, as data, and the integers each must repeat."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from hecasim.run import simulate
from hecasim.sim import replay
from hecasim.specs import PackageSpec, load_model, load_package, load_plan
from hecasim.trace.play import Body, order_of
from hecasim.trace.task import COLLECTIVE, BodyKind, Task, Trace
from hecasim.units import PS_PER_S

Integers = dict[str, int]
METHODS = ("hecaton", "megatron", "megatron_sp", "megatron_torus", "optimus")
FIDELITIES = ("message", "analytic")
SMALL: Mapping[str, Any] = {"batch": 2, "micro_batch": 1, "sequence": 256}
PARTS = ("tile_time_ps", "traffic", "flops", "memory")
COUNTS = ("tasks", "transfers", "events", "folded", "token_tile", "micro_batch")


class Case(Protocol):
    """Something to run again and again."""

    @property
    def name(self) -> str:
        """How it is called in the stored file."""

    def prepare(self) -> Callable[[], Integers]:
        """Load the inputs; what is given back is what is timed."""


@dataclass(frozen=True)
class Step:
    """One training step through the whole path."""

    name: str
    package: str
    model: str
    plan: Mapping[str, Any]
    model_changes: Mapping[str, Any] = field(default_factory=dict)
    package_changes: Mapping[str, Any] = field(default_factory=dict)

    def prepare(self) -> Callable[[], Integers]:
        package, plan = load_package(self.package, dict(self.package_changes)), load_plan(dict(self.plan))
        model = load_model(self.model, dict(self.model_changes))
        return lambda: step_integers(simulate(package, model, plan).document)


@dataclass(frozen=True)
class Ring:
    """One all-reduce over all tiles of a package of links only."""

    name: str
    side: int
    engine: str

    def prepare(self) -> Callable[[], Integers]:
        trace, package = lone_ring(self.side, self.side)

        def run() -> Integers:
            log = replay(trace, package, engine=self.engine)
            links = [lane for lane in log.lanes if lane.kind == "link"]
            return {
                "step_time_ps": log.step_ps,
                "transfers": sum(lane.segments for lane in links),
                "events": log.happenings,
                "link_bytes": sum(lane.bytes_carried for lane in links),
                "link_busy_ps": sum(lane.busy_ps for lane in links),
                "link_wait_ps": sum(lane.wait_ps for lane in links),
            }

        return run


def lone_ring(rows: int, columns: int, member_bytes: int = 4096) -> tuple[Trace, PackageSpec]:
    """A Trace of one ring all-reduce of *member_bytes* per tile, and its package, where only links take time."""
    tiles = tuple(range(rows * columns))
    task = Task(id=0, kind=COLLECTIVE, label="ring", block="ffn", phase="forward", after=(), group="all",
                algorithm="ring.all_reduce", size_bytes=len(tiles) * member_bytes)  # fmt: skip
    options = {"ring": "unidirectional", "colours": "sequential", "chunks": 1, "segment_bytes": 1 << 40,
               "dram_map": "row", "element_bytes": 2}  # fmt: skip
    kinds, bodies = (BodyKind("ring", "ffn", "forward", (task,)),), order_of([Body(0, 0, 0)])
    trace = Trace(rows, columns, {"all": (tiles,)}, options, kinds, bodies)
    return trace, load_package("oracle_8x8", {"topology.rows": rows, "topology.columns": columns})


def step_integers(document: Mapping[str, Any]) -> Integers:
    """The whole numbers of a Result, named by their key paths; the longest chain in picoseconds per resource."""
    found = {"step_time_ps": document["step_time_ps"]}
    for part in PARTS:
        found |= _integers(part, document[part])
    found |= _integers("simulation", {key: document["simulation"][key] for key in COUNTS})
    for link in document["critical_path"]:
        key = f"critical_path.{link['resource']}_ps"
        found[key] = found.get(key, 0) + round(link["time_s"] * PS_PER_S)
    return found


def _integers(path: str, values: Mapping[str, Any]) -> Integers:
    return dict(_walk(path, values))


def _walk(path: str, value: Any) -> Iterator[tuple[str, int]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _walk(f"{path}.{key}", inner)
    elif isinstance(value, int):
        yield path, value


def _small(name: str, **plan: Any) -> Step:
    """A step of two layers of a small model on 16 dies.

    SUMMA's double-buffered panels of this model exceed the package's 8 MiB of activations; all methods run alike.
    """
    room = {"chiplet.sram.activations": "32 MiB"}
    return Step(name, "hecaton_4x4_standard", "tinyllama-1.1b", {**SMALL, **plan}, {"layers": 2}, room)


CASES: tuple[Case, ...] = (
    *(
        _small(f"{method}_{fidelity}", method=method, fidelity=fidelity)
        for method in METHODS
        for fidelity in FIDELITIES
    ),
    _small("hecaton_recompute_full", recompute="full"),
    _small("hecaton_overlap_chunk", overlap="chunk"),
    Ring("ring_64_plain", side=8, engine="plain"),
    Ring("ring_64_fast", side=8, engine="fast"),
    Step("llama2_7b_8x8_folded", "hecaton_8x8_standard", "llama2-7b", {"batch": 2, "sequence": 512}),
)
