"""The papers' tables beside ours: every claim with the published figure, ours and the gap, and what was assumed."""

from collections.abc import Callable

from hecasim.registry import Registry
from hecasim.reproduce.comparison import Reproduction, Row
from hecasim.reproduce.mozart import mozart

__all__ = ["PAPERS", "Reproduction", "Row"]

PAPERS: Registry[Callable[..., Reproduction]] = Registry("paper", {"mozart": mozart})
