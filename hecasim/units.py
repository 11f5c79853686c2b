"""Units: "32 GB/s" in a file becomes a plain number in base units, here and nowhere else.

pint's own table makes bits and bytes dimensionless, so "32 GHz" would pass as a bandwidth. The short table below gives
data a dimension, and knows FLOP and MAC. pint is imported at the first quantity, so that --help answers at once.
"""

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any

from pydantic_core import PydanticCustomError, core_schema

PS_PER_S = 10**12
"""Picoseconds per second: simulated time is whole picoseconds."""

if TYPE_CHECKING:
    import pint

DEFINITIONS = """
    pico- = 1e-12 = p-
    nano- = 1e-9 = n-
    micro- = 1e-6 = u-
    milli- = 1e-3 = m-
    kilo- = 1e3 = k-
    mega- = 1e6 = M-
    giga- = 1e9 = G-
    tera- = 1e12 = T-
    peta- = 1e15 = P-
    kibi- = 1024 = Ki-
    mebi- = 1048576 = Mi-
    gibi- = 1073741824 = Gi-
    tebi- = 1099511627776 = Ti-
    second = [time] = s
    hertz = 1 / second = Hz
    bit = [data] = b
    byte = 8 * bit = B
    flop = [computation] = FLOP
    mac = 2 * flop = MAC
    joule = [energy] = J
    watt = joule / second = W
    meter = [length] = m
    square_millimeter = 1e-6 * meter ** 2 = mm2
    square_micrometer = 1e-6 * square_millimeter = um2
    square_centimeter = 100 * square_millimeter = cm2
    dollar = [price] = USD
    defect = [defects]
"""

NUMBER_AND_UNIT = re.compile(
    r"([-+]?\d{1,30}(?:\.\d{1,30})?(?:[eE][-+]?\d{1,3})?) ?([A-Za-z]{1,20}2?(?:/[A-Za-z]{1,20}2?)?)", re.ASCII
)

# What a number is printed in, largest first; the first unit in which it is at least one and short is taken.
PRINTED = {
    "ps": ("s", "ms", "us", "ns", "ps"),
    "B": ("GiB", "MiB", "KiB", "B"),
    "B/s": ("TB/s", "GB/s", "MB/s", "B/s"),
    "Hz": ("GHz", "MHz", "Hz"),
    "FLOP/s": ("TFLOP/s", "GFLOP/s", "FLOP/s"),
    "J/b": ("J/b", "mJ/b", "uJ/b", "nJ/b", "pJ/b"),
    "J": ("J", "mJ", "uJ", "nJ", "pJ"),
    "W": ("W", "mW", "uW"),
    "mm": ("mm", "um"),
    "mm2": ("mm2", "um2"),
    "mm2/MiB": ("mm2/MiB",),
    "USD": ("USD",),
    "USD/mm2": ("USD/mm2",),
    "USD/GiB": ("USD/GiB",),
    "defects/cm2": ("defects/cm2",),
}
UNLIMITED = "unlimited"
LONGEST_NUMBER = 24  # letters of a number before it is written with an exponent
SMALLEST = 1e-12  # the least of a fractional quantity that may not be 0
LARGEST = 10**24  # no physical quantity in base units of this program comes near it


class WrongUnitError(ValueError):
    """A unit that does not exist or measures something else; the text says what was expected."""


@lru_cache(maxsize=1)
def _table() -> "pint.UnitRegistry[Any]":
    import pint

    # Decimal, because in floats 5 ns is 5000.000000000001 ps.
    table: pint.UnitRegistry[Any] = pint.UnitRegistry(None, non_int_type=Decimal)
    table.load_definitions(DEFINITIONS.strip().splitlines())
    return table


@lru_cache(maxsize=1024)
def factor(unit: str, base: str) -> Decimal:
    """How many *base* one *unit* is; WrongUnitError when it is none."""
    import pint

    try:
        return Decimal(_table().Quantity(Decimal(1), unit).to(base).magnitude)
    except pint.DimensionalityError as error:
        raise WrongUnitError(f"expected {error.dim2}") from None
    except Exception:  # a word pint cannot read: not only UndefinedUnitError, also what its grammar trips over
        raise WrongUnitError(f"unknown unit '{unit}'; expected a value") from None


def in_base_units(text: str, base: str) -> int | float:
    """The number that *text* ("32 GB/s") is in *base*; WrongUnitError when it is not a quantity of that kind."""
    match = NUMBER_AND_UNIT.fullmatch(text.strip())
    if not match:
        raise WrongUnitError("expected a number and a unit")
    number = Decimal(match[1]) * factor(match[2], base)
    return int(number) if number == int(number) else float(number)


def as_text(value: int | float | None, base: str) -> str:
    """The shortest exact text of *value*: reading it back with in_base_units gives *value* again; None is unlimited."""
    if value is None:
        return UNLIMITED
    number = Decimal(repr(value))
    units = PRINTED[base]
    if not number:
        return f"0 {base}"
    for unit in units[:-1]:
        scaled = number / factor(unit, base)
        if abs(scaled) >= 1 and scaled * 1000 == int(scaled * 1000):
            return f"{_plain(scaled)} {unit}"
    return f"{_plain(number / factor(units[-1], base))} {units[-1]}"


def mib(size_bytes: int) -> str:
    """A size as messages about SRAM give it."""
    return f"{size_bytes / 2**20:.1f} MiB"


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    if len(text) > LONGEST_NUMBER:
        return str(number.normalize())
    return text.rstrip("0").rstrip(".") if "." in text else text


@dataclass(frozen=True)
class Quantity:
    """What a field accepts. From a file: text in any unit that converts to *base*. From Python: a number in *base*."""

    base: str
    example: str
    whole: bool = True
    least: float = 1
    optional: bool = False  # the word `unlimited`, None in Python

    def read(self, value: Any, info: core_schema.ValidationInfo) -> int | float | None:
        """The value in base units; pydantic calls this for the field."""
        number = self._from_file(value) if info.context else self._from_python(value)
        if number is None:
            return None
        if self.whole and number != int(number):
            raise self._fault(f"expected a whole number of {self.base}")
        if not self.least <= number <= LARGEST:
            bound = "too large; expected a smaller value" if number > LARGEST else "expected more than 0"
            raise self._fault("expected at least 0" if number < 0 and self.least == 0 else bound)
        return int(number) if self.whole else float(number)

    def _from_file(self, value: Any) -> int | float | None:
        if self.optional and value == UNLIMITED:
            return None
        if not isinstance(value, str):
            raise self._fault("expected a number and a unit")
        try:
            return in_base_units(value, self.base)
        except WrongUnitError as error:
            raise self._fault(str(error)) from None

    def _from_python(self, value: Any) -> int | float | None:
        if self.optional and value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self._fault(f"expected a number in {self.base}, or read from a file, text")
        return value

    def _fault(self, expected: str) -> PydanticCustomError:
        about = {"expected": expected, "example": self.example, "word": f" or '{UNLIMITED}'" if self.optional else ""}
        return PydanticCustomError("quantity", "{expected}, such as '{example}'{word}", about)

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.with_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {"type": "string", "examples": [self.example, *([UNLIMITED] if self.optional else [])]}


Ps = Annotated[int, Quantity("ps", "5 ns", least=0)]
PositivePs = Annotated[int, Quantity("ps", "5 ns")]
Bytes = Annotated[int, Quantity("B", "8 MiB")]
BytesOrUnlimited = Annotated[int | None, Quantity("B", "8 MiB", optional=True)]
BytesPerS = Annotated[int, Quantity("B/s", "32 GB/s")]
BytesPerSOrUnlimited = Annotated[int | None, Quantity("B/s", "32 GB/s", optional=True)]
Hz = Annotated[int, Quantity("Hz", "1 GHz")]
FlopPerS = Annotated[int, Quantity("FLOP/s", "10 TFLOP/s")]
Joules = Annotated[float, Quantity("J", "0.5 pJ", whole=False, least=0)]
JoulesPerBit = Annotated[float, Quantity("J/b", "0.5 pJ/b", whole=False, least=0)]
Watts = Annotated[float, Quantity("W", "1 W", whole=False, least=0)]
Millimeters = Annotated[float, Quantity("mm", "300 mm", whole=False, least=0)]
PositiveMm2 = Annotated[float, Quantity("mm2", "60 mm2", whole=False, least=SMALLEST)]
Mm2 = Annotated[float, Quantity("mm2", "1 mm2", whole=False, least=0)]
Mm2PerMib = Annotated[float, Quantity("mm2/MiB", "1 mm2/MiB", whole=False, least=0)]
Usd = Annotated[float, Quantity("USD", "9000 USD", whole=False, least=0)]
UsdPerMm2 = Annotated[float, Quantity("USD/mm2", "0.01 USD/mm2", whole=False, least=0)]
UsdPerGib = Annotated[float, Quantity("USD/GiB", "4 USD/GiB", whole=False, least=0)]
DefectsPerCm2 = Annotated[float, Quantity("defects/cm2", "0.09 defects/cm2", whole=False, least=0)]
