"""What was measured against what is stored: integers exactly, speed within a factor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hecasim.bench.cases import Integers
from hecasim.bench.stored import Stored
from hecasim.bench.timing import Measured

FACTOR = 2.0
"""A case fails on speed when its ratio exceeds the stored one by this factor: versions of Python, kinds of CPU and
neighbours on the machine move it by some ten percent, a lost fold or one more pass over all events by more."""
SHOWN = 5
"""Wrong integers of one case that are told; the rest are counted."""


def rows(measured: Iterable[Measured], stored: Mapping[str, Stored]) -> list[dict[str, Any]]:
    """The answer's cases: name, whether all integers match, the ratio, and the stored one or None."""
    return [
        {
            "name": one.name,
            "integers_match": one.name in stored and stored[one.name].integers == one.integers,
            "ratio": one.ratio,
            "stored_ratio": stored[one.name].ratio if one.name in stored else None,
        }
        for one in measured
    ]


def failures(measured: Sequence[Measured], stored: Mapping[str, Stored]) -> list[str]:
    """One line per fault, each naming its case and the numbers."""
    faults = []
    for one in measured:
        known = stored.get(one.name)
        if known is None:
            faults.append(f"{one.name}: not stored")
            continue
        faults += [f"{one.name}: {line}" for line in _differences(one.integers, known.integers)]
        if one.ratio > FACTOR * known.ratio:
            faults.append(
                f"{one.name}: takes {one.ratio} bare loops, stored {known.ratio}: "
                f"{one.ratio / known.ratio:.2f} times as long, allowed {FACTOR}"
            )
    gone = stored.keys() - {one.name for one in measured}
    return faults + [f"{name}: stored, but there is no such case" for name in sorted(gone)]


def _differences(ours: Integers, stored: Integers) -> list[str]:
    keys = [key for key in {**stored, **ours} if ours.get(key) != stored.get(key)]
    lines = [f"{key} is {_said(ours.get(key))}, stored {_said(stored.get(key))}" for key in keys[:SHOWN]]
    rest = len(keys) - SHOWN
    return lines + ([f"{rest} more integers differ"] if rest > 0 else [])


def _said(value: int | None) -> str:
    return "missing" if value is None else str(value)
