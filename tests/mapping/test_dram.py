"""What a step keeps in DRAM, and what is said when it does not fit."""

import pytest

from hecasim.cli import main
from hecasim.errors import InfeasiblePlan
from hecasim.mapping.dram import channel_count, dram_capacity_bytes, footprint, optimizer_state_bytes
from hecasim.specs import load_model, load_package, load_plan
from hecasim.trace import prepare
from tests.tiny import tiny_inputs


@pytest.mark.parametrize(("optimizer", "precision", "size"), [
    ("adam", 2, 12), ("adam", 1, 12), ("adam", 4, 8), ("sgd", 2, 4), ("sgd", 4, 0), ("none", 2, 0),
])  # fmt: skip
def test_states_per_parameter_are_a_master_copy_and_two_moments(optimizer, precision, size):
    assert optimizer_state_bytes(optimizer, precision) == size


def test_sixteen_bytes_per_parameter_with_adam_in_mixed_precision():
    model = load_model("llama2-7b")
    classes = footprint(model, load_plan({"micro_batch": 1}), 0, 0)
    assert sum(classes.values()) == 16 * model.parameters


def test_activations_grow_with_the_batch_and_states_do_not(tmp_path):
    small, large = (prepare(*tiny_inputs(tmp_path, batch=batch, micro_batch=1)).dram_by_class for batch in (2, 4))
    assert large["activations"] == 2 * small["activations"]
    assert all(large[name] == small[name] for name in ("weights", "gradients", "optimizer", "embeddings"))


def test_channels_stand_at_both_ends_of_rows_and_columns_or_on_every_die():
    edge = load_package("hecaton_4x4_standard", {"memory.attached": "edge"})
    assert channel_count(edge) == 16
    assert dram_capacity_bytes(edge) == 16 * edge.memory.capacity_bytes
    assert dram_capacity_bytes(load_package(edge, {"memory.capacity": "unlimited"})) is None


def too_small(tmp_path, **plan):
    package, model, plan = tiny_inputs(tmp_path, **plan)
    return load_package(package, {"memory.capacity": "64 KiB"}), model, plan


def test_a_step_that_does_not_fit_says_what_ran_out_and_what_would_help(tmp_path):
    with pytest.raises(InfeasiblePlan) as caught:
        prepare(*too_small(tmp_path))
    error = caught.value
    assert error.exit_code == 3
    assert "DRAM" in error.resource
    assert "GiB" in error.needed
    assert "GiB" in error.available
    assert {"plan.optimizer=none", "package.memory.capacity", "plan.capacity=warn"} <= set(error.levers)


def test_a_plan_that_only_warns_runs_and_remarks_on_it(tmp_path):
    remarks = prepare(*too_small(tmp_path, capacity="warn")).remarks
    assert any("DRAM capacity of the package exceeded" in remark for remark in remarks)


def test_capacity_that_is_not_enforced_refuses_nothing_and_is_remarked_on(tmp_path):
    package, model, plan = too_small(tmp_path)
    prepared = prepare(load_package(package, {"memory.enforce_capacity": False}), model, plan)
    assert any("DRAM capacity of the package is not enforced" in remark for remark in prepared.remarks)
    package = load_package(package, {"memory.capacity": "1 TiB", "memory.enforce_capacity": False})
    assert not any("DRAM" in remark for remark in prepare(package, model, plan).remarks)


def test_the_70b_with_adam_does_not_fit_256_dies_and_exits_3(capsys):
    command = ["run", "--package", "hecaton_16x16_standard", "--model", "llama2-70b", "--batch", "1024", "--dry",
               "--set", "package.chiplet.sram.activations=unlimited"]  # fmt: skip
    with pytest.raises(SystemExit) as caught:
        raise SystemExit(main(command))
    assert caught.value.code == 3
    assert "DRAM capacity" in capsys.readouterr().err


def test_a_map_that_uses_half_the_ports_fills_them_twice_as_full():
    package = load_package("hecaton_8x8_standard", {"memory.capacity": "4 GiB"})  # 128 GiB in all, 64 behind the rows
    model, plan = load_model("llama2-7b"), load_plan({"batch": 2, "sequence": 512})  # 103 GiB
    with pytest.raises(InfeasiblePlan) as refused:
        prepare(package, model, plan)
    assert "one channel, with dram_map row" in refused.value.resource
    assert any("dram_map" in lever for lever in refused.value.levers)
    assert prepare(load_package(package, {"memory.capacity": "7 GiB"}), model, plan)
