"""Regression benchmarks: fixed cases whose integers must repeat exactly and whose speed is a ratio to bare SimPy."""

from hecasim.bench.cases import CASES, Case
from hecasim.bench.compare import FACTOR, failures, rows
from hecasim.bench.stored import read_stored, stored_document
from hecasim.bench.timing import Measured, measure

__all__ = ["CASES", "FACTOR", "Case", "Measured", "failures", "measure", "read_stored", "rows", "stored_document"]
