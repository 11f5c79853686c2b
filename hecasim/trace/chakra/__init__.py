"""Execution traces of MLCommons Chakra: a Trace written per tile for ASTRA-sim, and such traces read."""

from hecasim.trace.chakra.exporting import write_chakra
from hecasim.trace.chakra.importing import read_chakra

__all__ = ["read_chakra", "write_chakra"]
