"""What the user says about the hardware: chiplets in a grid or a tree, their links, the memory; no behaviour."""

from functools import lru_cache
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from hecasim.specs.area import AnyAreaSpec
from hecasim.specs.cost import CostSpec
from hecasim.specs.memory import MemorySpec
from hecasim.specs.spec import Count, Name, Side, Spec, broken_rule
from hecasim.specs.topology import TopologySpec
from hecasim.specs.tree import Tied
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

LEAST_YIELD = 1e-12  # below it nothing good is made, and a cost means nothing

# Keys whose meaning hangs on the `kind` beside them: inherited ones fall away when a child or `--set` changes the kind.
TIED_TO_KIND = {
    "topology": Tied(frozenset({"rows", "columns", "attention", "groups", "chiplets"}), frozenset({"mesh", "torus"})),
    "chiplet.core": Tied(
        frozenset({"peak", "arrays", "rows", "columns", "dataflow", "fold_overlap", "broadcast", "adder_tree"})
        | {"vector_lanes"}
    ),
    "memory": Tied(frozenset({"bandwidth", "latency", "capacity", "energy", "background_per_channel", "price"})),
    "area": Tied(frozenset({"die", "mac", "sram", "phy_per_link", "other_share"})),
}


class IdealCoreSpec(Spec):
    """A core that always runs at its peak; vector work costs nothing."""

    kind: Literal["ideal"] = "ideal"
    peak_flop_per_s: FlopPerS
    clock_hz: Hz = 10**9  # only to print cycles: nothing is timed by it


class SystolicCoreSpec(Spec):
    """Equal systolic arrays and a vector unit on one clock.

    *broadcast* arrays are fed the same rows at once and hold neighbouring columns; with an *adder_tree* beside the
    arrays partial sums never pass the SRAM. Both spare SRAM traffic and change no cycle of the arrays.
    """

    kind: Literal["systolic"] = "systolic"
    clock_hz: Hz
    arrays: Count
    rows: Side
    columns: Side
    dataflow: Literal["ws", "os", "is"]
    fold_overlap: bool = False
    broadcast: Count = 1
    adder_tree: bool = False
    vector_lanes: Count

    @property
    def peak_flop_per_s(self) -> int:
        """Two operations per multiply-add, every processing element every cycle."""
        return 2 * self.arrays * self.rows * self.columns * self.clock_hz


CoreSpec = Annotated[IdealCoreSpec | SystolicCoreSpec, Field(discriminator="kind")]


class SramSpec(Spec):
    """The buffers of one tile and the bandwidth of each of its ports; None is unlimited.

    `separate`: one port each for core operands, the NoP (in and out) and DRAM (fill and drain). `shared`: all of them
    pass one port of `port_bandwidth`, and the three bandwidths of separate ports say nothing.
    """

    weights_bytes: BytesOrUnlimited
    activations_bytes: BytesOrUnlimited
    core_bandwidth_bytes_per_s: BytesPerSOrUnlimited
    nop_bandwidth_bytes_per_s: BytesPerSOrUnlimited
    dram_bandwidth_bytes_per_s: BytesPerSOrUnlimited
    reduction_bandwidth_bytes_per_s: BytesPerSOrUnlimited
    ports: Literal["separate", "shared"] = "separate"
    port_bandwidth_bytes_per_s: BytesPerSOrUnlimited = None

    @property
    def operand_bytes_per_s(self) -> int | None:
        """Rate at which a core alone on its tile gets its operands; None is unlimited."""
        shared = self.ports == "shared"
        rate = self.port_bandwidth_bytes_per_s if shared else self.core_bandwidth_bytes_per_s
        return None if rate is None else int(rate)


class ChipletSpec(Spec):
    """One die: a compute core and its SRAM, or *tiles* of each that work as one.

    A file gives the core and the SRAM of one tile; `core` and `sram` are those of the die: all its arrays, lanes, bytes
    and port rates. The sums of a reduce-scatter are made by a `unit` at the NoP port, at the SRAM's reduction
    bandwidth, or by the core's `vector` unit, which then does nothing else.
    """

    tiles: Count = 1
    tile_core: CoreSpec = Field(alias="core")
    tile_sram: SramSpec = Field(alias="sram")
    reduction: Literal["unit", "vector"] = "unit"

    @property
    def core(self) -> IdealCoreSpec | SystolicCoreSpec:
        """The cores of all tiles as one."""
        return self.tile_core if self.tiles == 1 else _joined_cores(self.tile_core, self.tiles)

    @property
    def sram(self) -> SramSpec:
        """The SRAM of all tiles as one."""
        return self.tile_sram if self.tiles == 1 else _joined_srams(self.tile_sram, self.tiles)

    @model_validator(mode="after")
    def _a_shared_port_has_a_rate(self) -> Self:
        if self.tile_sram.ports == "shared" and self.tile_sram.port_bandwidth_bytes_per_s is None:
            raise broken_rule("sram.port_bandwidth", "expected a bandwidth beside ports: shared")
        return self


@lru_cache
def _joined_cores(core: IdealCoreSpec | SystolicCoreSpec, tiles: int) -> IdealCoreSpec | SystolicCoreSpec:
    if isinstance(core, IdealCoreSpec):
        return core.model_copy(update={"peak_flop_per_s": core.peak_flop_per_s * tiles})
    return core.model_copy(update={"arrays": core.arrays * tiles, "vector_lanes": core.vector_lanes * tiles})


@lru_cache
def _joined_srams(sram: SramSpec, tiles: int) -> SramSpec:
    sizes = {name: getattr(sram, name) for name in SramSpec.model_fields if name != "ports"}
    return sram.model_copy(update={name: size * tiles for name, size in sizes.items() if size is not None})


class LinkSpec(Spec):
    """One directed wire bundle between two neighbouring routers: the bandwidth of a wire, times so many of them."""

    wires: Count = 1
    bandwidth_bytes_per_s: BytesPerS
    latency_ps: PositivePs
    adapter_latency_ps: Ps = 0
    payload_efficiency: Fraction = 1.0
    energy_j_per_bit: JoulesPerBit

    @property
    def payload_bytes_per_s(self) -> int:
        """What is left of the raw rate for data, in one direction."""
        return int(self.bandwidth_bytes_per_s * self.wires * self.payload_efficiency)

    @property
    def hop_ps(self) -> int:
        """Time from one router to the next."""
        return self.latency_ps + self.adapter_latency_ps


class SwitchSpec(Spec):
    """The switch of a tree's group: it sums what its chiplets send at this rate, and its routing takes this long.

    Weights between its DRAM and its chiplets are `staged` in it, for one chiplet after another, or pass `through`.
    """

    reduction_bandwidth_bytes_per_s: BytesPerSOrUnlimited
    latency_ps: Ps = 0
    memory_path: Literal["staged", "through"] = "staged"
    static_w: Watts = Field(default=0.0, alias="static")


class EnergySpec(Spec):
    """What one operation costs, and what is burnt all the time; priced after the run, from counts.

    The idle power is that of one directed link, both its ends: it burns whether or not anything is sent. Where SRAM is
    a die of its own under the logic, every bit through its ports also costs the link between the two.
    """

    mac_j: Joules
    vector_op_j: Joules
    sram_j_per_bit: JoulesPerBit
    sram_link_j_per_bit: JoulesPerBit = 0.0
    static_w_per_chiplet: Watts
    phy_idle_w_per_link: Watts = Field(default=0.0, alias="phy_idle_per_link")


class PackageSpec(Spec):
    """A grid or a tree of equal chiplets, their links, the memory at the edge, on every die or along the tree.

    On a tree `root_link` is the link between attention chiplets and switches where it differs from `link`.
    """

    is_file = True

    name: Name
    description: str = ""
    topology: TopologySpec
    chiplet: ChipletSpec
    link: LinkSpec
    root_link: LinkSpec | None = None
    switch: SwitchSpec | None = None
    memory: MemorySpec
    energy: EnergySpec
    area: AnyAreaSpec | None = None
    cost: CostSpec | None = None

    @model_validator(mode="after")
    def _a_tree_has_its_own_parts(self) -> Self:
        """Switches, root links and memory along the tree belong to a tree, and a tree to them."""
        if self.topology.kind != "tree":
            for name, given in (("switch", self.switch), ("root_link", self.root_link)):
                if given is not None:
                    raise broken_rule(name, "expected only on a topology of kind tree")
            if self.memory.attached == "tree":
                raise broken_rule("memory.attached", "expected 'edge' or 'every_die' on a grid")
            return self
        if self.switch is None:
            raise broken_rule("switch", "required key is missing: a tree has switches")
        if self.memory.attached != "tree":
            raise broken_rule("memory.attached", "expected 'tree' on a topology of kind tree")
        if self.chiplet.reduction == "vector":
            raise broken_rule("chiplet.reduction", "expected 'unit' on a tree: its switches make the sums")
        return self

    @model_validator(mode="after")
    def _tables_go_together(self) -> Self:
        """A cost needs an area that fits its wafer, and the area of parts needs parts of known size."""
        sram = self.chiplet.sram
        if self.area is not None and self.area.kind == "parts" and None in (sram.weights_bytes, sram.activations_bytes):
            raise broken_rule("area.kind", "expected 'given' where the SRAM of the chiplet is unlimited")
        if self.cost is None:
            return self
        if self.area is None:
            raise broken_rule("cost", "expected an area table beside it: a die without an area has no price")
        if self.cost.usable_diameter_mm <= 0:
            raise broken_rule("cost.wafer_edge", "expected less than half of wafer_diameter")
        for name, die_mm2 in (("compute die", self.die_mm2), ("die of a DRAM channel", self.io_die_mm2)):
            if die_mm2 and self.cost.dies_per_wafer(die_mm2) < 1:
                raise broken_rule("area", f"a {name} of {die_mm2:g} mm2 does not fit a wafer; expected a smaller one")
            if self.cost.die_yield(die_mm2) < LEAST_YIELD:
                raise broken_rule("cost.defect_density", f"no {name} would be good; expected a smaller value")
        if self.cost.bond_yield**self._bonds < LEAST_YIELD:
            raise broken_rule("cost.bond_yield", "no package of so many dies would be good; expected a larger value")
        return self

    @property
    def _bonds(self) -> int:
        """At most so many dies are put on the package."""
        topology = self.topology
        at_edge = 2 * (topology.rows + topology.columns)
        return topology.size + (self.stacks if self.memory.attached == "tree" else at_edge)

    @property
    def stacks(self) -> int:
        """DRAM stacks of a tree: one per switch, `root_stacks` per attention chiplet."""
        attention, groups, _ = self.topology.shape
        return groups + attention * self.memory.root_stacks

    @property
    def die_mm2(self) -> float:
        """One compute die; 0 without an area table."""
        if self.area is None:
            return 0.0
        sram = self.chiplet.sram
        macs = self.chiplet.core.peak_flop_per_s / (2 * self.chiplet.core.clock_hz)
        sram_bytes = (sram.weights_bytes or 0) + (sram.activations_bytes or 0)
        on_die = self.area.io_mm2_per_channel if self.memory.attached == "every_die" else 0.0
        return self.area.without_io_mm2(macs, sram_bytes) + on_die

    @property
    def io_die_mm2(self) -> float:
        """One die with the PHY of a DRAM channel; 0 where there is none of its own."""
        return self.area.io_mm2_per_channel if self.area is not None and self.memory.attached != "every_die" else 0.0
