"""Result documents made by hand, for tests that show or write one."""

import copy
from typing import Any

DOCUMENT: dict[str, Any] = {
    "schema": "hecasim.result/1",
    "inputs": {
        "package": {"name": "tiny_2x2", "topology": {"kind": "mesh", "rows": 2, "columns": 2}},
        "model": {"name": "tiny", "layers": 2},
        "plan": {"method": "hecaton", "batch": 8, "micro_batch": "auto", "sequence": 4096, "precision": "bf16"},
    },
    "step_time_ps": 12_345_678_901_234,
    "step_time_s": 12.345678901234,
    "core_cycles": 12_345_678_902,
    "tokens_per_s": 2654.2,
    "mfu": 0.4123,
    "hfu": 0.4123,
    "breakdown": {
        "compute_s": 8.1,
        "exposed_nop_s": 3.2,
        "exposed_dram_s": 0.9,
        "bubble_s": 0.0,
        "idle_s": 0.145678901234,
        "nop_s": 4.4,
        "dram_s": 2.2,
        "wait_s": 0.31,
    },
    "phases": {
        name: {
            "time_s": time_s,
            "compute_s": 0.6 * time_s,
            "exposed_nop_s": 0.3 * time_s,
            "exposed_dram_s": 0.1 * time_s,
            "bubble_s": 0.0,
            "idle_s": 0.0,
            "nop_s": 0.4 * time_s,
            "dram_s": 0.2 * time_s,
            "wait_s": 0.02 * time_s,
        }
        for name, time_s in {"forward": 4.1, "recompute": 0.0, "backward": 8.2, "update": 0.045678901234}.items()
    },
    "utilization": {"core": 0.656, "sram": 0.21, "dram": 0.18, "link_mean": 0.35, "link_max": 0.61},
    "traffic": {
        "nop_bytes": {"collective": 5.1e12, "memory": 1.2e12},
        "nop_link_bytes": 9.9e12,
        "dram_read_bytes": 1.4e12,
        "dram_write_bytes": 0.9e12,
        "sram_bytes": 2.7e13,
    },
    "flops": {"model": 1.4e15, "executed": 1.4e15},
    "energy_j": {"core": 1402.0, "sram": 30.1, "nop": 40.2, "dram": 160.3, "static": 0.0, "total": 1632.6},
    "power_w": {"mean": 132.2, "peak_window": None},
    "memory": {
        "sram_peak_bytes": 7_654_321,
        "sram_capacity_bytes": None,
        "dram_peak_bytes": 123_456_789_012,
        "dram_capacity_bytes": 549_755_813_888,
        "by_class": {
            "weights": 13_476_831_232,
            "gradients": 13_476_831_232,
            "optimizer": 80_860_987_392,
            "activations": 15_342_139_156,
            "buffers": 0,
            "embeddings": 300_000_000,
        },
    },
    "bounds_s": {"compute": 7.9, "nop": 3.0, "dram": 1.9},
    "critical_path": [{"task": "layer 1 ffn up [0]", "resource": "core", "time_s": 2.2}],
    "simulation": {
        "fidelity": "message",
        "engine": "plain",
        "tasks": 12_345,
        "transfers": 2_345_678,
        "events": 23_456_789,
        "folded": 0,
        "claimed": 0,
        "token_tile": 512,
        "seed": 0,
        "version": "0.1.0",
        "approximations": ["capacity: warn: DRAM needs 1.1 TiB of 512 GiB"],
    },
    "host": {"wall_s": 12.1, "peak_rss_bytes": 123_456_789},
}


def result_document(method: str = "hecaton", *, slower: int = 1) -> dict[str, Any]:
    """Give a fresh document; `slower` multiplies its time and energy."""
    document = copy.deepcopy(DOCUMENT)
    document["inputs"]["plan"]["method"] = method
    document["step_time_ps"] *= slower
    document["step_time_s"] *= slower
    document["energy_j"]["total"] *= slower
    return document


class FakeResult:
    """What the command line and the run directory need of a Result."""

    def __init__(self, document: dict[str, Any], *, timeline: bool = False) -> None:
        self._document = document
        self._timeline = timeline

    def to_json(self) -> dict[str, Any]:
        return copy.deepcopy(self._document)

    def tables(self) -> dict[str, str]:
        return {"layers.csv": "layer,phase\n0,forward\n", "links.csv": "source,target\n0,1\n"}

    def timeline_json(self) -> str | None:
        return '{"traceEvents": []}' if self._timeline else None
