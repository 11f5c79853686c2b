"""A layer takes the time of the closed forms: links to 3e-4, compute to 1e-6 (Hecaton closed forms, derived)."""

import pytest

from tests.oracle.steps import (
    BLOCKS,
    PASSES,
    PS_PER_US,
    E,
    Widths,
    collective,
    core_bytes,
    hecaton_bytes,
    hecaton_core,
    layer_rows,
    one_layer,
    optimus_bytes,
    oracle,
    plan_of,
    replay_alone,
    trace_of,
)

BETA, HOP_US, FLOPS = 32e9, 0.010, 10e12
TOKENS = 4096
CASES = ("7B 8x8", "7B 4x16", "7B 16x4", "405B 32x32")
SETTINGS = {  # model, rows, columns, sequences: local attention in 7B, only keys and values shared over columns in 405B
    "7B 8x8": ("llama2-7b", 8, 8, 2),
    "7B 4x16": ("llama2-7b", 4, 16, 2),
    "7B 16x4": ("llama2-7b", 16, 4, 2),
    "405B 32x32": ("llama3.1-405b", 32, 32, 32),
}
# Microseconds: bypass rings of two hops per step, 10 ns per hop, 32 GB/s, 2 bytes, 4096 tokens, 10 TFLOP/s.
HECATON = {
    ("attention", "forward"): (688.688, 688.848, 1082.064, 526.256),
    ("ffn", "forward"): (1154.608, 888.528, 2080.464, 1494.448),
    ("attention", "backward"): (918.344, 984.120, 1377.336, 781.448),
    ("ffn", "backward"): (1577.800, 1266.744, 2790.456, 2035.336),
}
GEMM_FORWARD = (2590.402, 2590.402, 2590.402, 2550.137)
FLAT_ALL_REDUCE = (2065.644, 2065.644, 2065.644, 8400.876)
TORUS_SEQUENTIAL = (2064.944, 2065.104, 2065.104, 8382.896)
TORUS_TWO_COLOURS = (1032.752, 1230.000, 1230.000, 4192.688)
OPTIMUS_FORWARD = {"7B 8x8": (2326.528, 1581.056), "405B 32x32": (7045.120, 6225.920)}  # serial, concurrent links

LINK_TIME = 3e-4
EXACT_TO = 1e-6
cases = pytest.mark.parametrize("case", CASES)
all_reduces = pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.long if case == "405B 32x32" else ()) for case in CASES]
)
short = pytest.mark.parametrize("case", CASES[:3])


def closed_form_us(model, rows, columns, batch, tokens, kv="gather"):
    """(block, pass) -> link time by the closed forms: steps of two hops, and what core attention fetches besides."""
    widths = Widths.of(model)
    core = hecaton_core(widths, rows, columns, batch)
    assert core.left == 1, "the closed forms of time have no all-to-all"
    units = hecaton_bytes(widths, rows, columns, batch, kv)
    members = core.rows * (core.copies if kv == "gather" else 1)
    fetched = core_bytes(widths, core, kv, True)
    wire = tokens * E / (rows * columns) / BETA * 1e6
    times = {}
    for (block, phase), sent in units.items():
        passes = 2 if phase == "forward" else 3
        steps = passes * (rows - 1 + columns - 1)
        if block == "attention" and fetched[phase]:
            steps += (passes - 1) * (members - 1)
        times[block, phase] = float(sent) * wire + steps * 2 * HOP_US
    return times


def bare_closed_form_us(model, rows, columns, tokens):
    """(block, pass) -> link time of the two weight products of each block: what the table holds."""
    wire = tokens * E / (rows * columns) / BETA * 1e6
    return {
        key: float(sent) * wire + 2 * HOP_US * (2 if key[1] == "forward" else 3) * (rows + columns - 2)
        for key, sent in hecaton_bytes(Widths.of(model), rows, columns).items()
    }


def gemm_us(model, rows, columns, tokens):
    widths = Widths.of(model)
    return 2 * tokens * (widths.h * (widths.q + widths.h) + 3 * widths.h * widths.f) / (rows * columns) / FLOPS * 1e6


def core_us(model, rows, columns, tokens, sequence):
    return 4 * tokens * sequence * model.hidden / (rows * columns) / FLOPS * 1e6


def simulated(name, rows, columns, batch, tokens, kv="gather"):
    return layer_rows(oracle(rows, columns), one_layer(name), plan_of("hecaton", batch, tokens // batch, kv=kv))


@short
def test_a_layer_of_local_attention_takes_the_link_time_of_the_table(case):
    name, rows, columns, batch = SETTINGS[case]
    found = simulated(name, rows, columns, batch, TOKENS)
    for key, golden in HECATON.items():
        assert found[key]["nop_ps"] / PS_PER_US == pytest.approx(golden[CASES.index(case)], rel=LINK_TIME), key


@pytest.mark.parametrize("kv", ["gather", pytest.param("replicate", marks=pytest.mark.long)])
def test_a_layer_on_1024_dies_takes_the_table_and_its_shared_keys(kv):
    name, rows, columns, batch = SETTINGS["405B 32x32"]
    model, table = one_layer(name), CASES.index("405B 32x32")
    shared = closed_form_us(model, rows, columns, batch, TOKENS, kv)
    found = simulated(name, rows, columns, batch, TOKENS, kv)
    for key, golden in HECATON.items():
        keys = shared[key] - bare_closed_form_us(model, rows, columns, TOKENS)[key]
        assert (keys > 0) == (key[0] == "attention")
        assert found[key]["nop_ps"] / PS_PER_US == pytest.approx(golden[table] + keys, rel=LINK_TIME), key
    if kv == "gather":  # copies of the projections cost FLOPs of their own
        core = core_us(model, rows, columns, TOKENS, TOKENS // batch)
        for phase, times in zip(PASSES, (1, 2), strict=True):
            spent = sum(found[block, phase]["compute_ps"] for block in BLOCKS) / PS_PER_US
            assert spent - times * core == pytest.approx(times * GEMM_FORWARD[table], rel=EXACT_TO)


@short
def test_the_matrix_products_of_a_layer_take_the_time_of_the_table(case):
    name, rows, columns, batch = SETTINGS[case]
    found = simulated(name, rows, columns, batch, TOKENS)
    core = core_us(one_layer(name), rows, columns, TOKENS, TOKENS // batch)
    for phase, times in zip(PASSES, (1, 2), strict=True):
        spent = sum(found[block, phase]["compute_ps"] for block in BLOCKS) / PS_PER_US
        golden = times * GEMM_FORWARD[CASES.index(case)]
        assert spent - times * core == pytest.approx(golden, rel=EXACT_TO)


@cases
def test_the_closed_forms_of_this_file_give_the_table(case):
    name, rows, columns, _ = SETTINGS[case]
    model = one_layer(name)
    for key, microseconds in bare_closed_form_us(model, rows, columns, TOKENS).items():
        assert microseconds == pytest.approx(HECATON[key][CASES.index(case)], abs=1e-3)
    assert gemm_us(model, rows, columns, TOKENS) == pytest.approx(GEMM_FORWARD[CASES.index(case)], abs=1e-3)


OTHERS = (
    ("llama2-7b", 8, 8, 1, 2048), ("llama2-7b", 8, 8, 4, 4096), ("llama2-7b", 4, 16, 4, 2048),
    ("tinyllama-1.1b", 4, 4, 1, 2048), ("tinyllama-1.1b", 4, 4, 4, 4096), ("tinyllama-1.1b", 2, 8, 2, 2048),
    ("tinyllama-1.1b", 8, 2, 4, 2048), ("llama2-70b", 16, 16, 16, 4096), ("llama2-70b", 16, 16, 4, 8192),
)  # fmt: skip


@pytest.mark.parametrize("kv", ["gather", "replicate"])
@pytest.mark.parametrize(("name", "rows", "columns", "batch", "tokens"), OTHERS)
def test_other_models_grids_and_micro_batches_follow_the_same_closed_forms(name, rows, columns, batch, tokens, kv):
    model = one_layer(name)
    found = simulated(name, rows, columns, batch, tokens, kv)
    for key, golden in closed_form_us(model, rows, columns, batch, tokens, kv).items():
        assert found[key]["nop_ps"] / PS_PER_US == pytest.approx(golden, rel=LINK_TIME), key
    if kv == "gather":
        core = core_us(model, rows, columns, tokens, tokens // batch)
        for phase, times in zip(PASSES, (1, 2), strict=True):
            spent = sum(found[block, phase]["compute_ps"] for block in BLOCKS) / PS_PER_US - times * core
            assert spent == pytest.approx(times * gemm_us(model, rows, columns, tokens), rel=EXACT_TO)


# --- all-reduces alone: one task of T h e bytes over the whole grid ---------------------------------------------------


def all_reduce_us(case, algorithm, **options):
    name, rows, columns, _ = SETTINGS[case]
    package = oracle(rows, columns)
    log = collective(package, algorithm, range(rows * columns), TOKENS * one_layer(name).hidden * E, **options)
    return log.step_ps / PS_PER_US


@all_reduces
def test_an_all_reduce_on_the_flat_ring_takes_the_time_of_the_table(case):
    assert all_reduce_us(case, "ring.all_reduce") == pytest.approx(FLAT_ALL_REDUCE[CASES.index(case)], rel=EXACT_TO)


@cases
def test_an_all_reduce_on_rows_and_columns_takes_the_time_of_the_table(case):
    golden = TORUS_SEQUENTIAL[CASES.index(case)]
    assert all_reduce_us(case, "torus_2d.all_reduce") == pytest.approx(golden, rel=LINK_TIME)


@cases
def test_an_all_reduce_in_two_colours_takes_the_time_of_the_table(case):
    golden = TORUS_TWO_COLOURS[CASES.index(case)]
    assert all_reduce_us(case, "torus_2d.all_reduce", colours="two") == pytest.approx(golden, rel=LINK_TIME)


@short
def test_a_megatron_block_is_its_all_reduces(case):
    name, rows, columns, _ = SETTINGS[case]
    # A batch that the leftover of the heads divides moves whole sequences; the FFN has nothing but its all-reduce.
    found = layer_rows(oracle(rows, columns), one_layer(name), plan_of("megatron", 2, TOKENS // 2))
    for phase in PASSES:
        golden = FLAT_ALL_REDUCE[CASES.index(case)]
        assert found["ffn", phase]["nop_ps"] / PS_PER_US == pytest.approx(golden, rel=EXACT_TO)


@pytest.mark.parametrize(
    ("case", "chunks"),
    [("7B 8x8", 1), ("7B 8x8", 8), pytest.param("405B 32x32", 4, marks=pytest.mark.long)],
)
def test_optimus_takes_at_least_its_pipelined_bounds(case, chunks):
    name, rows, columns, _ = SETTINGS[case]
    serial, concurrent = OPTIMUS_FORWARD[case]
    package = oracle(rows, columns)
    trace = trace_of(package, one_layer(name), plan_of("optimus", rows, TOKENS // rows, kv="gather", chunks=chunks))
    for phase, times in zip(PASSES, (1, 2), strict=True):
        linked = elapsed = 0
        for block in BLOCKS:
            log = replay_alone(package, trace, block, phase)
            row = log.layers[0, phase, block]
            linked += row.nop_ps  # collectives side by side count twice here
            elapsed += log.step_ps - row.compute_ps
        assert linked / PS_PER_US >= times * serial
        assert elapsed / PS_PER_US >= times * concurrent


@pytest.mark.parametrize(("name", "n"), [("llama2-7b", 8), ("tinyllama-1.1b", 4)])
def test_optimus_moves_exactly_its_tiles(name, n):
    package, model = oracle(n, n), one_layer(name)
    found = layer_rows(package, model, plan_of("optimus", n, TOKENS // n, kv="gather"))
    for key, sent in optimus_bytes(Widths.of(model), n, TOKENS, "gather").items():
        assert found[key]["nop_bytes"] == sent * TOKENS * E
