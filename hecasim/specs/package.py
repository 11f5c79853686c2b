"""What the user says about the hardware: a grid of chiplets, their links, the memory around them; no behaviour."""

from typing import Annotated, Literal

from pydantic import Field

from hecasim.specs.memory import MemorySpec
from hecasim.specs.spec import Count, Name, Side, Spec
from hecasim.units import (
    BytesOrUnlimited,
    BytesPerS,
    BytesPerSOrUnlimited,
    FlopPerS,
    Hz,
    Joules,
    JoulesPerBit,
    PositivePs,
    Ps,
    Watts,
)

Fraction = Annotated[float, Field(gt=0, le=1)]

# Keys whose meaning hangs on the `kind` beside them: inherited ones fall away when a child or `--set` changes the kind.
TIED_TO_KIND = {
    "chiplet.core": frozenset({"peak", "arrays", "rows", "columns", "dataflow", "fold_overlap", "vector_lanes"}),
    "memory": frozenset({"bandwidth", "latency", "capacity", "energy"}),
}


class TopologySpec(Spec):
    """Who is wired to whom."""

    kind: Literal["mesh", "torus"]
    rows: Side
    columns: Side


class IdealCoreSpec(Spec):
    """A core that always runs at its peak; vector work costs nothing."""

    kind: Literal["ideal"] = "ideal"
    peak_flop_per_s: FlopPerS
    clock_hz: Hz = 10**9  # only to print cycles: nothing is timed by it


class SystolicCoreSpec(Spec):
    """Equal systolic arrays and a vector unit on one clock."""

    kind: Literal["systolic"] = "systolic"
    clock_hz: Hz
    arrays: Count
    rows: Side
    columns: Side
    dataflow: Literal["ws", "os", "is"]
    fold_overlap: bool = False
    vector_lanes: Count

    @property
    def peak_flop_per_s(self) -> int:
        """Two operations per multiply-add, every processing element every cycle."""
        return 2 * self.arrays * self.rows * self.columns * self.clock_hz


CoreSpec = Annotated[IdealCoreSpec | SystolicCoreSpec, Field(discriminator="kind")]


class SramSpec(Spec):
    """The buffers of one tile and the bandwidth of each of its ports; None is unlimited."""

    weights_bytes: BytesOrUnlimited
    activations_bytes: BytesOrUnlimited
    core_bandwidth_bytes_per_s: BytesPerSOrUnlimited
    nop_bandwidth_bytes_per_s: BytesPerSOrUnlimited
    dram_bandwidth_bytes_per_s: BytesPerSOrUnlimited
    reduction_bandwidth_bytes_per_s: BytesPerSOrUnlimited


class ChipletSpec(Spec):
    """One die: a compute core and its SRAM."""

    core: CoreSpec
    sram: SramSpec


class LinkSpec(Spec):
    """One directed wire bundle between two neighbouring routers."""

    bandwidth_bytes_per_s: BytesPerS
    latency_ps: PositivePs
    adapter_latency_ps: Ps = 0
    payload_efficiency: Fraction = 1.0
    energy_j_per_bit: JoulesPerBit


class EnergySpec(Spec):
    """What one operation costs; priced after the run, from counts."""

    mac_j: Joules
    vector_op_j: Joules
    sram_j_per_bit: JoulesPerBit
    static_w_per_chiplet: Watts


class PackageSpec(Spec):
    """A grid of equal chiplets, their links, the memory at the edge or on every die."""

    is_file = True

    name: Name
    description: str = ""
    topology: TopologySpec
    chiplet: ChipletSpec
    link: LinkSpec
    memory: MemorySpec
    energy: EnergySpec
