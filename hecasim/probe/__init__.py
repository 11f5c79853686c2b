"""One component alone, by the classes that a run uses."""

from hecasim.probe.collective import probe_collective

__all__ = ["probe_collective"]
