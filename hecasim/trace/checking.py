"""Values of a trace file, one by one: the right type, within sane limits, and said in one line where they are not."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from hecasim.errors import nearest

LONGEST_SHOWN = 60
LONGEST_TEXT = 1_000
DEEPEST = 40
LARGEST_SIZE = 2**50
"""Bytes or operations of one task on one tile: a pebibyte is beyond any training step."""
LARGEST_NUMBER = 10**9


class Fault(Exception):
    """What is wrong at a key path of one line; the reader adds the file and the line."""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(path, what)
        self.path, self.what = path, what

    def below(self, key: str) -> Fault:
        """The same fault, seen from one level above."""
        dot = "" if not self.path or self.path.startswith("[") else "."
        return Fault(f"{key}{dot}{self.path}", self.what)


def shown(value: object) -> str:
    """A value of a file as one short line that any terminal can show."""
    try:
        text = json.dumps(value, ensure_ascii=True)
    except (ValueError, RecursionError):  # a number of more digits than Python prints
        text = "a very large number"
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."


def refuse(value: object, expected: str) -> NoReturn:
    """Say what was found and what was expected."""
    raise Fault("", f"found {shown(value)}; expected {expected}")


def whole(value: object, low: int = 0, high: int = LARGEST_NUMBER) -> int:
    """A whole number from *low* to *high*; true, 1.0 and "1" are none."""
    if type(value) is not int or not low <= value <= high:
        refuse(value, f"a whole number from {low} to {high}")
    return value


def truth(value: object) -> bool:
    """Either true or false."""
    if not isinstance(value, bool):
        refuse(value, "true or false")
    return value


def text(value: object) -> str:
    """A short text without control characters."""
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or not (value.isprintable() or not value):
        refuse(value, f"a text of at most {LONGEST_TEXT} printable characters")
    return value


def word(value: object, known: Iterable[str]) -> str:
    """One of the known words; an unknown one is told the nearest of them."""
    names = sorted(known)
    if not isinstance(value, str):
        refuse(value, f"one of {', '.join(names)}")
    if value not in names:
        raise Fault("", f"unknown name {shown(value)}; {nearest(value[:LONGEST_SHOWN], names)}")
    return value


def items(value: object, least: int = 0, most: int = LARGEST_NUMBER) -> list[Any]:
    """A list of *least* to *most* values."""
    if not isinstance(value, list):
        refuse(value, "a list")
    if not least <= len(value) <= most:
        count = f"{least}" if least == most else f"{least} to {most}"
        raise Fault("", f"found {len(value)} values; expected {count}")
    return value


def each(value: object, read: Callable[[Any], Any], least: int = 0, most: int = LARGEST_NUMBER) -> tuple[Any, ...]:
    """Every value of a list, read; a fault names its place."""
    made = []
    for at, one in enumerate(items(value, least, most)):
        try:
            made.append(read(one))
        except Fault as fault:
            raise fault.below(f"[{at}]") from None
    return tuple(made)


def keys(value: object, required: Sequence[str], optional: Iterable[str] = ()) -> dict[str, Any]:
    """A mapping with all *required* keys and no others than these and the *optional* ones."""
    if not isinstance(value, dict):
        refuse(value, "keys and values")
    allowed = {*required, *optional}
    for key in value:
        if key not in allowed:
            raise Fault("", f"unknown key {shown(key)}; {nearest(key[:LONGEST_SHOWN], allowed)}")
    for key in required:
        if key not in value:
            raise Fault(key, "missing")
    return value


def fields(value: Mapping[str, Any], readers: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    """The values that stand under the keys of *readers*, read; keys without a reader are left out."""
    made = {}
    for key, read in readers.items():
        if key in value:
            try:
                made[key] = read(value[key])
            except Fault as fault:
                raise fault.below(key) from None
    return made


def plain(value: object, depth: int = 0) -> Any:
    """Any JSON that is not too deep: finite numbers, text, lists, mappings."""
    if depth > DEEPEST:
        raise Fault("", f"nested more than {DEEPEST} levels deep")
    if isinstance(value, dict):
        for key, one in value.items():
            _at(key if key.isprintable() else shown(key), one, depth)
    elif isinstance(value, list):
        for at, one in enumerate(value):
            _at(f"[{at}]", one, depth)
    elif isinstance(value, float) and not math.isfinite(value):
        refuse(value, "a finite number")
    elif type(value) is int and abs(value) >= 2**128:
        refuse(value, "a number below 2^128")
    return value


def _at(key: str, value: object, depth: int) -> None:
    try:
        plain(value, depth + 1)
    except Fault as fault:
        raise fault.below(key) from None


def parse(line: str) -> dict[str, Any]:
    """One line of JSON as a mapping: no key twice, no NaN, not too deep, no half characters."""
    try:
        value = json.loads(line, object_pairs_hook=_unique, parse_constant=_constant)
    except json.JSONDecodeError as error:
        raise Fault("", f"not JSON: {error.msg} at character {error.colno}") from None
    except RecursionError:
        raise Fault("", f"nested more than {DEEPEST} levels deep") from None
    except ValueError:  # Python's own limit on digits
        raise Fault("", "found a very large number; expected at most 38 digits") from None
    if not isinstance(value, dict):
        refuse(value, 'keys and values, such as {"group": ...}')
    try:
        line.encode("utf-8")
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # an escape such as \ud800 is no character
    except UnicodeEncodeError:
        raise Fault("", "an escape such as \\ud800 is not a character") from None
    except (ValueError, RecursionError):
        raise Fault("", "found a value that JSON cannot hold") from None
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise Fault("", f"key {shown(twice)} stands twice")
    return made


def _constant(name: str) -> NoReturn:
    raise Fault("", f"found {name}; expected a finite number")
