"""A second forward in front of the backward: one program in which everything read is there, and nothing is mixed up."""

from dataclasses import replace

import pytest

from hecasim.parallel import METHODS
from hecasim.parallel.derive import (
    Sharding,
    derive_again,
    derive_backward,
    derive_forward,
    saved_values,
    stored_values,
)
from hecasim.parallel.layerwise import through_dram
from hecasim.parallel.program import RECOMPUTE, NestStep
from hecasim.parallel.recompute import AGAIN, can_keep, recomputing
from hecasim.specs import OptionsSpec
from tests.contracts.test_methods import model_with, sharding_of, stands

GRIDS = [(1, 1), (2, 2), (1, 4), (2, 3)]
CASES = [
    (method, grid) for method in METHODS for grid in GRIDS if METHODS[method](OptionsSpec()).objection(*grid) is None
]
every_case = pytest.mark.parametrize(("method", "grid"), CASES)
every_block = pytest.mark.parametrize("block", ["attention", "ffn"])


def sharded(method, grid, block, recompute="full", **options):
    sharding = sharding_of(model_with(2, dropout=0.1, ffn_bias=True), method, grid, block, **options)
    return Sharding(sharding.block, replace(sharding.setting, recompute=recompute))


def residuals(sharding):
    return {value.name for value in saved_values(sharding)}


def combined(sharding, kept):
    return recomputing(derive_again(sharding), derive_backward(sharding), residuals(sharding), kept=kept)


def nests(program):
    return [step for step in program.steps if isinstance(step, NestStep)]


def loaded(program):
    return [value.name for section in program.sections for value in section.loads]


def stored(program):
    return [value.name for section in program.sections for value in section.stores]


@pytest.mark.parametrize("regather", [True, False])
@pytest.mark.parametrize("materialised", [True, False])
@pytest.mark.parametrize("way", ["kept", "through DRAM", "layerwise"])
@every_block
@every_case
def test_every_value_that_is_read_was_loaded_or_made_before(method, grid, block, way, materialised, regather):
    sharding = sharded(method, grid, block, materialised=materialised, regather=regather)
    if way == "layerwise":
        sharding = Sharding(sharding.block, replace(sharding.setting, layerwise=True))
        again, backward = through_dram(derive_again(sharding)), through_dram(derive_backward(sharding))
        program = recomputing(again, backward, residuals(sharding), kept=False)
    else:
        program = combined(sharding, kept=way == "kept")
    known = {value.name for value in program.weights}
    for section in program.sections:
        known |= {value.name for value in section.loads}
        for wave in section.waves:
            for step in wave:
                missing = [name for name in step.reads if not stands(name, known)]
                assert not missing, f"{step.label} reads {missing}"
            known |= {value.name for step in wave for value in step.makes}
        for value in section.stores:
            assert stands(value.name, known), f"stores {value.name}, which nobody made"


@every_block
@every_case
def test_the_second_forward_is_the_first_and_backward_is_as_ever(method, grid, block):
    sharding = sharded(method, grid, block)
    plain = sharded(method, grid, block, recompute="none")
    forward, backward = derive_forward(plain), derive_backward(plain)
    for kept in (True, False):
        program = combined(sharding, kept)
        again = [step for step in program.steps if step.phase == RECOMPUTE]
        own = [step for step in program.steps if not step.phase]
        assert [type(step) for step in again] == [type(step) for step in forward.steps]
        assert [step.label for step in own] == [step.label for step in backward.steps]
        for one, other in ((program.weights, backward.weights), (program.gradients, backward.gradients)):
            assert [value.name for value in one] == [value.name for value in other]


@every_block
@every_case
def test_forward_stores_its_output_alone_and_kept_residuals_never_cross_dram(method, grid, block):
    sharding = sharded(method, grid, block)
    assert stored(derive_forward(sharding)) == [sharding.resting("y").name]
    assert stored_values(sharding) == []
    x, dy = sharding.resting("x").name, sharding.resting("y", gradient=True).name
    dx = sharding.resting("x", gradient=True).name
    kept, spilled = combined(sharding, kept=True), combined(sharding, kept=False)
    assert sorted(loaded(kept)) == sorted([f"{AGAIN}{x}", dy, x])
    assert stored(kept) == [dx]
    assert sorted(stored(spilled)) == sorted([dx, *(f"{AGAIN}{name}" for name in residuals(sharding))])
    assert residuals(sharding) <= set(loaded(spilled))
    assert spilled.reads_back


@every_block
@every_case
def test_shipped_methods_make_their_residuals_where_backward_reads_them(method, grid, block):
    sharding = sharded(method, grid, block)
    again = derive_again(sharding)
    assert can_keep(again, residuals(sharding))
    assert not can_keep(again, {*residuals(sharding), "somebody else's"})


@every_case
def test_selective_recomputes_core_attention_right_before_its_backward(method, grid):
    for materialised, spared in ((True, {"scores", "score_mask"}), (False, {"softmax_statistics"})):
        sharding = sharded(method, grid, "attention", recompute="selective", materialised=materialised)
        labels = [step.label for step in nests(derive_backward(sharding))]
        place = labels.index("recompute attention_core")
        assert labels[place + 1] == "backward attention_core"
        missing = {value.name for value in saved_values(sharding)} - {value.name for value in stored_values(sharding)}
        assert {name.split(" [")[0] for name in missing} == spared
        assert not missing & set(loaded(derive_backward(sharding)))
    ffn = sharded(method, grid, "ffn", recompute="selective")
    assert [value.name for value in stored_values(ffn)] == [value.name for value in saved_values(ffn)]
