"""What routing sends where: of each micro-batch and expert layer, the assignments and the copies per chiplet and group.

A *copy* is a token's vector on its way to one chiplet. With one copy per expert a token travels as often as it is
assigned; with one per chiplet, as often as chiplets hold one of its experts; behind a switch that replicates, once per
group (Mozart, arXiv 2603.07006, section 3.3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hecasim.experts import Kept, Placement

Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Dispatch:
    """One micro-batch of one attention chiplet through one expert layer, in tokens."""

    per_expert: Counts
    """Assignments that each expert computes."""
    assigned: Counts
    """Assignments per chiplet."""
    copies: Counts
    """Distinct tokens per chiplet."""
    group_tokens: Counts
    """Distinct tokens per group."""


def count_dispatch(kept: Kept, placement: Placement, layer: int, tokens: slice) -> Dispatch:
    """Count the *tokens* of one expert layer; what capacity dropped goes nowhere."""
    chosen, mask = kept.routing.chosen[layer, tokens], kept.mask[layer, tokens]
    chiplets, groups = placement.chiplets, placement.groups
    where = placement.chiplet_of[layer][chosen].astype(np.int64)
    rows = np.broadcast_to(np.arange(len(chosen))[:, None], chosen.shape)
    hit = np.zeros((len(chosen), chiplets), dtype=bool)
    hit[rows[mask], where[mask]] = True
    return Dispatch(
        np.bincount(chosen[mask], minlength=kept.routing.experts),
        np.bincount(where[mask], minlength=chiplets),
        hit.sum(axis=0),
        hit.reshape(len(chosen), groups, chiplets // groups).any(axis=2).sum(axis=0),
    )


def copies_per_token(kept: Kept, placement: Placement, per_chiplet: bool) -> float:
    """C_T: copies of a token in dispatch, the mean over tokens and expert layers."""
    routing = kept.routing
    total = 0
    for layer in range(routing.layers):
        found = count_dispatch(kept, placement, layer, slice(None))
        total += int(found.copies.sum() if per_chiplet else found.assigned.sum())
    return total / (routing.layers * routing.tokens)
