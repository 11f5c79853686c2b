"""Area: the silicon of a package and the package around it, from the package's table."""

from __future__ import annotations

from hecasim.mapping.dram import stack_count
from hecasim.specs import PackageSpec


def area_mm2(package: PackageSpec) -> dict[str, float] | None:
    """One compute die, one DRAM die at the edge, all silicon side by side, the package; None without an area table.

    total_silicon = dies x die + channels x io (where channels are not on the dies); package = its ratio x
    total_silicon. DRAM at the edge is not on the package; along a tree its stacks are, and a switch is as large as a
    chiplet.
    """
    if package.area is None:
        return None
    silicon = sum(count * die_mm2 for count, die_mm2 in dies_of(package))
    return {
        "die": package.die_mm2,
        "io": package.io_die_mm2,
        "total_silicon": silicon,
        "package": silicon * package.area.package_over_silicon,
    }


def dies_of(package: PackageSpec) -> list[tuple[int, float]]:
    """How many dies of which area: compute, and where they are dies of their own, DRAM channels."""
    dies = [(package.topology.size, package.die_mm2)]
    return [*dies, (stack_count(package), package.io_die_mm2)] if package.io_die_mm2 else dies
