"""What pydantic found wrong, in sentences: place, value found, what was expected, nearest name."""

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from hecasim.errors import ConfigError, nearest
from hecasim.specs.spec import Spec
from hecasim.specs.study import INLINE, NAMED
from hecasim.specs.tree import Node, Place, found

AnySpec = TypeVar("AnySpec", bound=Spec)

WORDS = {
    "missing": "required key is missing",
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "string_type": "expected text",
    "string_too_short": "expected some text",
    "string_too_long": "expected a shorter text",
    "string_unicode": "expected text without half characters (surrogates)",
    "bool_type": "expected true or false",
    "tuple_type": "expected a list",
    "too_short": "expected at least one entry",
    "dict_type": "expected keys and values",
    "model_type": "expected keys and values",
    "model_attributes_type": "expected keys and values",
}


def validate(tree: Node, kind: type[AnySpec], known: Sequence[str] = ()) -> AnySpec:
    """The spec that *tree* describes; a ConfigError has one line per fault, after those already *known*."""
    faults: list[ErrorDetails] = []
    try:
        spec = kind.model_validate(tree.plain(), context={"file": tree.place.file}, by_alias=True, by_name=False)
        if not known:
            return spec
    except ValidationError as error:
        faults = error.errors(include_url=False)
    raise ConfigError("\n".join([*known, *_sentences(tree, kind, faults)]))


def _sentences(tree: Node, kind: type[Spec], faults: list[ErrorDetails]) -> list[str]:
    told = [_Fault(tree, kind, fault) for fault in faults if fault["type"] != "default_factory_not_called"]
    misspelt = {(fault.node.place, fault.guess) for fault in told if fault.guess}
    return list(dict.fromkeys(fault.sentence() for fault in told if (fault.node.place, fault.missing) not in misspelt))


class _Fault:
    """One fault, brought back to the node it is about."""

    def __init__(self, tree: Node, kind: type[Spec], fault: ErrorDetails) -> None:
        self.type = fault["type"]
        self.message = fault["msg"]
        self.about: dict[str, Any] = fault.get("ctx", {})
        keys = list(fault["loc"])
        if self.type in ("union_tag_invalid", "union_tag_not_found"):
            keys.append("kind")
        if self.type == "rule":
            keys.extend(self.about["key"].split("."))
        self.node, self.spec, self.rest = _walk(tree, kind, keys)
        self.missing = str(self.rest[0]) if self.type == "missing" and self.rest else ""
        self.guess = ""
        if self.type == "extra_forbidden":  # told about the mapping that holds the key
            self.node, self.spec, self.rest = _walk(tree, kind, keys[:-1])
            unknown = str(keys[-1])
            self.rest = [unknown]
            close = difflib.get_close_matches(unknown, list(self.spec.keys()) if self.spec else [], n=1)
            self.guess = close[0] if close else ""

    def sentence(self) -> str:
        if self.type == "extra_forbidden":
            return self._unknown_key()
        place = self.node.place.below(*self.rest)
        if self.rest:
            return place.says(WORDS["missing"] if self.type == "union_tag_not_found" else self._expected())
        return place.says(f"found {found(self.node)}; {self._expected()}")

    def _expected(self) -> str:
        if self.type in ("literal_error", "union_tag_invalid"):
            listed = self.about["expected" if self.type == "literal_error" else "expected_tags"]
            known = re.findall(r"'([^']*)'", listed)
            if not known:
                return f"expected {listed}"
            close = difflib.get_close_matches(str(self.node.value), known, n=1)
            choice = " or ".join(", ".join(f"'{name}'" for name in known).rsplit(", ", 1))
            return f"expected {choice}" + (f"; did you mean '{close[0]}'?" if close and len(known) > 1 else "")
        return WORDS.get(self.type, self.message.replace("Input should be", "expected"))

    def _unknown_key(self) -> str:
        key = str(self.rest[0])
        written = self.node.child(key)
        place = written.place if written else self.node.place.below(key)
        known = list(self.spec.keys()) if self.spec else []
        if place.is_argument and not self.guess and self.spec:
            elsewhere = [path for path in dotted_keys(self.spec) if path.rsplit(".", 1)[-1] == key]
            if elsewhere:
                names = " or ".join(f"'{_joined(self.node.place, path)}'" for path in elsewhere)
                return place.says(f"unknown key; did you mean {names}?")
        return place.says(f"unknown key; {nearest(key, known)}" if known else "unknown key")


def _joined(place: Place, path: str) -> str:
    return path if not place.path else f"{place.path}.{path}"


def _walk(tree: Node, kind: type[Spec] | None, keys: list[Any]) -> tuple[Node, type[Spec] | None, list[str | int]]:
    """The deepest node on the way, the spec it should be, and the keys for which there is no node."""
    node = tree
    for at, key in enumerate(keys):
        tag = node.child("kind")
        if key in (NAMED, INLINE) or (tag is not None and tag.value == key and node.child(key) is None):
            continue  # pydantic's name for a branch of a union, not a key of the file
        child = node.child(key)
        if child is None:
            return node, kind, [one for one in keys[at:] if one not in (NAMED, INLINE)]
        kind = _member(kind, str(key), child)
        node = child
    return node, kind, []


def _member(kind: type[Spec] | None, key: str, node: Node) -> type[Spec] | None:
    """The spec under *key* of *kind*; of several, the one with the `kind` that *node* gives."""
    name = kind.keys().get(key) if kind else None
    if kind is None or name is None:
        return None
    several = list(_specs_in(kind.model_fields[name].annotation))
    given = node.child("kind")
    for one in several:
        if given is not None and "kind" in one.model_fields and given.value in _kinds(one):
            return one
    return several[0] if len(several) == 1 else None


def _kinds(one: type[Spec]) -> tuple[Any, ...]:
    return get_args(one.model_fields["kind"].annotation)


def _specs_in(annotation: Any) -> Iterator[type[Spec]]:
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        yield annotation
    for part in get_args(annotation):
        yield from _specs_in(part)


def dotted_keys(kind: type[Spec]) -> list[str]:
    """Every key below *kind*, by dotted path: what `--set` may name."""
    paths: list[str] = []
    for key, name in kind.keys().items():
        below = [f"{key}.{path}" for one in _specs_in(kind.model_fields[name].annotation) for path in dotted_keys(one)]
        paths.extend(below or [key])
    return list(dict.fromkeys(paths))
