"""Numbers for people: four digits, a prefix that fits, and the unit."""

from collections.abc import Sequence

Prefixes = tuple[tuple[float, str], ...]

DECIMAL: Prefixes = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
SMALL: Prefixes = ((1.0, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n"), (1e-12, "p"))
ENERGY: Prefixes = (*DECIMAL, *SMALL[1:])
BINARY: Prefixes = ((2.0**50, "Pi"), (2.0**40, "Ti"), (2.0**30, "Gi"), (2.0**20, "Mi"), (2.0**10, "Ki"), (1.0, ""))
PLAIN: Prefixes = ((1.0, ""),)
NOTHING = "-"


def duration(seconds: float | None) -> str:
    """12.35 ms."""
    return _scaled(seconds, SMALL, "s")


def data(size_bytes: float | None) -> str:
    """1.250 GiB."""
    return _scaled(size_bytes, BINARY, "B")


def capacity(size_bytes: float | None) -> str:
    """8 MiB, or that there is no limit."""
    return "unlimited" if size_bytes is None else data(size_bytes)


def energy(joules: float | None) -> str:
    """3.200 J or 5.1 kJ."""
    return _scaled(joules, ENERGY, "J")


def count(number: float | None, unit: str = "") -> str:
    """6.738 G, or 1.2 PFLOP."""
    return _scaled(number, DECIMAL, unit)


def share(fraction: float | None) -> str:
    """45.3%."""
    return NOTHING if fraction is None else f"{100 * fraction:.1f}%"


def ratio(number: float | None) -> str:
    """1.96x."""
    return NOTHING if number is None else f"{number:.2f}x"


def in_one_unit(numbers: Sequence[float | None], unit: str, prefixes: Prefixes) -> tuple[str, list[str]]:
    """Write numbers that stand together in the unit that suits the largest: give the unit and the texts."""
    largest = max((abs(number) for number in numbers if number is not None), default=0.0)
    scale, prefix = _prefix(largest, prefixes)
    places = _places(largest / scale)
    return prefix + unit, [NOTHING if number is None else f"{number / scale:,.{places}f}" for number in numbers]


def _scaled(number: float | None, prefixes: Prefixes, unit: str) -> str:
    if number is None:
        return NOTHING
    if number == 0:
        return f"0 {unit}".rstrip()
    scale, prefix = _prefix(abs(number), prefixes)
    value = number / scale
    # A whole number is exact, and says so.
    text = str(int(value)) if value == int(value) and abs(value) < 10_000 else f"{value:,.{_places(abs(value))}f}"
    return f"{text} {prefix}{unit}".rstrip()


def _prefix(size: float, prefixes: Prefixes) -> tuple[float, str]:
    # Half of the last digit shown, so that 999.96 kB does not become 1000 kB.
    return next(((scale, prefix) for scale, prefix in prefixes if size >= scale * 0.99995), prefixes[-1])


def _places(size: float) -> int:
    """How many decimals make four digits of a number."""
    return 3 if size < 9.9995 else 2 if size < 99.995 else 1 if size < 999.95 else 0
