"""What Mozart (arXiv 2603.07006, NeurIPS 2025) publishes: Table 4, the speed-ups, seconds by sequence and memory."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Case:
    """A model of the paper and what Table 4 says of it: latency over baseline, and copies per token."""

    title: str
    model: str
    package: str
    latency: dict[str, float]
    copies: dict[str, float]
    speedup_of_a: float
    speedup_of_c: float


QWEN3 = Case(
    "Qwen3-30B-A3B", "qwen3-30b-a3b", "qwen3", {"A": 0.73, "B": 0.59, "C": 0.52}, {"B": 6.58, "C": 5.77}, 1.33, 1.92
)
OLMOE = Case(
    "OLMoE-1B-7B", "olmoe-1b-7b", "olmoe", {"A": 0.63, "B": 0.48, "C": 0.422}, {"B": 6.84, "C": 5.63}, 1.58, 2.37
)
DEEPSEEK = Case(
    "DeepSeek-MoE-16B", "deepseek-moe-16b", "deepseek", {"A": 0.67, "B": 0.56, "C": 0.46}, {"B": 5.56, "C": 4.32},
    1.49, 2.17,
)  # fmt: skip
CASES = (QWEN3, OLMOE, DEEPSEEK)
"""Table 4, the text of section 5.3 (Q2) and the headline speed-ups."""

BASELINE_S = {(128, "hbm2"): 3.88, (256, "hbm2"): 4.87, (512, "hbm2"): 7.65,
              (128, "ssd"): 7.61, (256, "ssd"): 9.17, (512, "ssd"): 13.03}  # fmt: skip
"""Seconds of the Qwen3 baseline by sequence length and memory (section 5.3)."""
SPEEDUP_BY_SEQUENCE = {128: 1.47, 256: 1.92, 512: 2.34}
"""Of variant C on Qwen3 with HBM2."""
