"""The tables: what they say, in which units, and that they fit the terminal."""

import io

import pytest
from rich.console import Console

from hecasim.report.listing import nested
from hecasim.report.table import comparison, single
from tests.report.documents import result_document


def text(parts, width=100):
    console = Console(width=width, file=io.StringIO(), highlight=False)
    for part in parts:
        console.print(part)
    return console.file.getvalue()


NO_FIT = {"method": "optimus", "infeasible": {}, "message": "SRAM per die: needed 2, available 1"}


@pytest.mark.parametrize("width", [100, 120])
def test_tables_fit_the_terminal_without_cutting_a_word(width):
    rows = [result_document("megatron_torus", slower=3), result_document("hecaton"), NO_FIT]
    for shown in (text(comparison("quickstart", rows), width), text(single(rows[0]), width)):
        assert "…" not in shown
        assert max(map(len, shown.splitlines())) <= width


def test_rows_are_compared_with_the_first():
    shown = text(comparison("quickstart", [result_document("megatron", slower=3), result_document("hecaton")]))
    first, second = (next(line for line in shown.splitlines() if name in line) for name in ("megatron ", "hecaton "))
    assert first.split()[-2:] == ["1.00x", "1.00x"]
    assert second.split()[-2:] == ["3.00x", "3.00x"]
    assert (first.split()[1], second.split()[1]) == ("37.04", "12.35")  # one unit for the whole column


def test_without_a_first_row_there_is_nothing_to_compare_with():
    shown = text(comparison("quickstart", [NO_FIT, result_document("hecaton")]))
    assert "optimus does not fit: SRAM per die: needed 2, available 1" in shown
    assert next(line for line in shown.splitlines() if "hecaton" in line).split()[-2:] == ["-", "-"]


def test_a_study_in_which_nothing_fits_still_says_why():
    assert "SRAM per die" in text(comparison("quickstart", [NO_FIT]))


def test_approximations_are_said_once():
    line = "capacity: warn: DRAM needs 1.1 TiB of 512 GiB"
    rows = [result_document("megatron"), result_document("hecaton")]
    assert text(comparison("quickstart", rows)).count(line) == 1
    assert text(single(rows[0])).count(line) == 1


def test_a_single_run_shows_every_part_of_its_document():
    shown = text(single(result_document()))
    for part in ("12.35 s", "41.2%", "1.633 kJ", "unlimited", "512 GiB", "forward", "backward", "layer 1 ffn up [0]"):
        assert part in shown
    assert "recompute" not in shown  # a phase that took no time is left out


def test_a_document_without_its_optional_parts_can_be_shown():
    bare = result_document()
    for key in ("critical_path", "power_w", "host", "hfu"):
        del bare[key]
    bare["simulation"]["token_tile"] = None
    bare["simulation"]["approximations"] = []
    assert "step time" in text(single(bare))


def test_nested_values_are_written_with_the_unit_of_their_key():
    shown = text(
        nested("title", {"time_ps": 5000, "parts": {"size_bytes": 2**20}, "rows": [{"on": True}, {"on": None}]})
    )
    for part in ("title", "time_ps: 5 ns", "size_bytes: 1 MiB", "on: true", "on: null"):
        assert part in shown
