"""Area, yield and cost: closed forms by hand on round numbers, sums that close, and tables that go together."""

import math

import pytest

from hecasim.errors import ConfigError
from hecasim.results.area import area_mm2
from hecasim.results.cost import cost_usd, yields
from hecasim.specs import load_package, resolved

GRID = {"kind": "mesh", "rows": 2, "columns": 3}
GIVEN = {"kind": "given", "die": "100 mm2", "package_over_silicon": 1.5}
PARTS = {"kind": "parts", "mac": "1000 um2", "sram": "0.5 mm2/MiB", "phy_per_link": "2 mm2", "other_share": 0.2}
COST = {
    "wafer_diameter": "210 mm",
    "wafer_edge": "5 mm",
    "scribe": "0 mm",
    "wafer_price": "5000 USD",
    "defect_density": "1 defects/cm2",
    "clustering": 2,
    "packaging_price": "0.1 USD/mm2",
    "bond_yield": 0.9,
}


def package(area=None, cost=None, **changes):
    """Six dies of 5,120 MACs and 20 MiB, ten edge channels of 16 GiB at 4 USD/GiB."""
    whole = resolved(load_package("hecaton_8x8_standard"))
    whole |= {"topology": GRID, "area": area, "cost": cost}
    return load_package(whole, changes)


def test_area_of_a_given_die():
    assert area_mm2(package(GIVEN)) == {"die": 100, "io": 0, "total_silicon": 600, "package": 900}


def test_channels_at_the_edge_are_dies_of_their_own_and_elsewhere_a_part_of_every_die():
    area = GIVEN | {"io_per_channel": "6 mm2"}
    assert area_mm2(package(area)) == {"die": 100, "io": 6, "total_silicon": 660, "package": 990}
    on_die = package(area, **{"memory.attached": "every_die"})
    assert area_mm2(on_die) == {"die": 106, "io": 0, "total_silicon": 636, "package": 954}


def test_area_of_parts_is_their_sum_and_the_rest_a_share_of_the_die():
    # 5,120 MACs x 0.001 mm2 + 20 MiB x 0.5 mm2 + 4 sides x 2 mm2 = 23.12 mm2, which are 80 % of the die
    assert area_mm2(package(PARTS))["die"] == pytest.approx(23.12 / 0.8, rel=1e-12)


def test_dies_per_wafer_by_hand():
    # usable diameter 200 mm, die 10 x 10 mm: floor(314.16 - 44.43)
    assert package(GIVEN, COST).cost.dies_per_wafer(100) == 269
    # 1 mm of scribe: floor(259.63 - 40.39)
    assert package(GIVEN, COST | {"scribe": "1 mm"}).cost.dies_per_wafer(100) == 219


def test_yield_by_hand_and_its_poisson_limit():
    cost = package(GIVEN, COST).cost
    assert cost.die_yield(100) == pytest.approx((1 + 1 / 2) ** -2)
    assert cost.die_yield(0) == 1
    unclustered = package(GIVEN, COST | {"clustering": 10**6}).cost
    assert unclustered.die_yield(100) == pytest.approx(math.exp(-1), rel=1e-5)


def test_yield_of_gemini_at_7_nm():
    cost = load_package("hecaton_8x8_standard").cost
    assert cost.die_yield(100) == pytest.approx((1 + 0.09 * 100 / (100 * 10)) ** -10, rel=1e-12)


def test_cost_by_hand():
    spec = package(GIVEN, COST)
    assert yields(spec) == {"die": pytest.approx(4 / 9), "package": pytest.approx(0.9**6)}
    dies, substrate = 6 * 5000 / 269, 900 * 0.1
    bought = (dies * 9 / 4 + substrate) / 0.9**6
    cost = cost_usd(spec)
    assert cost == {
        "die": pytest.approx(dies),
        "yield": pytest.approx(bought - dies - substrate),
        "package": pytest.approx(substrate),
        "memory": 10 * 16 * 4,
        "total": pytest.approx(bought + 640),
    }
    assert sum(value for part, value in cost.items() if part != "total") == cost["total"]


def test_where_all_is_good_yield_costs_nothing():
    cost = cost_usd(package(GIVEN, COST | {"defect_density": "0 defects/cm2", "bond_yield": 1}))
    assert cost["yield"] == 0


def test_dies_of_channels_are_bought_and_bonded_too():
    spec = package(GIVEN | {"io_per_channel": "4 mm2"}, COST)
    assert yields(spec)["package"] == pytest.approx(0.9**16)
    each = 5000 / spec.cost.dies_per_wafer(4)
    assert cost_usd(spec)["die"] == pytest.approx(6 * 5000 / 269 + 10 * each)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cost.wafer_price", "6000 USD"),
        ("cost.wafer_diameter", "200 mm"),
        ("cost.wafer_edge", "9 mm"),
        ("cost.scribe", "0.5 mm"),
        ("cost.defect_density", "2 defects/cm2"),
        ("cost.clustering", 3),
        ("cost.packaging_price", "0.2 USD/mm2"),
        ("cost.bond_yield", 0.8),
        ("memory.price", "5 USD/GiB"),
        ("area.die", "110 mm2"),
        ("area.io_per_channel", "5 mm2"),
        ("area.package_over_silicon", 2),
    ],
)
def test_every_key_moves_the_cost(key, value):
    before, after = (cost_usd(package(GIVEN, COST, **changes))["total"] for changes in ({}, {key: value}))
    assert before != after


@pytest.mark.parametrize(
    ("key", "value"),
    [("mac", "2000 um2"), ("sram", "1 mm2/MiB"), ("phy_per_link", "3 mm2"), ("other_share", 0.3)],
)
def test_every_part_moves_the_die(key, value):
    assert area_mm2(package(PARTS | {key: value}))["die"] > area_mm2(package(PARTS))["die"]


def test_smaller_dies_are_cheaper_per_area():
    whole = package(GIVEN | {"die": "400 mm2"}, COST)
    good = [die_mm2 * whole.cost.dies_per_wafer(die_mm2) * whole.cost.die_yield(die_mm2) for die_mm2 in (25, 100, 400)]
    assert good == sorted(good, reverse=True)  # mm2 of good silicon per wafer


def test_without_tables_there_is_nothing_and_a_cost_needs_an_area():
    assert area_mm2(package()) is cost_usd(package(GIVEN)) is yields(package(GIVEN)) is None
    with pytest.raises(ConfigError, match="expected an area table beside it"):
        package(None, COST)


def test_memory_without_a_limit_has_no_price():
    assert cost_usd(package(GIVEN, COST, **{"memory.capacity": "unlimited"}))["memory"] == 0


def test_another_kind_of_area_drops_the_keys_of_the_first():
    spec = load_package("hecaton_8x8_standard", {f"area.{key}": value for key, value in PARTS.items()})
    assert spec.area.kind == "parts"
    assert spec.area.io_mm2_per_channel == 6.5  # both kinds have it


def test_shipped_prices_are_sane():
    spec = load_package("hecaton_8x8_standard")
    cost, share = cost_usd(spec), yields(spec)
    assert 0.9 < share["die"] < 1
    assert 5 < cost["die"] / 64 < 20  # a die of 60 mm2 in 7 nm
    assert 500 < cost["total"] < 10_000
