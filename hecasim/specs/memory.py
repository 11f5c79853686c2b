"""What the user says about the DRAM: one channel, and where the channels are attached."""

from typing import Literal

from pydantic import Field

from hecasim.specs.spec import Count, Name, Spec
from hecasim.units import BytesOrUnlimited, BytesPerSOrUnlimited, JoulesPerBit, Ps, UsdPerGib, Watts


class MemorySpec(Spec):
    """DRAM per channel: one channel per edge port, 2(rows + columns) of them, one per die, or along a tree.

    A tree has one channel per switch, of one stack, and one per attention chiplet, of `root_stacks` stacks behind one
    controller; bandwidth, capacity and background power are those of one stack.
    What a file leaves out of bandwidth, latency, capacity, energy, background power and price comes from the preset
    of its kind.
    """

    kind: Name
    attached: Literal["edge", "every_die", "tree"]
    root_stacks: Count = 1
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
