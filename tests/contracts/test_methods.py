"""What every parallel method of the table promises, whatever it cuts."""

from functools import cache

import numpy as np
import pytest
import yaml

from hecasim.errors import ConfigError
from hecasim.parallel import METHODS
from hecasim.parallel.derive import (
    Setting,
    Sharding,
    derive_backward,
    derive_forward,
    derive_update,
    model_product_flops,
    weight_gradient_layouts,
)
from hecasim.parallel.method import FAMILIES
from hecasim.parallel.program import ExchangeStep, NestStep
from hecasim.specs import OptionsSpec, load_model, load_package, load_plan
from hecasim.trace import prepare
from hecasim.trace.groups import group_size, members
from hecasim.workload import blocks_of
from hecasim.workload.layers import extents_of
from tests.tiny import MODEL, tiny_inputs

GRIDS = [(1, 1), (2, 2), (1, 4), (4, 1), (2, 3), (4, 4)]
BLOCKS = ("embedding", "attention", "ffn", "head")
DERIVE = {"forward": derive_forward, "backward": derive_backward, "update": derive_update}
HEADS = {"MHA": 4, "GQA": 2}


TINY = load_model(yaml.safe_load(MODEL))


@cache
def model_with(kv_heads, **changes):
    return load_model(TINY, {"kv_heads": kv_heads, "head_dim": 16, **changes})


def sharding_of(model, method, grid, block, *, kv="replicate", regather=True, materialised=False, sequences=2):
    options = OptionsSpec(kv=kv, regather=regather)
    axes = (("r", grid[0]), ("c", grid[1]))
    extents = extents_of(model, sequences, 24)
    setting = Setting(METHODS[method](options), axes, extents, 2, regather, False, materialised)
    return Sharding(blocks_of(model, materialised)[block], setting)


def suits(method, grid):
    return METHODS[method](OptionsSpec()).objection(*grid) is None


CASES = [(method, grid) for method in METHODS for grid in GRIDS if suits(method, grid)]
every_case = pytest.mark.parametrize(("method", "grid"), CASES)
every_block = pytest.mark.parametrize("block", BLOCKS)
every_pass = pytest.mark.parametrize("phase", ["forward", "backward"])
every_head = pytest.mark.parametrize("heads", HEADS)
FREE_NAMES = {"d rows": "d y"}
"""The gradients of the rows looked up are the gradients of what the embedding gives, under another name."""


@pytest.mark.parametrize("method", METHODS)
def test_a_method_names_itself_and_cuts_every_family(method):
    made = METHODS[method](OptionsSpec())
    assert made.name == method
    assert made.summary
    assert set(made.cuts) == set(FAMILIES.values())


@every_head
@every_block
@every_case
def test_every_block_and_pass_derives_and_does_something(method, grid, block, heads):
    model = model_with(HEADS[heads], qkv_bias=True, ffn_bias=True, dropout=0.1)
    sharding = sharding_of(model, method, grid, block)
    for phase, derive in DERIVE.items():
        program = derive(sharding)
        assert (program.block, program.phase) == (block, phase)
        if phase != "update":
            assert any(isinstance(step, NestStep) for step in program.steps)


def stands(name, known):
    """The value itself, or a layout of the same tensor from which a slice is free."""
    tensor = name.split(" [")[0]
    return any(other.split(" [")[0] in (tensor, FREE_NAMES.get(tensor)) for other in known)


@pytest.mark.parametrize("regather", [True, False])
@every_pass
@every_head
@every_block
@every_case
def test_every_value_that_is_read_was_loaded_or_made_before(method, grid, block, heads, phase, regather):
    model = model_with(HEADS[heads])
    program = DERIVE[phase](sharding_of(model, method, grid, block, regather=regather))
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


@every_head
@every_block
@every_case
def test_the_gradient_of_every_weight_ends_where_the_weight_rests(method, grid, block, heads):
    model = model_with(HEADS[heads], qkv_bias=True, ffn_bias=True, norm="layer", qk_norm=True)
    sharding = sharding_of(model, method, grid, block)
    layouts = weight_gradient_layouts(sharding)
    assert set(layouts) == {tensor.name for tensor in sharding.block.weights}
    settled = {value.name for step in derive_update(sharding).steps for value in step.makes}
    for name, layout in layouts.items():
        if name == "table":  # its rows' gradients are added in DRAM
            continue
        end = sharding.value(name, sharding.rest[name], gradient=True).name
        assert layout == sharding.rest[name] or end in settled, name


@every_head
@every_block
@every_case
def test_local_products_add_up_to_the_models_own(method, grid, block, heads):
    model = model_with(HEADS[heads], hidden=52, inner=70, vocab=131)
    sharding = sharding_of(model, method, grid, block, kv="gather", materialised=True)
    own = model_product_flops(sharding.block, sharding.setting.extents)

    def flops(phase):
        gemms = [gemm for step in DERIVE[phase](sharding).steps if isinstance(step, NestStep) for gemm in step.gemms]
        return int(sum((2 * gemm.count * gemm.m * gemm.n * gemm.k).sum() for gemm in gemms))

    assert flops("forward") == own
    assert flops("backward") == 2 * own


@every_head
@every_block
@every_case
def test_collectives_stay_inside_groups_that_partition_the_grid(method, grid, block, heads):
    sharding = sharding_of(model_with(HEADS[heads]), method, grid, block)
    algorithms = sharding.setting.method.algorithms
    for derive in DERIVE.values():
        for step in derive(sharding).steps:
            if not isinstance(step, ExchangeStep):
                continue
            assert step.kind in algorithms
            table = members(step.group, sharding.axes)
            assert sorted(tile for tiles in table for tile in tiles) == list(range(grid[0] * grid[1]))
            assert {len(tiles) for tiles in table} == {group_size(step.group)}
            assert group_size(step.group) > 1, f"{step.label} in a group of one"


@every_head
@every_case
def test_what_backward_loads_was_stored_by_forward(method, grid, heads):
    sharding = sharding_of(model_with(HEADS[heads], dropout=0.1), method, grid, "attention")
    stored = {value.name for section in derive_forward(sharding).sections for value in section.stores}
    loaded = {value.name for section in derive_backward(sharding).sections for value in section.loads}
    source = {sharding.value("x", sharding.rest["x"]).name}
    incoming = {name for name in loaded if name.startswith("d ")}
    assert loaded - source - incoming <= stored


@every_case
def test_one_tile_alone_exchanges_nothing(method, grid):
    model = model_with(2)
    for block in BLOCKS:
        for derive in DERIVE.values():
            exchanges = [step for step in derive(sharding_of(model, method, (1, 1), block)).steps
                         if isinstance(step, ExchangeStep)]  # fmt: skip
            assert not exchanges


@pytest.mark.parametrize("grid", [(2, 3), (1, 4), (4, 1)])
@pytest.mark.parametrize("method", METHODS)
def test_a_method_that_objects_to_a_grid_is_refused_with_its_reason(tmp_path, method, grid):
    package, model, plan = tiny_inputs(tmp_path, method=method)
    package = load_package(package, {"topology.rows": grid[0], "topology.columns": grid[1]})
    reason = METHODS[method](OptionsSpec()).objection(*grid)
    if reason is None:
        assert prepare(package, model, load_plan(plan, {"capacity": "warn"})).method.name == method
        return
    with pytest.raises(ConfigError, match="square"):
        prepare(package, model, plan)


def test_an_unknown_method_is_answered_with_the_nearest_name():
    with pytest.raises(ConfigError, match="did you mean 'megatron'"):
        METHODS["megatrn"]


def test_sequence_parallel_megatron_is_hecaton_on_one_row():
    model = model_with(4)
    for block in BLOCKS:
        for derive in (derive_forward, derive_backward):
            moved = []
            for method in ("hecaton", "megatron_sp"):
                steps = derive(sharding_of(model, method, (1, 4), block)).steps
                moved.append(sorted(
                    (step.kind, int(np.sum([amount.bytes().sum() for amount in step.moved])))
                    for step in steps if isinstance(step, ExchangeStep)
                ))  # fmt: skip
            assert moved[0] == moved[1], block
