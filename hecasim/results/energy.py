"""Energy: what was counted times the package's table, after the run (the idea of Accelergy).

Core: multiply-adds and vector operations. SRAM: bytes through its ports, over the link to the SRAM's own die too where
there is one. NoP: bytes times links crossed. DRAM: bytes, and the background power of every stack for the whole step.
Static: power of every chiplet and switch and idle power of every directed link for the whole step. Not priced: routers'
own energy (part of the link's), clock tree, the sums of switches.
"""

from __future__ import annotations

from hecasim.analytic import Census
from hecasim.mapping.dram import stack_count
from hecasim.mapping.links import link_table
from hecasim.specs import PackageSpec
from hecasim.topologies import topology_of

BITS = 8


def background_j(census: Census, package: PackageSpec, step_s: float) -> dict[str, float]:
    """Joules that flow whatever is done: static chiplet and PHY idle (in `static`), DRAM background (in `dram`)."""
    table = package.energy
    chiplets, links = package.topology.cores, len(census.link_bytes)
    switches_w = package.switch.static_w * package.topology.switches if package.switch is not None else 0.0
    return {
        "static_chiplet": (table.static_w_per_chiplet * chiplets + switches_w) * step_s,
        "phy_idle": table.phy_idle_w_per_link * links * step_s,
        "dram_background": package.memory.background_w_per_channel * stack_count(package) * step_s,
    }


def _links_j(census: Census, package: PackageSpec) -> float:
    """Every byte on every link it crosses; where root links are of another kind, link by link."""
    if package.root_link is None:
        return (census.collective_link_bytes + census.memory_link_bytes) * BITS * package.link.energy_j_per_bit
    carried: dict[float, int] = {}
    for row, size_bytes in zip(link_table(package, topology_of(package.topology)), census.link_bytes, strict=True):
        carried[row.j_per_bit] = carried.get(row.j_per_bit, 0) + int(size_bytes)
    return sum(size_bytes * BITS * each for each, size_bytes in sorted(carried.items()))


def energy_j(census: Census, package: PackageSpec, step_s: float) -> dict[str, float]:
    """Joules of one step by part; `total` is their sum."""
    table, background = package.energy, background_j(census, package, step_s)
    flops = sum(census.flops.values())
    dram_bytes = census.dram_read_bytes + census.dram_write_bytes
    parts = {
        "core": flops // 2 * table.mac_j + census.vector_operations * table.vector_op_j,
        "sram": census.sram_bytes * BITS * (table.sram_j_per_bit + table.sram_link_j_per_bit),
        "nop": _links_j(census, package),
        "dram": dram_bytes * BITS * package.memory.energy_j_per_bit + background["dram_background"],
        "static": background["static_chiplet"] + background["phy_idle"],
    }
    return parts | {"total": sum(parts.values())}
