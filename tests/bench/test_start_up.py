"""How long the program takes to answer `--help`, against a bare interpreter timed in the same run."""

import subprocess
import sys
import time

import pytest

LIMIT = 25  # times a bare start of Python; measured about 10


def best_of(times: int, *words: str) -> float:
    def once() -> float:
        begin = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, capture_output=True)
        return time.perf_counter() - begin

    return min(once() for _ in range(times))


@pytest.mark.bench
def test_help_answers_at_once(benchmark):
    bare = best_of(5, "-c", "pass")
    benchmark.pedantic(best_of, args=(1, "-m", "hecasim", "--help"), rounds=5)
    help_s = best_of(5, "-m", "hecasim", "--help")
    assert help_s <= LIMIT * bare
