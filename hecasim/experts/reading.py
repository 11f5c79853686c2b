"""Text of a file of ours as checked JSON: what is wrong is told by file, line and key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from hecasim.errors import ConfigError, nearest
from hecasim.specs.find import shown
from hecasim.specs.tree import Place, printable

LARGEST_FILE = 1 << 30


def read_bytes(path: Path) -> bytes:
    """The bytes of a file; ConfigError where it cannot be read or is no data of ours by its size."""
    place = Place(shown(path))
    try:
        if not path.is_file():
            raise ConfigError(place.says("no such file" if not path.exists() else "not a file"))
        if path.stat().st_size > LARGEST_FILE:
            raise ConfigError(place.says(f"larger than {LARGEST_FILE >> 30} GiB; expected recorded routing"))
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(place.says(f"cannot be read: {error.strerror or error}")) from None


def as_text(data: bytes, path: Path) -> str:
    """UTF-8 text."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError(Place(shown(path), line).says("not UTF-8")) from None


def parse(text: str, place: Place) -> dict[str, Any]:
    """One JSON object without repeated keys or numbers that are none."""
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse)
    except _Fault as fault:
        raise ConfigError(place.says(str(fault))) from None
    except RecursionError:
        raise ConfigError(place.says("nested too deep")) from None
    except json.JSONDecodeError as error:
        raise ConfigError(place.says(f"not JSON: {error.msg}")) from None
    except ValueError:  # a whole number of thousands of digits
        raise ConfigError(place.says("found a number that is too long")) from None
    if not isinstance(value, dict):
        raise ConfigError(place.says("expected an object, such as {...}"))
    return value


class _Fault(Exception):
    """What is wrong with a value that Python would accept."""


def _refuse(word: str) -> NoReturn:
    raise _Fault(f"found {word}; expected a number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    whole = dict(pairs)
    if len(whole) < len(pairs):
        twice = next(key for at, (key, _) in enumerate(pairs) if key in dict(pairs[:at]))
        raise _Fault(f"{printable(twice)}: key given twice")
    return whole


def check_keys(page: dict[str, Any], required: tuple[str, ...], place: Place, optional: tuple[str, ...] = ()) -> None:
    """ConfigError about a key that is missing or unknown."""
    for key in page:
        if key not in (*required, *optional):
            raise ConfigError(place.below(printable(key)).says(f"unknown key; {nearest(key, (*required, *optional))}"))
    for key in required:
        if key not in page:
            raise ConfigError(place.below(key).says("required key is missing"))


def whole(page: dict[str, Any], key: str, place: Place, least: int, most: int) -> int:
    """A whole number within limits."""
    value = page[key]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        found = printable(json.dumps(value))
        raise ConfigError(place.below(key).says(f"found {found}; expected a whole number from {least} to {most}"))
    return value


def word(page: dict[str, Any], key: str, place: Place, expected: str | None = None) -> str:
    """Some text; the *expected* one where there is one."""
    value = page[key]
    if not isinstance(value, str) or (expected is not None and value != expected):
        what = f"'{expected}'" if expected is not None else "text"
        raise ConfigError(place.below(key).says(f"found {printable(json.dumps(value))}; expected {what}"))
    return value
