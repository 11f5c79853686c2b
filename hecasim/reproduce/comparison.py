"""A claim of a paper beside what hecasim finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple


class Row(NamedTuple):
    """One figure: published (None where the paper gives none), ours, and ours before any calibration."""

    claim: str
    case: str
    paper: float | None
    ours: float
    uncalibrated: float | None = None

    @property
    def gap(self) -> float | None:
        """Ours over the paper's, less one."""
        return None if self.paper is None else self.ours / self.paper - 1


class Assumption(NamedTuple):
    """An input that the paper leaves open, or states and we cite."""

    key: str
    value: str
    source: str


class Sensitivity(NamedTuple):
    """One parameter changed: the seconds of the baseline then, and every variant's time over it."""

    changed: str
    baseline_s: float
    ratios: dict[str, float]


@dataclass(frozen=True)
class Reproduction:
    """All rows of a paper, what they rest on, what one changed parameter does, and the verdict in words."""

    paper: str
    rows: tuple[Row, ...]
    assumptions: tuple[Assumption, ...]
    verdict: str
    sensitivity: tuple[Sensitivity, ...] = ()
    sensitivity_of: str = ""

    def to_json(self) -> dict[str, Any]:
        """The contract's document."""
        return {
            "rows": [row._asdict() | {"gap": row.gap} for row in self.rows],
            "assumptions": [assumption._asdict() for assumption in self.assumptions],
            "verdict": self.verdict,
            "sensitivity": {"of": self.sensitivity_of, "rows": [one._asdict() for one in self.sensitivity]},
        }
