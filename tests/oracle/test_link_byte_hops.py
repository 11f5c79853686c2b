"""Link bytes times hops of one layer, forward and backward, equal the table (Hecaton closed forms, derived)."""

from fractions import Fraction

import pytest

from hecasim import load_package
from tests.oracle.steps import E, Widths, counted, one_layer, oracle, plan_of, trace_of

TOKENS = 4096
WIDTHS = {"7B": "llama2-7b", "70B": "llama2-70b", "405B": "llama3.1-405b"}
# Units of T h e at T = 4096: model, rows, columns, flat, folded torus, Hecaton bytes sent and bytes x hops, Optimus.
# Local attention: a micro-batch that the rows divide, gathers of shared keys and re-layouts around the core left out.
TABLE = (
    ("7B", 8, 8, 504, 882, 264.6875, 463.203125, 372.75),
    ("7B", 4, 16, 504, 936, 233.4375, 406.40625, None),
    ("7B", 16, 4, 504, 801, 447.1875, 827.2265625, None),
    ("70B", 16, 16, 2040, 3825, 600, 1125, 1440),
    ("405B", 32, 32, 8184, 15856.5, 1178, 2282.375, 4998.75),
)
COLUMNS = ("flat", "torus", "sent", "hecaton", "optimus")


def rows_of(column):
    place = 3 + COLUMNS.index(column)
    return pytest.mark.parametrize(
        ("size", "rows", "columns", "units"),
        [pytest.param(*row[:3], row[place], id=f"{row[0]}-{row[1]}x{row[2]}") for row in TABLE if row[place]],
    )


def units_of(method, size, rows, columns, package=None, **options):
    """(bytes sent, bytes x hops) of attention and FFN, in units of T h e."""
    package = package or oracle(rows, columns)
    model = one_layer(WIDTHS[size])
    batch = max(2, rows)
    trace = trace_of(package, model, plan_of(method, batch, TOKENS // batch, kv="gather", **options))
    found = counted(package, trace, operands=False).values()
    unit = TOKENS * Widths.of(model).h * E
    return Fraction(sum(sent for sent, _, _ in found), unit), Fraction(sum(hops for _, hops, _ in found), unit)


@rows_of("flat")
def test_a_flat_ring_crosses_one_link_per_step(size, rows, columns, units):
    assert units_of("megatron", size, rows, columns) == (units, units)


@rows_of("torus")
def test_rows_and_columns_as_folded_rings_cross_nearly_two_links_per_step(size, rows, columns, units):
    sent, crossed = units_of("megatron_torus", size, rows, columns)
    assert (sent, crossed) == (8 * (rows * columns - 1), units)


@rows_of("flat")
def test_a_torus_with_wrap_links_crosses_one_link_per_step(size, rows, columns, units):
    wired = load_package(oracle(rows, columns), {"topology.kind": "torus"})
    assert units_of("megatron_torus", size, rows, columns, wired) == (units, units)


@rows_of("sent")
def test_hecaton_sends_its_closed_form(size, rows, columns, units):
    assert units_of("hecaton", size, rows, columns)[0] == Fraction(units)


@rows_of("hecaton")
def test_hecaton_crosses_nearly_two_links_per_step(size, rows, columns, units):
    assert units_of("hecaton", size, rows, columns)[1] == Fraction(units)


@rows_of("optimus")
def test_optimus_crosses_one_link_per_tile_and_neighbour(size, rows, columns, units):
    assert units_of("optimus", size, rows, columns) == (Fraction(units), Fraction(units))
