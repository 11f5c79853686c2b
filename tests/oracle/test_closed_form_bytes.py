"""Bytes sent per die, block and pass equal the closed forms, to the byte (Hecaton closed forms, derived)."""

import itertools

import pytest

from hecasim import load_plan
from tests.oracle.steps import (
    LLAMAS,
    E,
    Widths,
    core_bytes,
    counted,
    flat_bytes,
    flat_core,
    hecaton_bytes,
    hecaton_core,
    one_layer,
    optimus_bytes,
    oracle,
    plan_of,
    trace_of,
)

GRIDS = ((1, 8), (8, 1), (2, 4), (4, 4), (16, 2), (8, 8))
BATCHES = (1, 4)
SEQUENCE = 64
METHODS = ("hecaton", "megatron", "megatron_sp")

grids = pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: f"{grid[0]}x{grid[1]}")
llamas = pytest.mark.parametrize("name", LLAMAS)
methods = pytest.mark.parametrize("method", METHODS)


def every_head_its_own_keys(name):
    return one_layer(name, kv_heads=one_layer(name).heads)


def core_of(method, model, grid, batch):
    rows, columns = grid
    widths = Widths.of(model)
    return hecaton_core(widths, *grid, batch) if method == "hecaton" else flat_core(widths, rows * columns, batch)


def closed_form(method, model, grid, batch, kv, regather):
    rows, columns = grid
    if method == "hecaton":
        return hecaton_bytes(Widths.of(model), rows, columns, batch, kv, regather)
    sequence_parallel = method == "megatron_sp"
    return flat_bytes(Widths.of(model), rows * columns, batch, kv, regather, sequence_parallel=sequence_parallel)


def differences(method, model, grid, batch, expected, **options):
    """Blocks and passes whose bytes differ: (block, pass) -> (found, expected)."""
    package = oracle(*grid)
    trace = trace_of(package, model, plan_of(method, batch, SEQUENCE, **options))
    found = {key: sent for key, (sent, _, _) in counted(package, trace).items()}
    wanted = {key: units * batch * SEQUENCE * E for key, units in expected.items()}
    return {key: (found.get(key, 0), units) for key, units in wanted.items() if found.get(key, 0) != units}


@grids
@llamas
@methods
def test_a_block_moves_its_closed_form_under_either_rule_for_shared_keys(method, name, grid):
    model = one_layer(name)
    for batch, kv in itertools.product(BATCHES, ("gather", "replicate")):
        expected = closed_form(method, model, grid, batch, kv, True)
        assert not differences(method, model, grid, batch, expected, kv=kv), (batch, kv)


@grids
@llamas
@methods
def test_a_block_moves_its_closed_form_where_every_head_has_its_own_keys(method, name, grid):
    model = every_head_its_own_keys(name)
    for batch in BATCHES:
        expected = closed_form(method, model, grid, batch, "gather", True)
        assert not differences(method, model, grid, batch, expected, kv="gather"), batch


def moves_without_regather(method, local):
    """What differs in the closed forms, over cases whose core attention is (or is not) local."""
    found = {}
    for name, grid, kv in itertools.product(LLAMAS, GRIDS, ("gather", "replicate")):
        model = one_layer(name)
        moved = core_bytes(Widths.of(model), core_of(method, model, grid, 4), kv, True)
        if local != any(moved.values()):
            expected = closed_form(method, model, grid, 4, kv, False)
            found[name, grid, kv] = differences(method, model, grid, 4, expected, kv=kv, regather=False)
    assert found
    return {case: difference for case, difference in found.items() if difference}


@methods
def test_without_regather_a_block_of_local_attention_moves_its_closed_form(method):
    assert not moves_without_regather(method, local=True)


@methods
def test_without_regather_core_attention_does_not_fetch_its_operands_again(method):
    assert not moves_without_regather(method, local=False)


@llamas
@pytest.mark.parametrize("n", [1, 2, 4, 8])
def test_optimus_moves_its_closed_form(name, n):
    for model, kv in itertools.product((one_layer(name), every_head_its_own_keys(name)), ("gather", "replicate")):
        expected = optimus_bytes(Widths.of(model), n, n * SEQUENCE, kv)
        assert not differences("optimus", model, (n, n), n, expected, kv=kv), kv


@llamas
def test_optimus_without_regather_broadcasts_its_activations_once(name):
    model = every_head_its_own_keys(name)
    expected = optimus_bytes(Widths.of(model), 4, 4 * SEQUENCE, regather=False)
    assert not differences("optimus", model, (4, 4), 4, expected, kv="gather", regather=False)


@pytest.mark.parametrize("method", [*METHODS, "optimus"])
@pytest.mark.parametrize("tiles", [2, 8])
def test_token_tiles_move_the_same_bytes(method, tiles):
    package, model = oracle(4, 4), one_layer("llama2-7b")
    plan = plan_of(method, 4, SEQUENCE)
    tiled = load_plan(plan, {"token_tile": 4 * SEQUENCE // tiles})
    whole, cut = (counted(package, trace_of(package, model, one)) for one in (plan, tiled))
    weights = {"optimus": tiles}.get(method, 1)  # weights come again for every tile of tokens, activations do not
    for key, (sent, crossed, labels) in whole.items():
        again = (weights - 1) * sum(size for label, size in labels.items() if "weight" in label)
        assert cut[key][0] == sent + again
        assert weights > 1 or cut[key][1] == crossed


@pytest.mark.parametrize("kv", ["gather", "replicate"])
def test_the_update_sums_gains_over_columns_and_copies_of_key_weights_once(kv):
    rows, columns, widths = 2, 8, Widths.of(one_layer("tinyllama-1.1b"))
    package = oracle(rows, columns)
    plan = load_plan(plan_of("hecaton", 4, SEQUENCE, kv=kv), {"optimizer": "adam"})
    found = counted(package, trace_of(package, one_layer("tinyllama-1.1b"), plan))
    gain = 2 * (columns - 1) * rows * (widths.h // rows) * E
    copied = 2 * widths.h * widths.w * E if kv == "replicate" else 0  # two columns share a head: 2 (2 - 1) h w
    assert found["attention", "update"][0] == gain + copied
    assert found["ffn", "update"][0] == gain
