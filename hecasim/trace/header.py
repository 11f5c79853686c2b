"""The first line of a trace file: what it is, for which grid, with which options, how much follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from hecasim.mapping.ports import DRAM_MAPS
from hecasim.trace.checking import LARGEST_SIZE, Fault, each, fields, keys, plain, refuse, shown, text, whole, word
from hecasim.trace.fields import LARGEST_TASKS, LARGEST_TILES

SCHEMA = "hecasim.trace/1"
LARGEST_PLAYS = 2 * 10**6
LARGEST_SIDE = 4096
LARGEST_LEAD = 64

OPTIONS: dict[str, Callable[[Any], Any]] = {
    "ring": lambda value: word(value, ("unidirectional", "bidirectional")),
    "colours": lambda value: word(value, ("sequential", "two")),
    "chunks": lambda value: whole(value, 1),
    "segment_bytes": lambda value: whole(value, 1, LARGEST_SIZE),
    "dram_map": lambda value: word(value, DRAM_MAPS),
    "element_bytes": lambda value: whole(value, 1, 64),
    "lead": lambda value: whole(value, 1, LARGEST_LEAD),
}
NEEDED_OPTIONS = ("segment_bytes", "dram_map", "element_bytes")


class Header(NamedTuple):
    """What the first line says."""

    rows: int
    columns: int
    options: dict[str, Any]
    about: dict[str, Any]
    kinds: int
    passages: int
    plays: int


def _sizes(value: object) -> dict[str, int]:
    if not isinstance(value, dict):
        refuse(value, "keys and values")
    return fields(value, dict.fromkeys(value, lambda size: whole(size, 0, 2**63)))


def _hash(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 128 or not value.isalnum():
        refuse(value, "a hash of letters and digits")
    return value


def _hashes(value: object) -> dict[str, str]:
    names = ("package", "model", "plan")
    return fields(keys(value, (), names), dict.fromkeys(names, _hash))


def _inputs(value: object) -> Any:
    given = keys(value, ("model", "plan"))
    for name, one in given.items():
        if not isinstance(one, dict):
            raise Fault(name, "expected keys and values")
    return plain(value)


ABOUT: dict[str, Callable[[Any], Any]] = {
    "package": text, "model": text, "method": text, "layers": whole, "token_tile": whole, "micro_batch": whole,
    "batch": whole, "sequence": whole, "model_flops": lambda value: whole(value, 0, 2**127),
    "dram_by_class": _sizes, "sram_estimate_bytes": lambda value: whole(value, 0, 2**63),
    "remarks": lambda value: list(each(value, text)), "notes": lambda value: list(each(value, text)),
    "inputs": _inputs,
}  # fmt: skip
"""Entries that a Result uses; others are kept as they are."""
NEEDED_WITH_INPUTS = (
    "token_tile", "micro_batch", "model_flops", "dram_by_class", "sram_estimate_bytes", "remarks", "notes",
)  # fmt: skip


def read_header(line: dict[str, Any]) -> Header:
    """The header of a line."""
    if "schema" not in line:
        raise Fault("schema", f'missing; expected a trace that begins with {{"schema":"{SCHEMA}",...}}')
    if line["schema"] != SCHEMA:
        raise Fault("schema", f'found {shown(line["schema"])}; this version of hecasim reads "{SCHEMA}"')
    needed = ("schema", "rows", "columns", "options", "about", "kinds", "passages", "plays")
    made = fields(keys(line, needed, ("version", "hashes")), {
        "version": text, "hashes": _hashes, "rows": _side, "columns": _side, "options": read_options, "about": _about,
        "kinds": lambda count: whole(count, 1, LARGEST_TASKS), "passages": lambda count: whole(count, 1, LARGEST_TASKS),
        "plays": lambda count: whole(count, 1, LARGEST_PLAYS),
    })  # fmt: skip
    tiles = made["rows"] * made["columns"]
    if tiles > LARGEST_TILES:
        raise Fault("rows", f"{made['rows']} x {made['columns']} are {tiles} tiles; expected at most {LARGEST_TILES}")
    about = made["about"] | {key: made[key] for key in ("version", "hashes") if key in made}
    return Header(made["rows"], made["columns"], made["options"], about, made["kinds"], made["passages"], made["plays"])


def _side(value: object) -> int:
    return whole(value, 1, LARGEST_SIDE)


def read_options(value: object) -> dict[str, Any]:
    """The options of a replay: all that are needed, none that is unknown."""
    return fields(keys(value, NEEDED_OPTIONS, OPTIONS), OPTIONS)


def _about(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        refuse(value, "keys and values")
    for key in ("version", "hashes"):
        if key in value:
            raise Fault(key, "stands in the header itself, not in about")
    if "inputs" in value:
        for key in NEEDED_WITH_INPUTS:
            if key not in value:
                raise Fault(key, "missing; a trace that remembers its inputs needs it")
    plain(value)
    return value | fields(value, ABOUT)
