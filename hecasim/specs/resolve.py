"""A spec written out again: every key, units as text, ready for YAML."""

from typing import Any

from hecasim.specs.spec import Spec, quantity_of
from hecasim.units import as_text


def resolved(spec: Spec) -> dict[str, Any]:
    """What *spec* says, as a file would; loading it gives an equal spec."""
    kind = type(spec)
    return {key: _value(kind, name, getattr(spec, name)) for key, name in kind.keys().items()}


def _value(kind: type[Spec], name: str, value: Any) -> Any:
    quantity = quantity_of(kind, name)
    if quantity is not None:
        return as_text(value, quantity.base)
    return _plain(value)


def _plain(value: Any) -> Any:
    """A value without a unit, with what it holds."""
    if isinstance(value, Spec):
        return resolved(value)
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, tuple) else value
