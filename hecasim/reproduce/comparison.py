"""A claim of a paper beside what hecasim finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple


class Row(NamedTuple):
    """One figure: published (None where the paper gives none) and ours."""

    claim: str
    case: str
    paper: float | None
    ours: float

    @property
    def gap(self) -> float | None:
        """Ours over the paper's, less one."""
        return None if self.paper is None else self.ours / self.paper - 1


class Assumption(NamedTuple):
    """An input that the paper leaves open, or states and we cite."""

    key: str
    value: str
    source: str


@dataclass(frozen=True)
class Reproduction:
    """All rows of a paper, what they rest on, and the verdict in words."""

    paper: str
    rows: tuple[Row, ...]
    assumptions: tuple[Assumption, ...]
    verdict: str

    def to_json(self) -> dict[str, Any]:
        """The contract's document."""
        return {
            "rows": [row._asdict() | {"gap": row.gap} for row in self.rows],
            "assumptions": [assumption._asdict() for assumption in self.assumptions],
            "verdict": self.verdict,
        }
