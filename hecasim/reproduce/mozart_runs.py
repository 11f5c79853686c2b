"""Mozart's variants as plans, the parameters that its paper leaves open as a setting, and the seconds they take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from hecasim.reproduce.mozart_paper import Case
from hecasim.run import simulate
from hecasim.specs import LinkSpec, PackageSpec, load_model, load_package, load_plan

Progress = Callable[[str], None]

STREAMS = {"stream_tokens": True, "stream_experts": True}
ONE_PER_EXPERT = {"dispatch_copies": "per_expert", "combine_point": "attention"}
ONE_PER_CHIPLET = {"dispatch_copies": "per_chiplet", "combine_point": "switch"}
VARIANTS: dict[str, dict[str, Any]] = {
    "baseline": {"stream_tokens": False, "stream_experts": False, "expert_placement": "contiguous"} | ONE_PER_EXPERT,
    "A": STREAMS | ONE_PER_EXPERT | {"expert_placement": "contiguous"},
    "B": STREAMS | ONE_PER_CHIPLET | {"expert_placement": "contiguous"},
    "C": STREAMS | ONE_PER_CHIPLET | {"expert_placement": "clustered"},
    "ours": STREAMS | ONE_PER_CHIPLET | {"expert_placement": "balanced"},
}
"""Table 3, and our own placement. Without one copy per chiplet as many vectors come home as were sent."""

PLAN: dict[str, Any] = {
    "method": "mozart", "batch": 32, "micro_batch": 8, "sequence": 256, "precision": "fp16", "optimizer": "sgd",
    "optimizer_traffic": False, "dispatch_point": "attention", "capacity": "warn", "segment_bytes": "1 MiB",
}  # fmt: skip


class Setting(NamedTuple):
    """Parameters that may be calibrated: how often weights cross DRAM, and the wires of a link.

    Wires are a share of those along a whole edge of a die, so that one setting suits the dies of every model.
    """

    weight_passes: int = 3
    link_share: float = 1.0
    root_link_share: float = 1.0

    def package(self, spec: PackageSpec) -> PackageSpec:
        """A shipped package, whose links have the wires of a whole edge, with these shares of them."""
        edge = spec.link.wires
        update = {"link": _with_wires(spec.link, edge * self.link_share),
                  "root_link": _with_wires(spec.link, edge * self.root_link_share)}  # fmt: skip
        return spec.model_copy(update=update)


def _with_wires(link: LinkSpec, wires: float) -> LinkSpec:
    return link.model_copy(update={"wires": max(1, round(wires))})


UNCALIBRATED = Setting()


@dataclass(frozen=True)
class Point:
    """One run: a case in a variant; what it changes beyond a setting."""

    case: Case
    variant: str
    sequence: int = 256
    memory: str = "hbm2"
    drift: float = 0.0
    plan: tuple[tuple[str, Any], ...] = ()
    package: tuple[tuple[str, Any], ...] = ()
    layers: int | None = None


@dataclass
class Runs:
    """Simulated seconds, each run once; means over *seeds* draws of routing."""

    setting: Setting
    seeds: int = 1
    progress: Progress = lambda _: None
    about: str = ""
    """What tells these runs from others of the same cases, for people who wait."""
    known: dict[tuple[Setting, Point], float] = field(default_factory=dict)

    def under(self, setting: Setting, about: str) -> Runs:
        """The same runs with another setting; *about* says which."""
        return replace(self, setting=setting, about=about)

    def seconds(self, case: Case, variant: str, **more: Any) -> float:
        """Mean step time of a `Point`."""
        return self.at(Point(case, variant, **more))

    def at(self, point: Point) -> float:
        """Mean step time."""
        key = (self.setting, point)
        if key not in self.known:
            self.progress(f"{self.about}: {_title(point)}" if self.about else _title(point))
            times = [_simulated_s(self.setting, point, seed) for seed in range(self.seeds)]
            self.known[key] = sum(times) / len(times)
        return self.known[key]


def _title(point: Point) -> str:
    drift = f", drift {point.drift:g}" if point.drift else ""
    return f"{point.case.title} {point.variant}, {point.sequence} tokens, {point.memory}{drift}"


def _simulated_s(setting: Setting, point: Point, seed: int) -> float:
    package = load_package(f"mozart_{point.case.package}_{point.memory}", _written(dict(point.package)))
    layers = {} if point.layers is None else {"layers": str(point.layers)}
    plan = {"sequence": point.sequence, "seed": seed, "routing_drift": point.drift,
            "weight_passes": setting.weight_passes}  # fmt: skip
    spec = load_plan(PLAN | VARIANTS[point.variant] | plan | dict(point.plan))
    return simulate(setting.package(package), load_model(point.case.model, layers), spec).step_time_s


def _written(overrides: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in overrides.items()}
