"""Array cycles against SCALE-Sim 3.0, and the laws of durations."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hecasim.mapping.compute import duration_ps, folds, gemm_cycles, operand_elements, sram_bytes
from hecasim.mapping.work import Work
from hecasim.specs import SystolicCoreSpec, load_package

REFERENCE = Path(__file__).parent / "data" / "scalesim_rows.csv"
ROWS = list(csv.DictReader(REFERENCE.read_text(encoding="utf-8").splitlines()))
sizes = st.integers(1, 300)


def core(rows, columns, dataflow, **changes):
    return SystolicCoreSpec.model_validate(
        {"clock_hz": 10**9, "arrays": 1, "rows": rows, "columns": columns, "dataflow": dataflow, "vector_lanes": 4}
        | changes,
        by_name=True,
    )


cores = st.builds(core, st.integers(1, 20), st.integers(1, 20), st.sampled_from(["ws", "os", "is"]))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(row.values()))
def test_array_cycles_are_the_rows_of_demand_that_scale_sim_counts(row):
    m, n, k, rows, columns = (int(row[name]) for name in ("m", "n", "k", "rows", "columns"))
    assert gemm_cycles(core(rows, columns, row["dataflow"]), 1, m, n, k) == int(row["demand_rows"])


def test_cycles_divide_by_rows_and_columns_not_by_arrays_twice():
    """T = 100 on one fold of an 8 x 8 array 64 times: 64 x (100 + 8 + 8 - 2) cycles."""
    assert gemm_cycles(core(8, 8, "os"), 1, 64, 64, 100) == 64 * 114
    assert gemm_cycles(core(8, 8, "os", arrays=4), 1, 64, 64, 100) == 16 * 114


@given(cores, sizes, sizes, sizes)
def test_folds_cover_the_product(one, m, n, k):
    row_folds, column_folds, stream = folds(one, m, n, k)
    assert row_folds * one.rows * column_folds * one.columns * stream >= m * n * k


@given(cores, st.integers(1, 5), sizes, sizes, sizes, st.booleans())
def test_no_array_beats_its_peak(one, count, m, n, k, overlap):
    one = one.model_copy(update={"fold_overlap": overlap})
    assert gemm_cycles(one, count, m, n, k) * one.rows * one.columns * one.arrays >= count * m * n * k


@given(cores, sizes, sizes, sizes)
def test_overlapping_folds_never_cost_time(one, m, n, k):
    assert gemm_cycles(one.model_copy(update={"fold_overlap": True}), 1, m, n, k) <= gemm_cycles(one, 1, m, n, k)


@given(cores, st.integers(1, 6), st.integers(1, 4), sizes, sizes, sizes)
def test_more_arrays_never_cost_time(one, count, arrays, m, n, k):
    more = one.model_copy(update={"arrays": arrays + 1})
    fewer = one.model_copy(update={"arrays": arrays})
    assert gemm_cycles(more, count, m, n, k) <= gemm_cycles(fewer, count, m, n, k)


@given(cores, sizes, sizes, sizes)
def test_a_product_moves_at_least_its_operands_and_result(one, m, n, k):
    chiplet = load_package("hecaton_4x4_standard").chiplet.model_copy(update={"tile_core": one})
    assert operand_elements(chiplet, 1, m, n, k) >= m * k + k * n + m * n


@given(cores, sizes, sizes, sizes, st.integers(2, 8), st.booleans())
def test_fed_together_and_added_beside_them_arrays_read_no_more_and_no_less_than_once(one, m, n, k, arrays, tree):
    chiplet = load_package("hecaton_4x4_standard").chiplet
    shared = one.model_copy(update={"broadcast": arrays, "adder_tree": tree})
    alone, together = (chiplet.model_copy(update={"tile_core": each}) for each in (one, shared))
    elements = operand_elements(together, 1, m, n, k)
    assert m * k + k * n + m * n <= elements <= operand_elements(alone, 1, m, n, k)
    assert gemm_cycles(one, 1, m, n, k) == gemm_cycles(shared, 1, m, n, k)


def test_sixteen_arrays_that_share_inputs_and_an_adder_tree_read_inputs_once_per_sixteen_column_folds():
    """512 x 256 by 256 x 512 on arrays of 16 x 16: 32 column folds are two reads of the left operand."""
    chiplet = load_package("mozart_qwen3_hbm2").chiplet
    assert operand_elements(chiplet, 1, 512, 512, 256) == 2 * 512 * 256 + 256 * 512 + 512 * 512


def test_the_tiles_of_a_die_work_as_one():
    """64 tiles of 16 arrays of 16 x 16 at 1 GHz; 32 GB/s and 2.265 MB of SRAM each."""
    chiplet = load_package("mozart_qwen3_hbm2").chiplet
    assert chiplet.core.peak_flop_per_s == 64 * 16 * 256 * 2 * 10**9
    assert chiplet.core.vector_lanes == 64 * chiplet.tile_core.vector_lanes
    assert chiplet.sram.operand_bytes_per_s == 64 * 32 * 10**9
    assert chiplet.sram.weights_bytes + chiplet.sram.activations_bytes == 64 * 2_265_000
    ideal = load_package("oracle_8x8", {"chiplet.tiles": 3}).chiplet
    assert (ideal.core.peak_flop_per_s, ideal.sram.weights_bytes) == (3 * 10**13, None)


def test_a_slow_sram_port_sets_the_duration():
    chiplet = load_package("oracle_8x8", {"chiplet.sram.core_bandwidth": "1 GB/s"}).chiplet
    work = Work(((1, 10, 10, 10),), 0)
    assert sram_bytes(chiplet, work, 2) == 600
    assert duration_ps(chiplet, work, 2) == 600_000


def test_vector_work_follows_the_arrays_in_whole_cycles():
    chiplet = load_package("hecaton_4x4_standard").chiplet
    chiplet = chiplet.model_copy(update={
        "tile_core": core(4, 4, "os", vector_lanes=4),
        "tile_sram": chiplet.tile_sram.model_copy(update={"core_bandwidth_bytes_per_s": None}),
    })  # fmt: skip
    product = duration_ps(chiplet, Work(((1, 4, 4, 10),), 0), 2)
    assert product == 16 * 1000
    assert duration_ps(chiplet, Work(((1, 4, 4, 10),), 9), 2) == product + 3 * 1000


def test_no_work_takes_no_time():
    assert duration_ps(load_package("hecaton_4x4_standard").chiplet, Work((), 0), 2) == 0
