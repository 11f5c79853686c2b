"""Shipped files: every number has its source or the word assumed beside it, and the packages are what they claim."""

import re
from pathlib import Path

import pytest

import hecasim
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


@pytest.mark.parametrize("name", names("packages"))
def test_the_name_of_a_package_says_its_grid(name):
    topology = load_package(name).topology
    assert f"_{topology.rows}x{topology.columns}" in name


@pytest.mark.parametrize("name", [name for name in names("packages") if name.startswith("oracle")])
def test_on_an_oracle_package_only_links_take_time(name):
    package = load_package(name)
    assert package.chiplet.core.kind == "ideal"
    assert set(package.chiplet.sram.model_dump().values()) == {None}
    assert (package.memory.kind, package.memory.attached) == ("ideal", "every_die")
    assert (package.link.bandwidth_bytes_per_s, package.link.latency_ps) == (32 * 10**9, 10_000)


def test_the_packagings_differ_in_links_and_memory_alone():
    standard, advanced = load_package("hecaton_16x16_standard"), load_package("hecaton_16x16_advanced")
    assert standard.chiplet == advanced.chiplet
    assert standard.energy == advanced.energy
    assert (standard.memory.kind, advanced.memory.kind) == ("ddr5_6400", "hbm2_2000")


def test_the_table_of_memories_is_complete():
    for preset in memories().values():
        assert set(preset) == {"bandwidth", "latency", "capacity", "energy"}
