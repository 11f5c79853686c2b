"""The runs of the reproduction themselves: both engines, and the promise of time for all four variants."""

import time

import pytest

from hecasim.reproduce.mozart_calibration import CALIBRATED
from hecasim.reproduce.mozart_paper import CASES, QWEN3
from hecasim.reproduce.mozart_runs import Point, Runs

FOUR = ("baseline", "A", "B", "C")
PROMISED_S = 20.0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.package)
def test_both_engines_give_the_same_seconds_and_variants_their_order(case):
    small = {"layers": 2, "sequence": 32}
    fast, plain = (
        [Runs(CALIBRATED).seconds(case, variant, plan=(("engine", engine),), **small) for variant in FOUR]
        for engine in ("fast", "plain")
    )
    assert fast == plain
    assert fast == sorted(fast, reverse=True)


@pytest.mark.long
def test_qwen3_in_all_four_variants_takes_less_than_promised(record_property):
    Runs(CALIBRATED).seconds(QWEN3, "C", layers=1, sequence=32)  # compiles
    begun = time.perf_counter()
    seconds = [Runs(CALIBRATED).at(Point(QWEN3, variant)) for variant in FOUR]
    taken = time.perf_counter() - begun
    record_property("wall_s", taken)
    assert seconds == sorted(seconds, reverse=True)
    assert taken < PROMISED_S, f"48 layers of Qwen3, 32 x 256 tokens, four variants took {taken:.1f} s"
