"""Closed forms without events: counts, lower bounds per resource, and the lowest rung of fidelity."""

from hecasim.analytic.census import Census, take_census
from hecasim.analytic.path import estimate

__all__ = ["Census", "estimate", "take_census"]
