"""What the user says about an axis of a sweep: a list of values or a range, and how many points are drawn."""

import re
from typing import Annotated, Any, Self, TypeAlias

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError, core_schema

from hecasim.specs.spec import Spec, broken_rule
from hecasim.units import NUMBER_AND_UNIT

Value: TypeAlias = "str | int | float | bool"
MOST_VALUES = 100_000
LONGEST_TEXT = 200
SMALLEST, LARGEST = 1e-24, 1e24
"""Ends of a range, in whatever unit: within them ratios and logarithms are finite."""


class _AnyScalar:
    """One value of an axis, as it would stand behind the key in a file."""

    def read(self, value: Any) -> Value:
        """The value as it is; pydantic calls this for the field."""
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            raise PydanticCustomError("axis_value", "expected a shorter text")
        if not isinstance(value, str | int | float | bool):
            raise PydanticCustomError("axis_value", "expected text, a number, true or false")
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {"type": ["string", "number", "boolean"]}


class _Amount(_AnyScalar):
    """An end of a range: a number above 0, or one with a unit."""

    def read(self, value: Any) -> Value:
        """The value as it is; pydantic calls this for the field."""
        number, _ = split(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else (0, "")
        if not SMALLEST <= number <= LARGEST:
            raise PydanticCustomError("amount", "expected a number above 0, with its unit where the key has one")
        assert isinstance(value, int | float | str)
        return value

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {"type": ["string", "number"]}


def split(amount: Value) -> tuple[int | float, str]:
    """Number and unit of 8, 0.5 or "32 GB/s"; (0, "") for any other text."""
    if not isinstance(amount, str):
        return amount, ""
    match = NUMBER_AND_UNIT.fullmatch(amount.strip())
    if match is None:
        return 0, ""
    return (int(match[1]) if re.fullmatch(r"\d+", match[1]) else float(match[1])), match[2]


AnyScalar = Annotated[str | int | float | bool, _AnyScalar()]
Amount = Annotated[str | int | float, _Amount()]
Axis = Annotated[tuple[AnyScalar, ...], Field(strict=False, min_length=1, max_length=MOST_VALUES)]


class RangeSpec(Spec):
    """Values from one end to the other in equal ratios: so many *steps*, or each *factor* times the one before.

    With `steps` both ends are values, and those between have four digits (whole numbers where both ends are).
    With `factor` the last value is the largest that does not exceed `to`. With neither, `sample` draws from it.
    """

    start: Amount = Field(alias="from")
    end: Amount = Field(alias="to")
    steps: Annotated[int, Field(ge=2, le=MOST_VALUES)] | None = None
    factor: Annotated[float, Field(ge=1.001, le=1e12, strict=False)] | None = None

    @model_validator(mode="after")
    def _ends_fit(self) -> Self:
        (low, unit), (high, other) = split(self.start), split(self.end)
        if unit != other:
            raise broken_rule("to", f"expected the unit of from ({unit or 'none'})")
        if not low < high:
            raise broken_rule("to", "expected more than from")
        if self.steps is not None and self.factor is not None:
            raise broken_rule("factor", "expected either steps or factor")
        return self


class SampleSpec(Spec):
    """A Latin hypercube: every axis is cut into as many equal parts as there are points, each part hit once."""

    points: Annotated[int, Field(gt=0, le=MOST_VALUES)]
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
