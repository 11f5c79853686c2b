"""Shipped files: every number has its source or the word assumed beside it, and the packages are what they claim."""

import math
import re
from pathlib import Path

import pytest

import hecasim
from hecasim.mapping.dram import dram_capacity_bytes
from hecasim.results.area import area_mm2
from hecasim.specs import find, load_package, memories, names

ROOT = Path(hecasim.__file__).parent
FILES = [
    *sorted(find.folder("package").rglob("*.yaml")),
    *sorted(find.folder("model").glob("*.yaml")),
    ROOT / "specs/memories.yaml",
]
NUMBER = re.compile(r"^\s*(?!description)[a-z_]+:\s*[-+.\d]")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_number_has_a_comment_beside_it(file):
    bare = [line for line in file.read_text(encoding="utf-8").splitlines() if NUMBER.match(line) and "#" not in line]
    assert bare == []


@pytest.mark.parametrize("name", [name for name in names("packages") if name.startswith("hecaton")])
def test_the_nop_port_takes_all_links_of_a_die_at_once(name):
    package = load_package(name)
    assert package.chiplet.sram.nop_bandwidth_bytes_per_s >= 4 * package.link.bandwidth_bytes_per_s
    assert package.chiplet.sram.reduction_bandwidth_bytes_per_s >= package.link.bandwidth_bytes_per_s


GRIDS = [name for name in names("packages") if load_package(name).topology.kind != "tree"]
MOZART = {"qwen3": (14175, 509), "olmoe": (10200, 429), "deepseek": (11230, 451)}
"""Area of Table 2 in mm2, and the wires of a die's edge that follow from it."""


@pytest.mark.parametrize("model", MOZART)
def test_a_mozart_package_has_the_published_area_and_the_wires_of_one_edge(model):
    package, (total_mm2, wires) = load_package(f"mozart_{model}_hbm2"), MOZART[model]
    assert area_mm2(package)["package"] == pytest.approx(total_mm2, abs=1)
    assert package.link.wires == wires == round(math.sqrt(package.die_mm2) / 0.05)
    assert package.link.payload_bytes_per_s == wires * 125_000_000
    assert package.switch.reduction_bandwidth_bytes_per_s == package.link.payload_bytes_per_s
    assert dram_capacity_bytes(package) == 6 * 8 * 2**30


@pytest.mark.parametrize("model", MOZART)
def test_the_ssds_of_a_mozart_package_change_memory_alone(model):
    hbm2, ssd = (load_package(f"mozart_{model}_{memory}") for memory in ("hbm2", "ssd"))
    assert (hbm2.memory.bandwidth_bytes_per_s, ssd.memory.bandwidth_bytes_per_s) == (256 * 10**9, 15_800_000_000)
    other = {"memory", "area", "name", "description"}
    assert hbm2.model_dump(exclude=other) == ssd.model_dump(exclude=other)
    assert not hbm2.memory.enforce_capacity
    assert not ssd.memory.enforce_capacity


@pytest.mark.parametrize("name", GRIDS)
def test_the_name_of_a_package_says_its_grid(name):
    topology = load_package(name).topology
    assert f"_{topology.rows}x{topology.columns}" in name


@pytest.mark.parametrize("name", [name for name in names("packages") if name.startswith("oracle")])
def test_on_an_oracle_package_only_links_take_time(name):
    package = load_package(name)
    assert package.chiplet.core.kind == "ideal"
    sizes = package.chiplet.sram.model_dump(exclude={"ports"})
    assert (set(sizes.values()), package.chiplet.sram.ports) == ({None}, "separate")
    assert (package.memory.kind, package.memory.attached) == ("ideal", "every_die")
    assert (package.link.bandwidth_bytes_per_s, package.link.latency_ps) == (32 * 10**9, 10_000)
    assert package.energy.static_w_per_chiplet == package.energy.phy_idle_w_per_link == 0
    assert package.memory.background_w_per_channel == package.memory.price_usd_per_gib == 0
    assert (package.area, package.cost) == (None, None)


@pytest.mark.parametrize("name", [name for name in names("packages") if name.startswith("hecaton")])
def test_a_hecaton_package_burns_power_at_rest_and_has_its_tables(name):
    package = load_package(name)
    busy_w = 8 * package.link.bandwidth_bytes_per_s * package.link.energy_j_per_bit
    assert 0 < package.energy.phy_idle_w_per_link < busy_w
    assert package.energy.static_w_per_chiplet > 0
    assert package.memory.background_w_per_channel > 0
    assert package.area is not None
    assert package.cost is not None


def test_the_packagings_differ_in_links_and_memory_alone():
    standard, advanced = load_package("hecaton_16x16_standard"), load_package("hecaton_16x16_advanced")
    assert standard.chiplet == advanced.chiplet
    assert standard.area == advanced.area
    assert standard.energy == advanced.energy.model_copy(
        update={"phy_idle_w_per_link": standard.energy.phy_idle_w_per_link}
    )
    assert standard.cost == advanced.cost.model_copy(
        update={"packaging_usd_per_mm2": standard.cost.packaging_usd_per_mm2}
    )
    assert (standard.memory.kind, advanced.memory.kind) == ("ddr5_6400", "hbm2_2000")


def test_the_table_of_memories_is_complete():
    for preset in memories().values():
        assert set(preset) == {"bandwidth", "latency", "capacity", "energy", "background_per_channel", "price"}
