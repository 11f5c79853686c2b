"""A limit on the tokens an expert takes: which assignments are kept, which dropped.

With capacity factor c an expert takes at most ceil(c x tokens x top_k / experts) tokens of a batch; the first in order
are kept, as in GShard (arXiv 2006.16668) and Switch (arXiv 2101.03961). A token all of whose experts are full passes
its layer by the residual alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from hecasim.errors import ConfigError
from hecasim.experts.routing import Counts, Routing


@dataclass(frozen=True, eq=False)
class Kept:
    """What capacity leaves of a routing: `mask` (layers, tokens, top_k) is true where the assignment is computed."""

    routing: Routing
    mask: NDArray[np.bool_]
    capacity: int | None
    """Tokens an expert takes per batch of tokens; None without a limit."""

    @property
    def dropped(self) -> Counts:
        """Assignments dropped, (layers,)."""
        return np.array([np.count_nonzero(~layer) for layer in self.mask], np.int64)

    def loads(self) -> Counts:
        """Assignments computed per expert, (layers, experts)."""
        numbers = self.routing.chosen + self.routing.experts * np.arange(self.routing.layers)[:, None, None]
        counted = np.bincount(numbers[self.mask], minlength=self.routing.layers * self.routing.experts)
        return counted.reshape(self.routing.layers, self.routing.experts)


def expert_capacity(factor: float, tokens: int, top_k: int, experts: int) -> int:
    """Tokens an expert takes; exact, so that a factor of 1.25 is not 1.2500000001."""
    return -(-Fraction(str(factor)) * tokens * top_k // experts)


def apply_capacity(routing: Routing, factor: float | None, batch: int | None = None) -> Kept:
    """Drop what exceeds the capacity of an expert among every *batch* tokens (default: all together)."""
    if factor is None:
        return Kept(routing, np.ones(routing.chosen.shape, bool), None)
    if not factor > 0:
        raise ConfigError(f"capacity_factor: found {factor}; expected a number above 0")
    batch = routing.tokens if batch is None else batch
    if batch < 1 or routing.tokens % batch:
        raise ConfigError(f"tokens per batch: found {batch}; expected a divisor of the tokens ({routing.tokens})")
    capacity = expert_capacity(factor, batch, routing.top_k, routing.experts)
    batches = routing.chosen.reshape(-1, batch * routing.top_k)
    mask = np.stack([_rank(one, routing.experts) < capacity for one in batches])
    return Kept(routing, mask.reshape(routing.chosen.shape), capacity)


def _rank(chosen: NDArray[np.int16], experts: int) -> NDArray[np.int64]:
    """How many before it in order chose the same expert."""
    order = np.argsort(chosen, kind="stable")
    counts = np.bincount(chosen, minlength=experts)
    begins = np.repeat(np.cumsum(counts) - counts, counts)
    rank = np.empty(len(chosen), np.int64)
    rank[order] = np.arange(len(chosen)) - begins
    return rank
