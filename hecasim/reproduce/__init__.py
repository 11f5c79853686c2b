"""The papers' tables beside ours: every claim with the published figure, ours and the gap, and what was assumed."""

from collections.abc import Callable
from typing import Any

from hecasim.registry import Registry
from hecasim.reproduce.comparison import Reproduction, Row
from hecasim.reproduce.mozart import mozart
from hecasim.reproduce.mozart_calibration import calibrate, document

__all__ = ["CALIBRATIONS", "PAPERS", "Reproduction", "Row"]

PAPERS: Registry[Callable[..., Reproduction]] = Registry("paper", {"mozart": mozart})
CALIBRATIONS: Registry[Callable[..., dict[str, Any]]] = Registry(
    "calibration of a paper", {"mozart": lambda progress: document(calibrate(progress))}
)
