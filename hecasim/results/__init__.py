"""From the Log to the Result: every printed number is computed here, after the run."""

from hecasim.results.result import Result, summarize

__all__ = ["Result", "summarize"]
