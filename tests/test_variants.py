"""What-if and ideal runs: a doubled resource is a run with that resource doubled, a free one makes nobody wait."""

import pytest

from hecasim.run import simulate
from hecasim.specs import load_package
from hecasim.variants import RESOURCES, WATERFALL, freed, ideal, waterfall, what_if
from tests.tiny import tiny_inputs

DOUBLED = {  # as a user would write them, beside the tiny package
    "core": {"chiplet.core.arrays": 2, "chiplet.core.vector_lanes": 8},
    "nop": {"link.bandwidth": "64 GB/s"},
    "dram": {"memory.bandwidth": "102.4 GB/s"},
    "sram": {"chiplet.sram.core_bandwidth": "16 GB/s", "chiplet.sram.nop_bandwidth": "256 GB/s",
             "chiplet.sram.dram_bandwidth": "256 GB/s", "chiplet.sram.reduction_bandwidth": "32 GB/s"},
}  # fmt: skip
BASE = {"chiplet.core.vector_lanes": 4, "chiplet.sram.core_bandwidth": "8 GB/s",
        "chiplet.sram.reduction_bandwidth": "16 GB/s"}  # fmt: skip
SHARED = {"chiplet.sram.ports": "shared", "chiplet.sram.port_bandwidth": "20 GB/s"}
KINDS = {
    "separate ports": {},
    "one port": SHARED,
    "sums on the core": {"chiplet.reduction": "vector"},
    "both": SHARED | {"chiplet.reduction": "vector"},
}
kinds = pytest.mark.parametrize("kind", KINDS)


def inputs(folder, kind):
    package, model, plan = tiny_inputs(folder, method="hecaton", batch=2, micro_batch=1)
    return load_package(package, BASE | KINDS[kind]), model, plan


@kinds
def test_doubling_in_what_if_is_a_separate_run_with_the_doubled_resource(tmp_path, kind):
    package, model, plan = inputs(tmp_path, kind)
    assert package.memory.bandwidth_bytes_per_s == 51_200_000_000
    port = {"chiplet.sram.port_bandwidth": "40 GB/s"} if package.chiplet.sram.ports == "shared" else {}
    changes = DOUBLED | {"sram": DOUBLED["sram"] | port}
    separate = {
        resource: simulate(load_package(package, change), model, plan)["step_time_ps"]
        for resource, change in changes.items()
    }
    found = what_if(package, model, plan)
    assert found == separate
    assert list(found) == list(RESOURCES) == ["core", "nop", "dram", "sram"]
    assert len(set(found.values())) > 1


def test_each_resource_is_really_doubled(tmp_path):
    """Where each of the four holds the step back, doubling any one of them makes it shorter."""
    package, model, plan = inputs(tmp_path, "separate ports")
    package = load_package(package, {"chiplet.sram.core_bandwidth": "64 GB/s"})
    step = simulate(package, model, plan)["step_time_ps"]
    for resource, ps in what_if(package, model, plan).items():
        assert ps < step, resource


@kinds
def test_a_free_sram_has_ports_for_all_and_free_sums(tmp_path, kind):
    package, model, plan = inputs(tmp_path, kind)
    sram = freed(package, ["sram"])
    assert (sram.chiplet.sram.ports, sram.chiplet.reduction) == ("separate", "unit")
    result = ideal(package, model, plan, ["sram"])
    assert result["waits_s"]["port"] == result["waits_s"]["sram"] == 0
    plain = ideal(inputs(tmp_path, "separate ports")[0], model, plan, ["sram"])
    assert result["step_time_ps"] == plain["step_time_ps"]
    assert result["step_time_ps"] < simulate(package, model, plan)["step_time_ps"]


@kinds
def test_the_waterfall_adds_up_to_the_step(tmp_path, kind):
    package, model, plan = inputs(tmp_path, kind)
    step = simulate(package, model, plan)["step_time_ps"]
    parts = waterfall(package, model, plan, step)
    assert list(parts) == ["core", *WATERFALL]
    assert sum(parts.values()) == step
