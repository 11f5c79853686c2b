"""A parallel method is a table: which axes cut which loop index of which operator, and how exchanges are realised."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hecasim.parallel.layout import CutTable
from hecasim.specs import OptionsSpec

HEADS = ("kv", "group")
TOKENS = ("b", "s")
RING = {
    "all_gather": "ring.all_gather",
    "reduce_scatter": "ring.reduce_scatter",
    "all_reduce": "ring.all_reduce",
    "all_to_all": "direct.all_to_all",
}


def _any_grid(rows: int, columns: int) -> str | None:  # noqa: ARG001 - the shape of every objection
    return None


@dataclass(frozen=True)
class Method:
    """How one method splits a transformer.

    `cuts` has a table per *operator family* (see `FAMILIES`); `rests` per tensor whose resting layout differs
    from the first need; `algorithms` names a collective per kind of exchange, `whole_grid` overrides it
    where the group is the whole grid; `weight_gradients_settle` says whether partial weight gradients are
    summed once per step or after every micro-batch; `objection` says why a grid does not suit, or nothing.
    """

    name: str
    summary: str
    cuts: Mapping[str, CutTable]
    rests: Mapping[str, CutTable] = field(default_factory=dict)
    algorithms: Mapping[str, str] = field(default_factory=lambda: RING)
    whole_grid: Mapping[str, str] = field(default_factory=dict)
    rounds: bool = False
    """Gathered operands arrive in rounds through a double-buffered tile (SUMMA), not whole."""
    weight_gradients_settle: str = "update"
    objection: Callable[[int, int], str | None] = _any_grid

    def algorithm(self, kind: str, whole: bool) -> str:
        return self.whole_grid.get(kind, self.algorithms[kind]) if whole else self.algorithms[kind]


FAMILIES = {
    "norm_statistics": "rows",
    "norm": "rows",
    "residual": "rows",
    "embedding": "rows",
    "query_projection": "query",
    "key_projection": "key",
    "value_projection": "key",
    "attention_core": "core",
    "output_projection": "attention_output",
    "gate_projection": "expand",
    "up_projection": "expand",
    "activation": "activation",
    "down_projection": "contract",
    "head_projection": "head",
    "loss_statistics": "loss",
    "loss": "loss",
}
"""Operators that every method cuts alike share a family, so that a method is a short table."""


def key_features(options: OptionsSpec) -> tuple[str, ...]:
    """Features of K and V: `replicate` runs the projection in copies over `group`, `gather` cuts the head instead."""
    return ("kv", "group", "e") if options.kv == "replicate" else ("kv", "e")


def on(axes: tuple[str, ...], indices: tuple[str, ...]) -> CutTable:
    """Every axis of *axes* in turn cuts *indices*."""
    return tuple((axis, indices) for axis in axes)
