"""The stored file: what every case gave when its numbers were last reviewed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hecasim.bench.cases import Integers
from hecasim.bench.timing import Measured
from hecasim.errors import ConfigError

STORED = Path(__file__).with_name("stored.json")
SCHEMA = "hecasim.bench/1"
AGAIN = "`hecasim bench --update` writes it anew"


@dataclass(frozen=True)
class Stored:
    """The numbers of one case."""

    ratio: float
    integers: Integers


def stored_document(measured: Iterable[Measured]) -> dict[str, Any]:
    """What the stored file says of these."""
    return {"schema": SCHEMA, "cases": {one.name: {"ratio": one.ratio, "integers": one.integers} for one in measured}}


def read_stored(path: Path) -> dict[str, Stored]:
    """Every stored case by its name; nothing where no file stands.

    Raises ConfigError where the file is not one that `--update` wrote.
    """
    if not path.exists():
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ConfigError(f"{path}: no JSON ({error}); {AGAIN}") from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        found = document.get("schema") if isinstance(document, dict) else type(document).__name__
        raise ConfigError(f"{path}: schema: found {found!r}, expected {SCHEMA!r}; {AGAIN}")
    cases = document.get("cases")
    if not isinstance(cases, dict):
        raise ConfigError(f"{path}: cases: found {cases!r}, expected a mapping; {AGAIN}")
    return {name: _case(case, f"{path}: cases.{name}") for name, case in cases.items()}


def _case(case: Any, where: str) -> Stored:
    case = case if isinstance(case, dict) else {}
    ratio, integers = case.get("ratio"), case.get("integers")
    if isinstance(ratio, bool) or not isinstance(ratio, int | float) or not ratio > 0:
        raise ConfigError(f"{where}.ratio: found {ratio!r}, expected a number above 0; {AGAIN}")
    if not isinstance(integers, dict) or not all(type(value) is int for value in integers.values()):
        raise ConfigError(f"{where}.integers: found {integers!r}, expected whole numbers; {AGAIN}")
    return Stored(float(ratio), integers)
