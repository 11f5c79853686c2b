"""Cost: dies from wafers, what bad dies and bad bonds throw away, the package and the DRAM.

Not priced: design, masks, test, cooling, boards.
"""

from __future__ import annotations

import math

from hecasim.mapping.dram import dram_capacity_bytes
from hecasim.results.area import area_mm2, dies_of
from hecasim.specs import PackageSpec

GIB = 2**30


def yields(package: PackageSpec) -> dict[str, float] | None:
    """Shares that are good: of compute dies, and of packages, which are good when every bond is.

    package = bond_yield^dies, as Chiplet Actuary (Feng and Ma, DAC 2022) has for known good dies put on one by one.
    """
    if package.cost is None:
        return None
    bonds = sum(count for count, _ in dies_of(package))
    return {"die": package.cost.die_yield(package.die_mm2), "package": package.cost.bond_yield**bonds}


def cost_usd(package: PackageSpec) -> dict[str, float] | None:
    """Dollars of one good package by part; `total` is their sum. None without a cost table.

    die = sum of wafer price / dies per wafer, as if all were good. package = its area x price. memory = GiB x price.
    A known good die costs die / die yield; a bad bond loses the dies and the package: what both add is `yield`:
    (sum of known good dies + package) / package yield - die - package, written as the two losses it is made of.
    DRAM is added to good packages.
    """
    table, area, good = package.cost, area_mm2(package), yields(package)
    if table is None or area is None or good is None:
        return None
    dies = [(count * table.wafer_usd / table.dies_per_wafer(size), table.die_yield(size))
            for count, size in dies_of(package)]  # fmt: skip
    raw = math.fsum(usd for usd, _ in dies)
    bad_dies = math.fsum(usd * (1 / share - 1) for usd, share in dies)
    substrate = area["package"] * table.packaging_usd_per_mm2
    parts = {
        "die": raw,
        "yield": bad_dies + (raw + bad_dies + substrate) * (1 / good["package"] - 1),
        "package": substrate,
        "memory": (dram_capacity_bytes(package) or 0) / GIB * package.memory.price_usd_per_gib,
    }
    return parts | {"total": sum(parts.values())}
