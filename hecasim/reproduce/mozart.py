"""Mozart (arXiv 2603.07006, NeurIPS 2025): Table 4, the speed-ups, sequence lengths and memories, beside ours.

A step is 32 sequences in micro-batches of 8 (section 4.3); the default is 256 tokens and HBM2. Three parameters are
calibrated on the stated seconds of the Qwen3 baseline (`mozart_calibration`); what variants A, B and C gain, and all of
OLMoE and DeepSeek, is predicted. Every figure is also given without calibration.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hecasim.reproduce.comparison import Assumption, Reproduction, Row
from hecasim.reproduce.mozart_calibration import CALIBRATED
from hecasim.reproduce.mozart_paper import BASELINE_S, CASES, QWEN3, SPEEDUP_BY_SEQUENCE, Case
from hecasim.reproduce.mozart_runs import UNCALIBRATED, Progress, Runs
from hecasim.reproduce.mozart_sensitivity import LAYERS, sensitivity

DRIFT = 0.3
"""Of the texts whose routing the placement was not fitted on (ours, not in the paper)."""

ASSUMPTIONS = (
    Assumption("plan.batch, micro_batch, sequence", "32, 8, 256", "paper, sections 4.3 and 5"),
    Assumption(
        "plan.weight_passes",
        f"{CALIBRATED.weight_passes}: forward, backward, read for the update, write-back",
        "calibrated on the baseline's seconds; 3 without calibration",
    ),
    Assumption(
        "links of switches to chiplets",
        f"{CALIBRATED.link_share:g} of the wires along a die edge",
        "calibrated; the whole edge without (64 / 54 / 56 GB/s from Table 2: die area, 50 um pitch, 1 bit a cycle)",
    ),
    Assumption(
        "links of the attention chiplet",
        f"{CALIBRATED.root_link_share:g} of the wires along a die edge, to each switch",
        "calibrated; the whole edge without",
    ),
    Assumption(
        "package.switch.memory_path",
        "staged: read, then handed on, one chiplet and one direction at a time",
        "chiplets one after another: paper, section 4.4; no overlap inside a load: assumed, as the seconds of HBM2 and "
        "SSD are a constant plus bytes over bandwidth",
    ),
    Assumption(
        "plan.combine_point",
        "baseline and A: outputs of all experts go to the attention chiplet; B and C: added in chiplet and switch",
        "assumed: without one copy per chiplet the all-to-all brings as many vectors home as it sent; section 4.4 has "
        "the sums of switches; the other reading is a row of the sensitivity table",
    ),
    Assumption("plan.dispatch_point", "attention", "assumed: not stated where copies are made"),
    Assumption(
        "overlap of A, B, C",
        "weights and saves behind everything; the root sends the tokens of all micro-batches of a layer",
        "section 4.3; the all-to-all is synchronous: the attention chiplet computes nothing meanwhile",
    ),
    Assumption(
        "plan.weights_ahead", "chiplet: as soon as a chiplet is done with the layer before", "assumed; one layer's "
        "weights at a time (section 4.3)",
    ),
    Assumption("plan.optimizer", "sgd, no states in DRAM", "assumed: not stated; weights are updated on the chiplets"),
    Assumption("plan.shared_expert_placement", "attention", "assumed: not stated; as is the dense first layer"),
    Assumption("plan.routing", "preset of each model", "synthetic router fitted to C_T of variants B and C (Table 4)"),
    Assumption("plan.profile_tokens", "4096, of the same router, that no step uses", "assumed: the paper profiles its "
               "whole set of instructions"),
    Assumption("recomputation", "none; activations are saved to DRAM and read back", "paper, Figure 4"),
    Assumption("chiplet", "64 tiles of 16 arrays of 16 x 16, 1 GHz", "within the ranges of section 5.2 (assumed)"),
    Assumption("DRAM capacity", "not enforced", "the stated 8192 MB per stack hold less than the models (Table 2)"),
)  # fmt: skip


def mozart(seeds: int = 1, progress: Progress = lambda _: None) -> Reproduction:
    """All tables; means over *seeds* draws of routing."""
    found = Runs(CALIBRATED, seeds, progress)
    rows = [*_table_4(found), *_speed_ups(found), *_by_sequence(found), *_own_placement(found)]
    of = f"{QWEN3.title}, 256 tokens, HBM2, {LAYERS} of its layers"
    return Reproduction("Mozart (arXiv 2603.07006)", tuple(rows), ASSUMPTIONS, verdict(rows), sensitivity(found), of)


def _row(claim: str, case: str, paper: float | None, figure: Callable[[Runs], float], found: Runs) -> Row:
    return Row(claim, case, paper, figure(found), figure(found.under(UNCALIBRATED, "uncalibrated")))


def _gain(case: Case, variant: str, **more: Any) -> Callable[[Runs], float]:
    """Baseline over *variant*."""
    return lambda runs: runs.seconds(case, "baseline", **more) / runs.seconds(case, variant, **more)


def _table_4(found: Runs) -> list[Row]:
    def over_baseline(case: Case, variant: str) -> Callable[[Runs], float]:
        return lambda runs: runs.seconds(case, variant) / runs.seconds(case, "baseline")

    return [
        _row("latency over baseline (Table 4)", f"{case.title} {variant}", paper, over_baseline(case, variant), found)
        for case in CASES for variant, paper in case.latency.items()
    ]  # fmt: skip


def _speed_ups(found: Runs) -> list[Row]:
    return [
        *(_row("speed-up of A (text, Q2)", case.title, case.speedup_of_a, _gain(case, "A"), found) for case in CASES),
        *(_row("speed-up of C", case.title, case.speedup_of_c, _gain(case, "C"), found) for case in CASES),
    ]


def _by_sequence(found: Runs) -> list[Row]:
    def baseline(sequence: int, memory: str) -> Callable[[Runs], float]:
        return lambda runs: runs.seconds(QWEN3, "baseline", sequence=sequence, memory=memory)

    rows = [_row("baseline seconds (calibrated on these)", f"{QWEN3.title}, {sequence} tokens, {memory}", paper,
                 baseline(sequence, memory), found)
            for (sequence, memory), paper in BASELINE_S.items()]  # fmt: skip
    for memory in ("hbm2", "ssd"):
        for sequence, paper in SPEEDUP_BY_SEQUENCE.items():
            where, published = f"{QWEN3.title}, {sequence} tokens, {memory}", paper if memory == "hbm2" else None
            gain = _gain(QWEN3, "C", sequence=sequence, memory=memory)
            rows.append(_row("speed-up of C by sequence", where, published, gain, found))
    return rows


def _own_placement(found: Runs) -> list[Row]:
    def over_c(case: Case, drift: float) -> Callable[[Runs], float]:
        return lambda runs: runs.seconds(case, "ours", drift=drift) / runs.seconds(case, "C", drift=drift)

    return [
        _row("balanced placement over Mozart-C (ours, not in the paper)",
             case.title + (f", drift {drift}" if drift else ""), None, over_c(case, drift), found)
        for case in CASES for drift in (0.0, DRIFT)
    ]  # fmt: skip


def verdict(rows: list[Row]) -> str:
    """What holds and what does not, in words."""
    table = {row.case: row for row in rows if row.claim.startswith("latency")}
    worst = max(table.values(), key=lambda row: abs(row.gap or 0))
    within = sum(abs(row.gap or 0) <= WITHIN for row in table.values())
    ordered = all(
        1 > table[f"{case.title} A"].ours > table[f"{case.title} B"].ours > table[f"{case.title} C"].ours
        for case in CASES
    )
    ranked = all(_ranked(*(table[f"{case.title} {variant}"].ours for variant in "ABC")) for case in CASES)
    gains = {row.case: row.ours for row in rows if row.claim == "speed-up of C by sequence"}
    hbm2, ssd = ([gains[f"{QWEN3.title}, {s} tokens, {memory}"] for s in SPEEDUP_BY_SEQUENCE]
                 for memory in ("hbm2", "ssd"))  # fmt: skip
    own = max(row.ours for row in rows if row.claim.startswith("balanced"))
    holds = {
        "order baseline > A > B > C on every model": ordered,
        "overlap gains more than one copy per chiplet, that more than the layout": ranked,
        "gain of C grows with sequence length on HBM2": hbm2 == sorted(hbm2) and len(set(hbm2)) == len(hbm2),
        "gain of C is smaller on SSD": all(slow < fast for slow, fast in zip(ssd, hbm2, strict=True)),
        "balanced placement beats C on every model, also under drift": own < 1,
    }
    words = [f"{claim}: {'yes' if yes else 'NO'}" for claim, yes in holds.items()]
    head = f"Table 4: {within} of {len(table)} within {WITHIN:.0%}, largest gap {(worst.gap or 0):+.1%} ({worst.case})"
    return "; ".join([head, *words])


WITHIN = 0.12


def _ranked(a: float, b: float, c: float) -> bool:
    """By the factors in which each of them shortens the step (paper, Q2)."""
    return 1 / a > a / b > b / c
