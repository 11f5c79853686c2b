"""Axes of a study as combinations of values: every one of the grid, or a Latin hypercube."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias

import numpy as np

from hecasim.errors import ConfigError
from hecasim.specs.axes import MOST_VALUES, RangeSpec, SampleSpec, Value, split
from hecasim.specs.study import StudySpec

DIGITS = 4
EXACT_BELOW = 10**15

Choice: TypeAlias = dict[str, tuple[Value, str]]
"""Axis -> its value in one combination, and the key path of that value in the study."""
Dimension: TypeAlias = "list[Choice] | RangeSpec"


def combinations(study: StudySpec) -> Iterator[Choice]:
    """Every combination before filters, in order; the first axis varies slowest.

    Raises ConfigError where there are more than the study's limit, before any is made.
    """
    dimensions = _dimensions(study)
    if study.sample is not None:
        _within(study, study.sample.points)
        return _hypercube(dimensions, study.sample)
    levels = [one for one in dimensions.values() if not isinstance(one, RangeSpec)]
    assert len(levels) == len(dimensions), "a range without steps is only drawn from"
    _within(study, math.prod(len(one) for one in levels))
    return (_joined(parts) for parts in itertools.product(*levels))


def _within(study: StudySpec, points: int) -> None:
    if points > study.limit:
        raise ConfigError(
            f"{study.name}: limit: {points:,} combinations, and the limit is {study.limit:,}; "
            "expected fewer values, `sample`, or a higher `limit`"
        )


def _dimensions(study: StudySpec) -> dict[str, Dimension]:
    """What varies independently: an axis, or axes that advance together under the first one's name."""
    axes: dict[str, Sequence[Value] | RangeSpec] = dict(study.axes)
    if study.methods:
        axes["plan.method"] = study.methods
    group_of = {key: group for group in study.zipped for key in group}
    dimensions: dict[str, Dimension] = {}
    for key, axis in axes.items():
        group = group_of.get(key, (key,))
        first = next(one for one in axes if one in group)
        if first in dimensions:
            continue
        if len(group) == 1 and isinstance(axis, RangeSpec) and axis.steps is None and axis.factor is None:
            dimensions[key] = axis
            continue
        columns = {one: levels(one, axes[one]) for one in group}
        lengths = {one: len(column) for one, column in columns.items()}
        if len(set(lengths.values())) > 1:
            found = ", ".join(f"{one} {length}" for one, length in lengths.items())
            raise ConfigError(f"{study.name}: zip: found axes of different lengths: {found}; expected equal ones")
        rows = zip(*columns.values(), strict=True)
        dimensions[first] = [
            {one: (value, _place(one, axes[one], at)) for one, value in zip(columns, row, strict=True)}
            for at, row in enumerate(rows)
        ]
    return dimensions


def _place(key: str, axis: Sequence[Value] | RangeSpec, at: int) -> str:
    return f"axes.{key}" if isinstance(axis, RangeSpec) else f"axes.{key}[{at}]"


def levels(key: str, axis: Sequence[Value] | RangeSpec) -> list[Value]:
    """The values of an axis; those of a range are computed."""
    if not isinstance(axis, RangeSpec):
        return list(axis)
    (low, _), (high, _) = split(axis.start), split(axis.end)
    if axis.steps is not None:
        inner = [_between(axis, at / (axis.steps - 1)) for at in range(1, axis.steps - 1)]
        return list(dict.fromkeys([axis.start, *inner, axis.end]))
    if axis.factor is None:
        raise ConfigError(f"axes.{key}: expected steps or factor in a range that advances together with another axis")
    if math.log(high / low) / math.log(axis.factor) > MOST_VALUES:
        raise ConfigError(f"axes.{key}.factor: more than {MOST_VALUES:,} values; expected a larger factor")
    values, number, factor = [axis.start], Decimal(repr(low)), Decimal(repr(axis.factor))
    while (number := number * factor) <= Decimal(repr(high)):
        values.append(_written(number, axis))
    return list(dict.fromkeys(values))


def _between(axis: RangeSpec, share: float) -> Value:
    """The value at a *share* of the way, in equal ratios."""
    (low, _), (high, _) = split(axis.start), split(axis.end)
    return _written(Decimal(repr(low * (high / low) ** share)), axis)


def _written(number: Decimal, axis: RangeSpec) -> Value:
    """A number as the axis writes them: whole where both ends are and no unit follows, else four digits."""
    (low, unit), (high, _) = split(axis.start), split(axis.end)
    if not unit and isinstance(low, int) and isinstance(high, int):
        return round(number)
    if number != int(number) or number > EXACT_BELOW:
        number = Decimal(f"{number:.{DIGITS - 1}e}")
    text = f"{number.normalize():f}"
    return f"{text} {unit}" if unit else float(text)


def _hypercube(dimensions: Mapping[str, Dimension], sample: SampleSpec) -> Iterator[Choice]:
    """Points of a Latin hypercube; where values are few, equal ones are given once."""
    draw = np.random.default_rng(sample.seed)
    shares = [(draw.permutation(sample.points) + draw.random(sample.points)) / sample.points for _ in dimensions]
    seen: set[tuple[Value, ...]] = set()
    for at in range(sample.points):
        choice = _joined(
            [_at(key, one, float(share[at])) for (key, one), share in zip(dimensions.items(), shares, strict=True)]
        )
        values = tuple(value for value, _ in choice.values())
        if values not in seen:
            seen.add(values)
            yield choice


def _at(key: str, dimension: Dimension, share: float) -> Choice:
    if isinstance(dimension, RangeSpec):
        return {key: (_between(dimension, share), f"axes.{key}")}
    return dimension[min(int(share * len(dimension)), len(dimension) - 1)]


def _joined(parts: Sequence[Choice]) -> Choice:
    return {key: value for part in parts for key, value in part.items()}
