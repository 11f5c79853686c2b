"""The Result: the frozen numbers of one run, with the inputs that made them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from hecasim.analytic import Census
from hecasim.mapping.dram import channel_count, dram_capacity_bytes
from hecasim.results.area import area_mm2
from hecasim.results.breakdown import breakdown, by_role, critical_path, phases, tile_time_ps, utilization, waits_s
from hecasim.results.cost import cost_usd, yields
from hecasim.results.energy import background_j, energy_j
from hecasim.results.host import peak_rss_bytes
from hecasim.results.tables import layers_csv, links_csv
from hecasim.results.timeline import timeline_json
from hecasim.specs import ModelSpec, PackageSpec, PlanSpec, resolved
from hecasim.topologies import topology_of
from hecasim.trace.log import Log
from hecasim.units import PS_PER_S

SCHEMA = "hecasim.result/1"
NO_PEAK_WINDOW = "not computed: the log holds sums over the step, not when each joule was spent"


@dataclass(frozen=True)
class Result:
    """One training step: `document` is the contract's JSON, the rest are the tables of a run directory."""

    document: dict[str, Any]
    _log: Log = field(repr=False)
    _names: dict[int, str] = field(repr=False)
    """Of the tiles that the timeline shows."""

    def __getitem__(self, key: str) -> Any:
        return self.document[key]

    @property
    def step_time_s(self) -> float:
        return float(self.document["step_time_s"])

    def to_json(self) -> dict[str, Any]:
        """A copy of the document."""
        copy: dict[str, Any] = json.loads(json.dumps(self.document))
        return copy

    def tables(self) -> dict[str, str]:
        """File name -> CSV text."""
        return {"layers.csv": layers_csv(self._log), "links.csv": links_csv(self._log)}

    def timeline_json(self) -> str | None:
        """The timeline, if spans were kept."""
        return timeline_json(self._log, self._names) if self._log.keep_spans else None


def summarize(
    log: Log,
    census: Census,
    package: PackageSpec,
    model: ModelSpec | None,
    plan: PlanSpec,
    *,
    version: str,
    wall_s: float,
) -> Result:
    """Compute every number of the Result from the Log and the counts.

    Without a *model* (a trace that does not say what made it) what only model and plan know is None or left out.
    """
    step_s = log.step_ps / PS_PER_S
    about = log.trace.about
    peak_flops = package.chiplet.core.peak_flop_per_s * package.topology.cores
    executed = sum(census.flops.values())
    energy = energy_j(census, package, step_s)
    topology = topology_of(package.topology)
    made_of = {"model": resolved(model), "plan": resolved(plan)} if model else {}
    document = {
        "schema": SCHEMA,
        "inputs": {"package": resolved(package)} | made_of,
        "step_time_ps": log.step_ps,
        "step_time_s": step_s,
        "core_cycles": -(-log.step_ps * int(package.chiplet.core.clock_hz) // PS_PER_S),
        "tokens_per_s": plan.batch * plan.sequence / step_s if model else None,
        "mfu": about["model_flops"] / (peak_flops * step_s) if model else None,
        "hfu": executed / (peak_flops * step_s),
        "breakdown": breakdown(log) | ({"by_role": roles} if (roles := by_role(log, topology.roles)) else {}),
        "waits_s": waits_s(log),
        "tile_time_ps": tile_time_ps(log),
        "phases": phases(log),
        "utilization": utilization(log, package.chiplet.sram.operand_bytes_per_s, census.sram_bytes),
        "traffic": _traffic(census),
        "flops": {"model": about["model_flops"], "executed": executed, "by_phase": dict(census.flops)},
        "energy_j": energy,
        "energy_parts_j": background_j(census, package, step_s),
        "power_w": {"mean": energy["total"] / step_s, "peak_window": None, "peak_window_reason": NO_PEAK_WINDOW},
        "memory": _memory(log, package),
        "bounds_s": {name: bound / PS_PER_S for name, bound in census.bounds_ps.items()},
        "critical_path": critical_path(log),
        "simulation": {
            "fidelity": plan.fidelity, "engine": plan.engine, "tasks": log.tasks,
            "transfers": sum(lane.segments for lane in log.lanes if lane.kind == "link"), "events": log.happenings,
            "folded": log.folded_bodies, "claimed": log.claimed,
            "token_tile": about["token_tile"], "micro_batch": about["micro_batch"],
            "seed": plan.seed, "version": version, "approximations": approximations(package, plan, about),
        },
        "host": {"wall_s": wall_s, "peak_rss_bytes": peak_rss_bytes()},
    }  # fmt: skip
    priced = {"area_mm2": area_mm2(package), "cost_usd": cost_usd(package), "yields": yields(package)}
    names = {tile: topology.name_of(tile) for tile in log.shown_tiles}
    return Result(document | {name: table for name, table in priced.items() if table is not None}, log, names)


def _traffic(census: Census) -> dict[str, Any]:
    return {
        "nop_bytes": {"collective": census.collective_bytes, "memory": census.memory_bytes},
        "nop_link_bytes": census.collective_link_bytes + census.memory_link_bytes,
        "nop_link_bytes_by_use": {"collective": census.collective_link_bytes, "memory": census.memory_link_bytes},
        "dram_read_bytes": census.dram_read_bytes,
        "dram_write_bytes": census.dram_write_bytes,
        "sram_bytes": census.sram_bytes,
    }


def _memory(log: Log, package: PackageSpec) -> dict[str, Any]:
    sram, by_class = package.chiplet.sram, log.trace.about["dram_by_class"]
    limits = (sram.weights_bytes, sram.activations_bytes)
    return {
        "sram_peak_bytes": log.sram_peak_bytes or log.trace.about["sram_estimate_bytes"],
        "sram_capacity_bytes": None if None in limits else sum(limit for limit in limits if limit is not None),
        "sram_peak_by_buffer": dict(sorted(log.sram_peaks.items())),
        "dram_peak_bytes": sum(by_class.values()),
        "dram_capacity_bytes": dram_capacity_bytes(package),
        "dram_channels": channel_count(package),
        "by_class": by_class,
    }


def approximations(package: PackageSpec, plan: PlanSpec, about: dict[str, Any]) -> list[str]:
    """What a reader must know before trusting the numbers."""
    known = [*about["remarks"], *about["notes"]]
    if plan.fidelity == "analytic":
        known.append("analytic: a lower bound; no contention, exposed parts by the order of claim")
    else:
        known.append("message fidelity: unlimited router buffers, no virtual channels, DRAM without banks or refresh")
    if plan.attention == "streamed":
        known.append("streamed attention computes Q K^T once more in backward (executed FLOPs exceed the model's)")
    if package.energy.static_w_per_chiplet == 0:
        known.append("static power is zero (assumed)")
    memory = package.memory
    if package.cost is not None and memory.capacity_bytes is None and memory.price_usd_per_gib:
        known.append("cost: DRAM of unlimited capacity is not priced")
    return known
