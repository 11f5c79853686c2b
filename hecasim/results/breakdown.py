"""Where the time went: per phase and class, and over all tiles, as means; the sums are exact in integers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hecasim.trace.log import CLASSES, PHASES, Log
from hecasim.units import PS_PER_S

Sums = dict[str, list[int]]


def phase_sums(log: Log) -> Sums:
    """Per phase, picoseconds of each class summed over tiles."""
    return {
        phase: [sum(tile.spent[number][owner] for tile in log.tiles) for owner in range(len(CLASSES))]
        for number, phase in enumerate(PHASES)
    }


def hidden_sums(log: Log) -> Sums:
    """Per phase, picoseconds with compute, collectives or DRAM traffic under way, hidden parts included."""
    return {
        phase: [sum(tile.hidden[number][owner] for tile in log.tiles) for owner in range(3)]
        for number, phase in enumerate(PHASES)
    }


def mean_s(ps_over_tiles: int, tiles: int) -> float:
    """Mean seconds per tile of a sum over tiles."""
    return ps_over_tiles / tiles / PS_PER_S


def classes_s(sums: list[int], hidden: list[int], tiles: int) -> dict[str, float]:
    """Mean seconds of each class, and of NoP and DRAM with their hidden parts."""
    shares = {f"{name}_s": mean_s(total, tiles) for name, total in zip(CLASSES, sums, strict=True)}
    return shares | {"nop_s": mean_s(hidden[1], tiles), "dram_s": mean_s(hidden[2], tiles)}


def breakdown(log: Log) -> dict[str, Any]:
    """The whole step."""
    tiles = len(log.tiles)
    spent, hidden = phase_sums(log), hidden_sums(log)
    total = [sum(column) for column in zip(*spent.values(), strict=True)]
    whole = classes_s(total, [sum(column) for column in zip(*hidden.values(), strict=True)], tiles)
    return whole | {"wait_s": sum(waits_s(log).values()) / tiles}


def by_role(log: Log, roles: Sequence[str]) -> dict[str, dict[str, float]]:
    """The whole step again for the tiles of each role, as means over them; nothing where all have one role."""
    found = {}
    for role in dict.fromkeys(roles):
        own = [time for time, its in zip(log.tiles, roles, strict=True) if its == role]
        spent = [sum(sum(phase[owner] for phase in time.spent) for time in own) for owner in range(len(CLASSES))]
        hidden = [sum(sum(phase[owner] for phase in time.hidden) for time in own) for owner in range(3)]
        found[role] = classes_s(spent, hidden, len(own))
    return found if len(found) > 1 else {}


def tile_time_ps(log: Log) -> dict[str, int]:
    """Picoseconds of each class summed over tiles: their sum is tiles times the step, exactly."""
    sums = phase_sums(log).values()
    return dict(zip(CLASSES, (sum(column) for column in zip(*sums, strict=True)), strict=True))


def phases(log: Log) -> dict[str, dict[str, float]]:
    """Each phase: its mean time, which add up to the step, and its classes."""
    tiles = len(log.tiles)
    spent, hidden = phase_sums(log), hidden_sums(log)
    return {
        phase: {"time_s": mean_s(sum(spent[phase]), tiles)} | classes_s(spent[phase], hidden[phase], tiles)
        for phase in PHASES
    }


def waits_s(log: Log) -> dict[str, float]:
    """Seconds that tasks and segments waited for each kind of resource, summed over all of them."""
    waits = {"core": log.core_wait_ps / PS_PER_S, "sram": log.sram_wait_ps / PS_PER_S, "link": 0.0, "port": 0.0,
             "dram": 0.0}  # fmt: skip
    for lane in log.lanes:
        waits[lane.kind] += lane.wait_ps / PS_PER_S
    return waits


def critical_path(log: Log) -> list[dict[str, Any]]:
    """The chain of tasks that led to the end of the step, equal ones added up, longest first.

    Each task counts from the moment its last tile could start to the moment it let the next one's last tile start;
    these spans add up to the step.
    """
    ranked = sorted(log.chain.items(), key=lambda item: (-item[1], item[0]))
    return [{"task": label, "resource": resource, "time_s": ps / PS_PER_S} for (label, resource), ps in ranked if ps]


def utilization(log: Log, peak_sram_bytes_per_s: float | None, sram_bytes: int) -> dict[str, float]:
    """Busy share of each kind of resource."""
    step, tiles = max(1, log.step_ps), len(log.tiles)
    links = [lane.busy_ps / step for lane in log.lanes if lane.kind == "link"]
    channels = [lane.busy_ps / step for lane in log.lanes if lane.kind == "dram"]
    computing = sum(tile.hidden[number][0] for tile in log.tiles for number in range(len(PHASES)))
    sram = 0.0
    if peak_sram_bytes_per_s:
        sram = min(1.0, sram_bytes / tiles / (peak_sram_bytes_per_s * step / PS_PER_S))
    return {
        "core": computing / tiles / step,
        "sram": sram,
        "dram": sum(channels) / len(channels) if channels else 0.0,
        "link_mean": sum(links) / len(links) if links else 0.0,
        "link_max": max(links, default=0.0),
    }
