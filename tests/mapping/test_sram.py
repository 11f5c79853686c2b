"""Token tiles and resident weights: what fits, what is chosen, and what is said when nothing does."""

import pytest

from hecasim.errors import InfeasiblePlan
from hecasim.mapping.sram import activation_peak
from hecasim.specs import load_package
from hecasim.trace import prepare
from tests.tiny import tiny_inputs


def with_activations(tmp_path, size, **plan):
    package, model, plan = tiny_inputs(tmp_path, **plan)
    return prepare(load_package(package, {"chiplet.sram.activations": size}), model, plan)


def test_with_room_enough_the_micro_batch_streams_whole(tmp_path):
    prepared = with_activations(tmp_path, "unlimited", micro_batch=2)
    assert (prepared.token_tile, prepared.parts) == (128, 1)


def test_the_chosen_tile_fits_and_the_next_larger_one_does_not(tmp_path):
    whole = with_activations(tmp_path, "unlimited", micro_batch=4)
    programs = [program for (_, phase), program in whole.programs.items() if phase != "update"]
    peaks = {tile: activation_peak(programs, 256 // tile) for tile in (16, 32, 64, 128, 256)}
    assert sorted(peaks.values()) == list(peaks.values())
    chosen = with_activations(tmp_path, f"{peaks[64]} B", micro_batch=4)
    assert chosen.token_tile == 64
    assert chosen.activation_peak_bytes == peaks[64] < peaks[128]


@pytest.mark.parametrize("wanted", [16, 50, 128])
def test_a_wanted_tile_is_taken_at_its_word(tmp_path, wanted):
    prepared = with_activations(tmp_path, "unlimited", micro_batch=2, token_tile=wanted)
    assert (prepared.token_tile, prepared.parts) == (wanted, -(-128 // wanted))


def test_activations_that_fit_in_no_tile_are_refused_with_their_levers(tmp_path):
    with pytest.raises(InfeasiblePlan) as caught:
        with_activations(tmp_path, "1 KiB")
    error = caught.value
    assert "activation SRAM" in error.resource
    assert error.available == "1024 bytes"
    assert "plan.micro_batch (smaller)" in error.levers


def test_a_plan_that_only_warns_says_how_much_is_missing(tmp_path):
    prepared = with_activations(tmp_path, "1 KiB", capacity="warn")
    assert any("activation SRAM exceeded" in remark for remark in prepared.remarks)


def test_weights_that_do_not_fit_come_again_for_every_tile(tmp_path):
    package, model, plan = tiny_inputs(tmp_path)
    small = prepare(load_package(package, {"chiplet.sram.weights": "1 KiB"}), model, plan)
    assert not any(small.resident[block, "forward"] for block in ("attention", "ffn", "head"))
    assert any("weight buffer" in remark for remark in small.remarks)
    large = prepare(load_package(package, {"chiplet.sram.weights": "unlimited"}), model, plan)
    assert all(large.resident.values())
    assert not large.remarks


@pytest.mark.parametrize("method", ["hecaton", "optimus", "megatron_sp"])
def test_smaller_tiles_never_need_more_room(tmp_path, method):
    whole = with_activations(tmp_path, "unlimited", micro_batch=4, method=method)
    programs = [program for (_, phase), program in whole.programs.items() if phase != "update"]
    peaks = [activation_peak(programs, parts) for parts in (1, 2, 4, 8)]
    assert peaks == sorted(peaks, reverse=True)
