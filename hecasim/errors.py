"""What hecasim says when something is wrong; each kind of trouble has its exit code."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Any


class HecasimError(Exception):
    """Any trouble with a known cause: the command line prints it without a traceback."""

    exit_code = 1


class ConfigError(HecasimError):
    """The input is wrong: one line per fault."""

    exit_code = 2


class InfeasiblePlan(HecasimError):
    """The plan does not fit the package; says what ran out and which inputs would help."""

    exit_code = 3

    def __init__(
        self, resource: str, needed: int | float | str, available: int | float | str, levers: Sequence[str] = ()
    ) -> None:
        self.resource = resource
        self.needed = needed
        self.available = available
        self.levers = list(levers)
        sentence = f"{resource}: needed {_amount(needed)}, available {_amount(available)}"
        if self.levers:
            sentence += "; what would help: " + "; ".join(self.levers)
        super().__init__(sentence)

    def __reduce__(self) -> tuple[Any, ...]:
        """Let the error cross from a worker process: by default only its sentence would."""
        return type(self), (self.resource, self.needed, self.available, self.levers)


class Stalled(HecasimError):
    """The run stopped before its end: who waits for what."""

    exit_code = 4


class CheckFailed(HecasimError):
    """A comparison against reference data or stored numbers failed."""

    exit_code = 5


def nearest(word: str, known: Iterable[str]) -> str:
    """How an error about an unknown word ends: a guess, or all there is to choose from."""
    names = sorted(known)
    guess = difflib.get_close_matches(word, names, n=1)
    return f"did you mean '{guess[0]}'?" if guess else f"known: {', '.join(names)}"


def _amount(value: int | float | str) -> str:
    return value if isinstance(value, str) else f"{value:,}"
