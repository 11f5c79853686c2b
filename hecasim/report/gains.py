"""Energy of methods side by side: how much less than the first takes, with and without what flows whatever is done."""

from collections.abc import Sequence
from typing import Any

Document = dict[str, Any]


def dynamic_j(result: Document) -> float:
    """Joules of a step that its operations cost: the total without static, PHY-idle and DRAM background energy."""
    return float(result["energy_j"]["total"] - at_rest_j(result))


def at_rest_j(result: Document) -> float:
    """Joules of a step that flow whatever is done; 0 where the document does not tell them apart."""
    return float(sum((result.get("energy_parts_j") or {}).values()))


def was_run(row: Document) -> bool:
    """Whether a row of a comparison is a result, and no plan that does not fit or no method that the grid refuses."""
    return "infeasible" not in row and "refused" not in row


def energy_gains(rows: Sequence[Document]) -> dict[str, dict[str, float | None]] | None:
    """By method, energy of the first row over its own: `with_static`, `without_static`; None without a first row.

    A ratio is None where the method takes no such energy at all.
    """
    if not rows or not was_run(rows[0]):
        return None
    total_j, moving_j = rows[0]["energy_j"]["total"], dynamic_j(rows[0])
    return {
        row["inputs"]["plan"]["method"]: {
            "with_static": _over(total_j, row["energy_j"]["total"]),
            "without_static": _over(moving_j, dynamic_j(row)),
        }
        for row in rows
        if was_run(row)
    }


def _over(part: float, whole: float) -> float | None:
    return part / whole if whole else None
