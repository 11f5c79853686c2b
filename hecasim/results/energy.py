"""Energy: what was counted times the package's table, after the run (the idea of Accelergy).

Core: multiply-adds and vector operations. SRAM: bytes through its ports. NoP: bytes times links crossed. DRAM: bytes,
and the background power of every channel for the whole step. Static: power of every chiplet and idle power of every
directed link for the whole step. Not priced: routers' own energy (part of the link's), clock tree.
"""

from __future__ import annotations

from hecasim.analytic import Census
from hecasim.mapping.dram import channel_count
from hecasim.specs import PackageSpec

BITS = 8


def background_j(census: Census, package: PackageSpec, step_s: float) -> dict[str, float]:
    """Joules that flow whatever is done: static chiplet and PHY idle (in `static`), DRAM background (in `dram`)."""
    table = package.energy
    chiplets, links = package.topology.rows * package.topology.columns, len(census.link_bytes)
    return {
        "static_chiplet": table.static_w_per_chiplet * chiplets * step_s,
        "phy_idle": table.phy_idle_w_per_link * links * step_s,
        "dram_background": package.memory.background_w_per_channel * channel_count(package) * step_s,
    }


def energy_j(census: Census, package: PackageSpec, step_s: float) -> dict[str, float]:
    """Joules of one step by part; `total` is their sum."""
    table, background = package.energy, background_j(census, package, step_s)
    flops = sum(census.flops.values())
    link_bytes = census.collective_link_bytes + census.memory_link_bytes
    dram_bytes = census.dram_read_bytes + census.dram_write_bytes
    parts = {
        "core": flops // 2 * table.mac_j + census.vector_operations * table.vector_op_j,
        "sram": census.sram_bytes * BITS * table.sram_j_per_bit,
        "nop": link_bytes * BITS * package.link.energy_j_per_bit,
        "dram": dram_bytes * BITS * package.memory.energy_j_per_bit + background["dram_background"],
        "static": background["static_chiplet"] + background["phy_idle"],
    }
    return parts | {"total": sum(parts.values())}
