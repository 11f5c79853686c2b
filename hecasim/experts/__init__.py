"""Where experts live and which tokens go to them: routing, its statistics, and placements."""

from hecasim.experts.capacity import Kept, apply_capacity
from hecasim.experts.layer_cost import Weights
from hecasim.experts.placed import Placement, Site
from hecasim.experts.placement import PLACEMENTS, Options, place
from hecasim.experts.presets import ROUTERS, router_for
from hecasim.experts.routing import Routing
from hecasim.experts.synthetic import Router, draw

__all__ = [
    "PLACEMENTS",
    "ROUTERS",
    "Kept",
    "Options",
    "Placement",
    "Router",
    "Routing",
    "Site",
    "Weights",
    "apply_capacity",
    "draw",
    "place",
    "router_for",
]
