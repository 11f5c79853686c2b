"""hecasim simulates one training step of a language model on a package of chiplets: this is its public door."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hecasim.results.result import Result
    from hecasim.run import simulate
    from hecasim.specs.loader import load_model, load_package, load_plan

__version__ = "0.1.0"

# The names are looked up on first use, so that `import hecasim` and `hecasim --help` answer at once.
_DOOR = {
    "Result": "hecasim.results.result",
    "load_model": "hecasim.specs.loader",
    "load_package": "hecasim.specs.loader",
    "load_plan": "hecasim.specs.loader",
    "simulate": "hecasim.run",
}

__all__ = ["Result", "load_model", "load_package", "load_plan", "simulate"]


def __getattr__(name: str) -> Any:
    """Import the module behind a name of the door."""
    if name not in _DOOR:
        raise AttributeError(f"module 'hecasim' has no attribute '{name}'")
    return getattr(import_module(_DOOR[name]), name)


def __dir__() -> list[str]:
    """List the door even before anything behind it is imported."""
    return sorted([*globals(), *__all__])
