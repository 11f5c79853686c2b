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

__all__ = ["METHODS", "ON_TREES", "Method"]
