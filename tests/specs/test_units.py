"""Units: text becomes exact numbers in base units, and comes back."""

import pickle
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hecasim.errors import ConfigError, InfeasiblePlan, nearest
from hecasim.registry import Registry
from hecasim.units import PRINTED, WrongUnitError, as_text, in_base_units


@pytest.mark.parametrize(
    ("text", "base", "number"),
    [
        ("5 ns", "ps", 5000),
        ("5ns", "ps", 5000),
        ("0.1 us", "ps", 100_000),
        ("8 MiB", "B", 8 * 2**20),
        ("51.2 GB/s", "B/s", 51_200_000_000),
        ("32 Gb/s", "B/s", 4_000_000_000),
        ("1 GHz", "Hz", 10**9),
        ("5 TMAC/s", "FLOP/s", 10**13),
        ("1e12 FLOP/s", "FLOP/s", 10**12),
        ("0.5 pJ/b", "J/b", 0.5e-12),
        ("4 pJ/B", "J/b", 0.5e-12),
        ("250 mW", "W", 0.25),
        ("57.9 um2", "mm2", 57.9e-6),
        ("0.5 mm2/MiB", "mm2/MiB", 0.5),
        ("8 USD/GiB", "USD/GiB", 8),
        ("0.09 defects/cm2", "defects/cm2", 0.09),
        ("30 mm", "mm", 30),
    ],
)
def test_a_quantity_is_read_exactly(text, base, number):
    assert in_base_units(text, base) == number


@pytest.mark.parametrize(
    "text", ["5", "ns", "5 ns ns", "5 GB", "5 parsec", "- 5 ns", "5 n s", "5 ns/", "٥ ns", "", "5 class"]
)
def test_what_is_not_a_quantity_is_refused(text):
    with pytest.raises(WrongUnitError):
        in_base_units(text, "ps")


@settings(deadline=None)
@given(st.integers(1, 10**6))
def test_a_byte_is_eight_bits(number):
    assert in_base_units(f"{number} GB/s", "B/s") == in_base_units(f"{8 * number} Gb/s", "B/s")


@pytest.mark.parametrize("base", PRINTED)
@settings(deadline=None)
@given(data=st.data())
def test_a_number_survives_being_written_as_text(base, data):
    whole = base in ("ps", "B", "B/s", "Hz", "FLOP/s")
    number = data.draw(
        st.integers(0, 10**20)
        if whole
        else st.floats(0, 1e3, allow_subnormal=False).filter(lambda x: not 0 < x < 1e-20)
    )
    assert in_base_units(as_text(number, base), base) == number


def test_numbers_are_printed_short():
    assert as_text(10_000, "ps") == "10 ns"
    assert as_text(51_200_000_000, "B/s") == "51.2 GB/s"
    assert as_text(12 * 2**20, "B") == "12 MiB"
    assert as_text(0.5e-12, "J/b") == "0.5 pJ/b"


def test_importing_the_specs_does_not_import_pint():
    code = "import sys, hecasim.specs; raise SystemExit('pint' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_registry_answers_an_unknown_name_with_the_nearest():
    with pytest.raises(ConfigError, match="topology: unknown name 'tours'; did you mean 'torus'"):
        Registry("topology", {"mesh": 1, "torus": 2})["tours"]


def test_an_infeasible_plan_says_all_and_crosses_processes():
    error = InfeasiblePlan("SRAM of weights (bytes)", 2048, 1024, ["more dies", "fp8"])
    again = pickle.loads(pickle.dumps(error))
    assert (
        str(again)
        == str(error)
        == "SRAM of weights (bytes): needed 2,048, available 1,024; what would help: more dies; fp8"
    )
    assert (again.exit_code, again.needed, again.levers) == (3, 2048, ["more dies", "fp8"])


def test_a_word_without_a_neighbour_is_answered_with_all_there_is():
    assert nearest("zzz", ["mesh", "torus"]) == "known: mesh, torus"
