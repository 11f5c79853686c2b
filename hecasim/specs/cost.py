"""What the user says about money: wafers, defects, packaging. The price of DRAM stands with the memory."""

import math
from typing import Annotated

from pydantic import Field

from hecasim.specs.spec import Spec
from hecasim.units import DefectsPerCm2, Millimeters, Usd, UsdPerMm2

MM2_PER_CM2 = 100
Yield = Annotated[float, Field(gt=0, le=1)]
Clustering = Annotated[float, Field(gt=0, le=10**6)]


class CostSpec(Spec):
    """Prices and yields; what follows from them for one die; a package's cost is in `results/cost.py`."""

    wafer_diameter_mm: Millimeters = Field(alias="wafer_diameter")
    wafer_edge_mm: Millimeters = Field(default=0.0, alias="wafer_edge")
    scribe_mm: Millimeters = Field(default=0.0, alias="scribe")
    wafer_usd: Usd = Field(alias="wafer_price")
    defects_per_cm2: DefectsPerCm2 = Field(alias="defect_density")
    clustering: Clustering
    packaging_usd_per_mm2: UsdPerMm2 = Field(alias="packaging_price")
    bond_yield: Yield

    @property
    def usable_diameter_mm(self) -> float:
        """The wafer without its edge."""
        return self.wafer_diameter_mm - 2 * self.wafer_edge_mm

    def dies_per_wafer(self, die_mm2: float) -> int:
        """Whole square dies: pi d^2 / 4 S - pi d / sqrt(2 S), S = (sqrt(A) + scribe)^2, d the usable diameter.

        The usual estimate: the area of the wafer in dies, less those its rim cuts (Hennessy and Patterson, Computer
        Architecture, section 1.6; de Vries, IEEE Trans. Semiconductor Manufacturing 18(1), 2005, compares it to
        others).
        """
        side, d = math.sqrt(die_mm2) + self.scribe_mm, self.usable_diameter_mm
        return math.floor(math.pi * d**2 / (4 * side**2) - math.pi * d / (math.sqrt(2) * side))

    def die_yield(self, die_mm2: float) -> float:
        """(1 + A D / alpha)^-alpha, A in cm2: negative binomial, alpha how much defects cluster.

        Stapper, IBM J. Res. Develop. 27(6), 1983; Gemini's code (HPCA 2024) takes alpha = 10.
        """
        mean = die_mm2 / MM2_PER_CM2 * self.defects_per_cm2
        return float((1 + mean / self.clustering) ** -self.clustering)
