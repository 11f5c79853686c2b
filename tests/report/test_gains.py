"""Energy ratios of a comparison: each method against the first, with and without what flows whatever is done."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hecasim.report.gains import at_rest_j, dynamic_j, energy_gains
from tests.report.documents import result_document

JOULES = st.floats(1e-3, 1e6)


def row(method, moving_j, at_rest):
    document = result_document(method)
    document["energy_j"]["total"] = moving_j + sum(at_rest)
    document["energy_parts_j"] = dict(zip(("static_chiplet", "phy_idle", "dram_background"), at_rest, strict=True))
    return document


@given(JOULES, JOULES, st.lists(JOULES, min_size=3, max_size=3), st.lists(JOULES, min_size=3, max_size=3))
def test_each_ratio_is_of_its_own_part_of_the_energy(first_j, second_j, first_rest, second_rest):
    first, second = row("megatron", first_j, first_rest), row("hecaton", second_j, second_rest)
    assert dynamic_j(first) + at_rest_j(first) == pytest.approx(first["energy_j"]["total"])
    gains = energy_gains([first, second])
    assert gains["megatron"] == {"with_static": 1.0, "without_static": 1.0}
    assert gains["hecaton"]["with_static"] == first["energy_j"]["total"] / second["energy_j"]["total"]
    assert gains["hecaton"]["without_static"] == pytest.approx(first_j / second_j, rel=1e-2)


def test_a_row_that_did_not_run_has_no_ratio_and_as_the_first_leaves_nothing_to_compare_with():
    refused = {"method": "optimus", "refused": True, "message": "needs a square grid"}
    one = row("megatron", 2.0, (1.0, 0.0, 0.0))
    assert list(energy_gains([one, refused])) == ["megatron"]
    assert energy_gains([refused, one]) is None
    assert energy_gains([]) is None


def test_no_energy_at_all_has_no_ratio():
    still = row("megatron", 0.0, (1.0, 0.0, 0.0))
    assert energy_gains([still])["megatron"] == {"with_static": 1.0, "without_static": None}
