"""Energy: closed forms on an oracle package, what flows whatever is done, sums that close, ratios with and without."""

import io

import numpy as np
import pytest
from rich.console import Console

import hecasim
from hecasim.analytic import Census
from hecasim.report.table import comparison, dynamic_j, single
from hecasim.results.energy import energy_j
from hecasim.specs import load_model, load_package, load_plan
from tests.oracle.steps import counted, one_layer, oracle, plan_of, trace_of
from tests.tiny import tiny_inputs

METHODS = ("megatron", "hecaton")
BACKGROUND = {
    "energy.static_per_chiplet": "0.5 W",
    "energy.phy_idle_per_link": "40 mW",
    "memory.background_per_channel": "0.6 W",
}
PARTS = {"static_chiplet": 4 * 0.5, "phy_idle": 8 * 0.04, "dram_background": 8 * 0.6}  # W of 2 x 2 dies


@pytest.fixture(scope="module")
def steps(tmp_path_factory):
    """(method, with what flows whatever is done) -> document."""
    folder = tmp_path_factory.mktemp("energy")
    documents = {}
    for method in METHODS:
        package, model, plan = tiny_inputs(folder, method=method)
        for name, one in (("still", package), ("burning", load_package(package, BACKGROUND))):
            documents[method, name] = hecasim.simulate(one, model, plan).to_json()
    return documents


@pytest.mark.parametrize("method", METHODS)
def test_what_flows_whatever_is_done_is_power_times_time(steps, method):
    still, burning = steps[method, "still"], steps[method, "burning"]
    assert burning["step_time_ps"] == still["step_time_ps"]  # priced after the run
    step_s, energy, parts = burning["step_time_s"], burning["energy_j"], burning["energy_parts_j"]
    assert parts == {part: pytest.approx(watts * step_s) for part, watts in PARTS.items()}
    assert energy["static"] == parts["static_chiplet"] + parts["phy_idle"]
    assert energy["dram"] == still["energy_j"]["dram"] + parts["dram_background"]
    for part in ("core", "sram", "nop"):
        assert energy[part] == still["energy_j"][part]
    assert set(still["energy_parts_j"].values()) == {0.0}


def test_parts_add_up_to_the_total_and_power_is_energy_over_time(steps):
    for document in steps.values():
        energy = document["energy_j"]
        assert sum(value for part, value in energy.items() if part != "total") == energy["total"]
        assert document["power_w"]["mean"] == energy["total"] / document["step_time_s"]
        assert document["power_w"]["peak_window"] is None  # docs/decisions.md says why
        assert document["power_w"]["peak_window_reason"].startswith("not computed: ")


def test_a_ratio_is_computed_with_and_without_what_flows_whatever_is_done(steps):
    first, second = (steps[method, "burning"] for method in METHODS)
    still = [steps[method, "still"]["energy_j"]["total"] for method in METHODS]
    assert dynamic_j(first) / dynamic_j(second) == pytest.approx(still[0] / still[1])
    assert dynamic_j(first) / dynamic_j(second) != pytest.approx(
        first["energy_j"]["total"] / second["energy_j"]["total"]
    )
    shown = text(comparison("tiny", [first, second]))
    whole = first["energy_j"]["total"] / second["energy_j"]["total"]
    for word, ratio in (("with", whole), ("without", still[0] / still[1])):
        gains = f"megatron 1.00x, hecaton {ratio:.2f}x"
        assert f"energy gain {word} static, PHY-idle and DRAM background energy: {gains}" in shown.replace("\n", " ")


def test_where_nothing_burns_at_rest_there_is_one_ratio_alone(steps):
    assert "without static" not in text(comparison("tiny", [steps[method, "still"] for method in METHODS]))


@pytest.mark.parametrize("method", METHODS)
def test_nop_energy_of_an_oracle_package_is_link_bytes_times_half_a_picojoule_per_bit(method):
    package, model = load_package("oracle_8x8"), load_model("llama2-7b", {"layers": 1})
    plan = load_plan({"method": method, "batch": 8, "sequence": 1024, "capacity": "warn", "fidelity": "analytic"})
    document = hecasim.simulate(package, model, plan).to_json()
    energy = document["energy_j"]
    assert energy["nop"] == pytest.approx(document["traffic"]["nop_link_bytes"] * 8 * 0.5e-12, rel=1e-15)
    assert energy["core"] >= document["flops"]["executed"] / 2 * 0.5e-12
    assert (energy["dram"], energy["static"]) == (0, 0)
    assert set(document["energy_parts_j"].values()) == {0.0}
    assert not {"area_mm2", "cost_usd", "yields"} & set(document)


@pytest.mark.parametrize(("method", "units"), [("megatron", 504), ("hecaton", 463.203125)])
def test_nop_energy_of_a_layer_is_its_closed_form(method, units):
    # Link bytes times hops of one layer of Llama2-7B on 8 x 8 dies, in units of T h e: Hecaton closed forms, derived.
    package, tokens, hidden = oracle(8, 8), 4096, 4096
    trace = trace_of(package, one_layer("llama2-7b"), plan_of(method, 8, tokens // 8, kv="gather"))
    crossed = sum(hops for _, hops, _ in counted(package, trace, operands=False).values())
    census = Census(
        *(np.zeros(size, dtype=np.int64) for size in (64, 2 * 2 * 8 * 7, 64)), collective_link_bytes=crossed
    )
    energy = energy_j(census, package, 1.0)
    assert energy["nop"] == pytest.approx(units * tokens * hidden * 2 * 8 * 0.5e-12, rel=1e-15)
    assert energy["total"] == energy["nop"]


def test_a_package_with_tables_has_its_area_and_cost_in_the_result_and_the_report(tmp_path):
    package, model, plan = tiny_inputs(tmp_path, method="hecaton")
    shipped = load_package("hecaton_8x8_standard")
    priced = package.model_copy(update={"area": shipped.area, "cost": shipped.cost, "energy": shipped.energy})
    document = hecasim.simulate(load_package(priced), model, plan).to_json()
    assert set(document["area_mm2"]) == {"die", "io", "total_silicon", "package"}
    assert document["area_mm2"]["total_silicon"] == 4 * 60 + 8 * 6.5
    assert list(document["cost_usd"]) == ["die", "yield", "package", "memory", "total"]
    shown = text(single(document))
    for part in ("Mean power", "phy idle", "60.0 mm2", "292.0 mm2", "512 USD", "good packages"):
        assert part in shown
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_a_package_without_tables_has_neither(steps):
    document = steps["hecaton", "still"]
    assert not {"area_mm2", "cost_usd", "yields"} & set(document)
    assert "Cost of a package" not in text(single(document))


def text(parts, width=100):
    console = Console(width=width, file=io.StringIO(), highlight=False)
    for part in parts:
        console.print(part)
    return console.file.getvalue()
