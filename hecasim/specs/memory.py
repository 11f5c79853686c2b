"""What the user says about the DRAM: one channel, and where the channels are attached."""

from typing import Literal

from pydantic import Field

from hecasim.specs.spec import Name, Spec
from hecasim.units import BytesOrUnlimited, BytesPerSOrUnlimited, JoulesPerBit, Ps, UsdPerGib, Watts


class MemorySpec(Spec):
    """DRAM per channel: one channel per edge port, 2(rows + columns) of them, or one per die.

    What a file leaves out of bandwidth, latency, capacity, energy, background power and price comes from the preset
    of its kind.
    """

    kind: Name
    attached: Literal["edge", "every_die"]
    bandwidth_bytes_per_s: BytesPerSOrUnlimited
    latency_ps: Ps
    capacity_bytes: BytesOrUnlimited
    energy_j_per_bit: JoulesPerBit
    background_w_per_channel: Watts = Field(default=0.0, alias="background_per_channel")
    price_usd_per_gib: UsdPerGib = Field(default=0.0, alias="price")
    enforce_capacity: bool = True

    @property
    def is_ideal(self) -> bool:
        """Whether it answers at once, whatever is asked."""
        return self.bandwidth_bytes_per_s is None and self.latency_ps == 0
