"""What the user says about the DRAM: one channel, and where the channels are attached."""

from typing import Literal

from hecasim.specs.spec import Name, Spec
from hecasim.units import BytesOrUnlimited, BytesPerSOrUnlimited, JoulesPerBit, Ps


class MemorySpec(Spec):
    """DRAM per channel: one channel per edge port, 2(rows + columns) of them, or one per die.

    What a file leaves out of bandwidth, latency, capacity and energy comes from the preset of its kind.
    """

    kind: Name
    attached: Literal["edge", "every_die"]
    bandwidth_bytes_per_s: BytesPerSOrUnlimited
    latency_ps: Ps
    capacity_bytes: BytesOrUnlimited
    energy_j_per_bit: JoulesPerBit
    enforce_capacity: bool = True
