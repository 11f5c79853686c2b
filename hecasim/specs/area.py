"""What the user says about silicon area: of the whole die, or of its parts."""

from typing import Annotated, Literal

from pydantic import Field

from hecasim.specs.spec import Spec
from hecasim.units import Mm2, Mm2PerMib, PositiveMm2

MIB = 2**20
SIDES = 4
NotBelowOne = Annotated[float, Field(ge=1, le=1000)]
Share = Annotated[float, Field(ge=0, lt=1)]


class AreaSpec(Spec):
    """What both kinds of table have: DRAM channels, and the package around the silicon.

    The PHY and controller of a DRAM channel are a small die of their own at the edge, or a part of every die.
    """

    io_mm2_per_channel: Mm2 = Field(default=0.0, alias="io_per_channel")
    package_over_silicon: NotBelowOne = 1.0


class GivenAreaSpec(AreaSpec):
    """The die as measured or published, links included, DRAM channel not."""

    kind: Literal["given"] = "given"
    die_mm2: PositiveMm2 = Field(alias="die")

    def without_io_mm2(self, macs: float, sram_bytes: int) -> float:  # noqa: ARG002 (the same question to both kinds)
        """The die as it was given."""
        return self.die_mm2


class PartsAreaSpec(AreaSpec):
    """The die from its parts: multiply-add units, SRAM, link PHYs, and a share of the die for all the rest."""

    kind: Literal["parts"] = "parts"
    mac_mm2: PositiveMm2 = Field(alias="mac")
    sram_mm2_per_mib: Mm2PerMib = Field(alias="sram")
    phy_mm2_per_link: Mm2 = Field(alias="phy_per_link")
    other_share: Share = 0.0

    def without_io_mm2(self, macs: float, sram_bytes: int) -> float:
        """(macs x mac + MiB x sram + 4 x phy) / (1 - other): a die has one PHY per side, whatever its place."""
        known = macs * self.mac_mm2 + sram_bytes / MIB * self.sram_mm2_per_mib + SIDES * self.phy_mm2_per_link
        return known / (1 - self.other_share)


AnyAreaSpec = Annotated[GivenAreaSpec | PartsAreaSpec, Field(discriminator="kind")]
