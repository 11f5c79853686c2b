"""The calibration of Mozart's open parameters on the six stated seconds of the Qwen3 baseline, and on nothing else.

The baseline does one thing after another, so its time is nearly a constant, plus bytes over the rate of the links to
the expert chiplets, plus bytes over the rate of the links at the attention chiplet. Both rates are unknown (a rate
follows from a link count that the paper does not list), and so is how often weights cross DRAM (3 or 4 times). For each
number of passes the two rates of least squares of the relative errors are found: one linear fit from three sets of six
runs, then a second one around the first. The number of passes with the smaller error is taken.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hecasim.reproduce.mozart_paper import BASELINE_S, QWEN3
from hecasim.reproduce.mozart_runs import Progress, Runs, Setting

CALIBRATED = Setting(weight_passes=4, link_share=0.396, root_link_share=0.094)
"""What `hecasim reproduce mozart --calibrate` finds."""
PASSES = (3, 4)
START = (0.4, 0.1)
STEP = 0.75  # of a share, for a slope
ROUNDS = 2
DIGITS = 3  # of a share that is kept: a third of a wire

Reals = NDArray[np.float64]


class Fit(NamedTuple):
    """The best setting for a number of weight passes, the seconds it gives, and the root mean square relative error."""

    setting: Setting
    seconds: dict[tuple[int, str], float]
    error: float


def calibrate(progress: Progress = lambda _: None) -> list[Fit]:
    """A fit for every number of passes, best first."""
    return sorted((_fit(passes, progress) for passes in PASSES), key=lambda fit: fit.error)


def document(fits: list[Fit]) -> dict[str, Any]:
    """The study as JSON: what was found for each number of passes, and how far each of the six seconds is off."""
    return {
        "fits": [
            {"setting": fit.setting._asdict(), "error": fit.error,
             "cases": [{"case": f"{sequence} tokens, {memory}", "paper": paper, "ours": fit.seconds[sequence, memory],
                        "gap": fit.seconds[sequence, memory] / paper - 1}
                       for (sequence, memory), paper in BASELINE_S.items()]}
            for fit in fits
        ],
        "calibrated": fits[0].setting._asdict(),
        "stored": CALIBRATED._asdict(),
        "as_stored": fits[0].setting == CALIBRATED,
    }  # fmt: skip


def _fit(passes: int, progress: Progress) -> Fit:
    shares = START
    for _ in range(ROUNDS):
        shares = _around(passes, shares, progress)
    setting = Setting(passes, *shares)
    found = _six(setting, progress)
    return Fit(setting, dict(zip(BASELINE_S, found.tolist(), strict=True)), _error(found))


def _around(passes: int, shares: tuple[float, float], progress: Progress) -> tuple[float, float]:
    """Least squares over seconds that are linear in the inverse of both shares."""
    link, root = shares
    here = _six(Setting(passes, link, root), progress)
    slopes = [_six(Setting(passes, *other), progress) - here for other in ((link * STEP, root), (link, root * STEP))]
    less = np.array([1 / share / STEP - 1 / share for share in shares])
    published = np.array(list(BASELINE_S.values()))
    matrix = np.stack(slopes, axis=1) / less / published[:, None]
    constant = here / published - matrix @ (1 / np.array(shares))
    inverse, *_ = np.linalg.lstsq(matrix, 1 - constant)
    found = [round(float(min(1.0, 1 / one)), DIGITS) if one > 0 else 1.0 for one in inverse]
    return found[0], found[1]


def _six(setting: Setting, progress: Progress) -> Reals:
    about = f"{setting.weight_passes} passes, shares {setting.link_share:g} and {setting.root_link_share:g}"
    runs = Runs(setting, progress=progress, about=about)
    return np.array([runs.seconds(QWEN3, "baseline", sequence=s, memory=m) for s, m in BASELINE_S])


def _error(found: Reals) -> float:
    return float(np.sqrt(np.mean((found / np.array(list(BASELINE_S.values())) - 1) ** 2)))
