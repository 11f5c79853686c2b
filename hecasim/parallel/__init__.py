"""Parallel methods. To add one: write its table in a file of its own, add its line here."""

from collections.abc import Callable

from hecasim.parallel.hecaton import hecaton
from hecasim.parallel.megatron import megatron, megatron_sp, megatron_torus
from hecasim.parallel.method import Method
from hecasim.parallel.optimus import optimus
from hecasim.registry import Registry
from hecasim.specs import OptionsSpec

METHODS: Registry[Callable[[OptionsSpec], Method]] = Registry(
    "method",
    {
        "megatron": megatron,
        "megatron_sp": megatron_sp,
        "megatron_torus": megatron_torus,
        "optimus": optimus,
        "hecaton": hecaton,
    },
)

ON_TREES = ("mozart",)
"""Methods that place whole modules on the chiplets of a tree instead of cutting operators over a grid."""

EXPERTS_ON_GRIDS = ("expert_parallel",)
"""Methods that place whole experts on the dies of a grid, each of which has its own sequences of the micro-batch."""

BY_MODULE = {
    **dict.fromkeys(ON_TREES, "modules on the chiplets of a tree, experts behind switches (Mozart)"),
    **dict.fromkeys(EXPERTS_ON_GRIDS, "experts on the dies of a grid, tokens sent to them; attention data-parallel"),
}
"""All of these, with a line about each."""

__all__ = ["BY_MODULE", "EXPERTS_ON_GRIDS", "METHODS", "ON_TREES", "Method"]
