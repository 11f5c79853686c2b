"""What a filter asks of a point: the value of an input by its key path, in the input's base unit."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

from hecasim.errors import nearest
from hecasim.specs.filters import FilterError, Measured
from hecasim.specs.sentences import dotted_keys
from hecasim.specs.spec import Spec, quantity_of
from hecasim.units import UNLIMITED, WrongUnitError, in_base_units


def measured(
    path: str, given: Mapping[str, Any], kinds: Mapping[str, type[Spec]], load: Callable[[str], Spec]
) -> Measured:
    """The value of *path*: the one *given* by an axis, else that of the spec which *load* gives for its root.

    The value of `package` and `model` is their name.
    Raises FilterError for a key that no input has.
    """
    root, _, rest = path.partition(".")
    rest = rest or "name"
    base = _base(kinds[root], rest, path)
    if path in given:
        return Measured(_in_base(given[path], base, path), base)
    value: Any = load(root)
    for word in rest.split("."):
        if isinstance(value, Spec):
            value = getattr(value, type(value).keys().get(word, ""), None)
        else:
            value = value.get(word) if isinstance(value, Mapping) else None
    if value is not None and not isinstance(value, str | int | float | bool):
        raise FilterError(f"{path}: names several values; expected the key of one")
    return Measured(value, base)


def _in_base(value: Any, base: str, path: str) -> Any:
    if not base:
        return value
    if value == UNLIMITED:
        return None
    try:
        return in_base_units(str(value), base)
    except WrongUnitError as error:
        raise FilterError(f"{path} = {value}: {error}") from None


def _base(kind: type[Spec], rest: str, path: str) -> str:
    """The base unit of a key, "" without one; of several kinds (ideal and systolic cores), the first with the key."""
    first, _, below = rest.partition(".")
    name = kind.keys().get(first)
    if name is not None:
        quantity = quantity_of(kind, name)
        if not below:
            return quantity.base if quantity else ""
        annotation = kind.model_fields[name].annotation
        for one in _specs_in(annotation):
            try:
                return _base(one, below, path)
            except FilterError:
                continue
        if "dict" in str(annotation):
            return ""
    raise FilterError(f"{path}: unknown key; {nearest(rest, dotted_keys(kind))}")


def _specs_in(annotation: Any) -> Iterator[type[Spec]]:
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        yield annotation
    for part in get_args(annotation):
        yield from _specs_in(part)
