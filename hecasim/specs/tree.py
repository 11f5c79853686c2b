"""A file as nested nodes, each of which knows where it was written; merging keeps that knowledge."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

from hecasim.errors import ConfigError

Scalar: TypeAlias = str | int | float | bool | None

LONGEST_SHOWN = 60
DEEPEST = 40


@dataclass(frozen=True)
class Place:
    """Where a value was written: a line of a file, an argument of the command line, or a mapping made in Python."""

    file: str
    line: int = 0
    path: str = ""
    is_argument: bool = False

    def below(self, *keys: str | int, line: int | None = None) -> "Place":
        """The place of a key below this one."""
        path = self.path
        for key in keys:
            path += f"[{key}]" if isinstance(key, int) else f".{printable(str(key))}" if path else printable(str(key))
        return replace(self, path=path, line=self.line if line is None else line)

    def says(self, what: str) -> str:
        """One fault, in one line."""
        if self.is_argument:
            shown = "" if self.file.endswith((f".{self.path}", f" {self.path}")) else f"{self.path}: "
            return f"{self.file}: {shown}{what}"
        if not self.line:
            return f"{self.file}: {self.path}: {what}" if self.path else f"{self.file}: {what}"
        return f"{self.file}:{self.line}: {self.path or 'file'}: {what}"


@dataclass(frozen=True)
class Node:
    """A value with the place it was written at; `text` is what was written there."""

    value: "Scalar | dict[str, Node] | list[Node]"
    place: Place
    text: str = ""

    @property
    def keys(self) -> "dict[str, Node]":
        """The keys of a mapping; nothing for any other value."""
        return self.value if isinstance(self.value, dict) else {}

    def child(self, key: str | int) -> "Node | None":
        """What stands under a key or at a position; None where nothing does."""
        if isinstance(self.value, list):
            return self.value[key] if isinstance(key, int) and key < len(self.value) else None
        return self.keys.get(str(key))

    def with_keys(self, changes: "Mapping[str, Node]") -> "Node":
        """The same mapping with some keys new or replaced."""
        return replace(self, value={**self.keys, **changes})

    def plain(self) -> Any:
        """The value without its places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        return [node.plain() for node in self.value] if isinstance(self.value, list) else self.value


def printable(text: str) -> str:
    """*text* as one short line that any terminal can show."""
    one_line = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
    return one_line if len(one_line) <= LONGEST_SHOWN else one_line[: LONGEST_SHOWN - 3] + "..."


def from_python(value: Any, place: Place, depth: int = 0) -> Node:
    """A mapping made in Python, as if it had been read from a file."""
    if depth > DEEPEST:
        raise ConfigError(place.says(f"nested more than {DEEPEST} levels deep"))
    if isinstance(value, Node):
        return value
    if isinstance(value, Mapping):
        return Node({str(key): from_python(one, place.below(str(key)), depth + 1) for key, one in value.items()}, place)
    if isinstance(value, list | tuple):
        return Node([from_python(one, place.below(at), depth + 1) for at, one in enumerate(value)], place)
    if value is None or isinstance(value, str | int | float | bool):
        return Node(value, place, shown(value))
    raise ConfigError(place.says(f"found {type(value).__name__}; expected text, a number, a list or a mapping"))


def found(node: Node) -> str:
    """What a sentence says was found at a node."""
    if isinstance(node.value, dict):
        return "keys and values"
    return "a list" if isinstance(node.value, list) else printable(node.text) or "nothing"


def shown(value: Scalar) -> str:
    """A Python scalar as it would be written in a file; text stands as it is."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


class Tied(NamedTuple):
    """Keys whose meaning hangs on the `kind` beside them, unless old and new kind are *alike*."""

    keys: frozenset[str]
    alike: frozenset[str] = frozenset()


def merge(base: Node, over: Node, tied: Mapping[str, Tied], path: str = "") -> Node:
    """*base* with the keys of *over* on top; keys tied to a `kind` fall away when *over* gives another kind."""
    if not isinstance(base.value, dict) or not isinstance(over.value, dict):
        return over
    kept = base.value
    old, new = kept.get("kind"), over.value.get("kind")
    kinds = {node.value for node in (old, new) if node is not None and not isinstance(node.value, dict | list)}
    new_kind = old is not None and new is not None and len(kinds) > 1
    if new_kind and path in tied and not kinds <= tied[path].alike:
        kept = {key: node for key, node in kept.items() if key not in tied[path].keys}
    merged = dict(kept)
    for key, node in over.value.items():
        below = f"{path}.{key}" if path else key
        merged[key] = merge(kept[key], node, tied, below) if key in kept else node
    # A key still missing is told where the reader can write it: in the file, unless the argument changed the kind.
    place = base.place if over.place.is_argument and not new_kind else over.place
    return Node(merged, place)
