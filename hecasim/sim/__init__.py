"""The live package: SimPy processes that replay a Trace and leave a Log."""

from hecasim.sim.replay import replay, seldom_collected

__all__ = ["replay", "seldom_collected"]
