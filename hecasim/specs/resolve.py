"""A spec written out again: every key, units as text, ready for YAML."""

from typing import Any

from hecasim.specs.spec import Spec, quantity_of
from hecasim.units import UNLIMITED, as_text


def resolved(spec: Spec) -> dict[str, Any]:
    """What *spec* says, as a file would; loading it gives an equal spec."""
    kind = type(spec)
    return {key: _value(kind, name, getattr(spec, name)) for key, name in kind.keys().items()}


def _value(kind: type[Spec], name: str, value: Any) -> Any:
    quantity = quantity_of(kind, name)
    if quantity is not None:
        return UNLIMITED if value is None else as_text(value, quantity.base)
    if isinstance(value, Spec):
        return resolved(value)
    if isinstance(value, dict):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value
