"""How much faster two processes are than one: `python -m tests.sweep.throughput [POINTS] [PAIRS]` prints it.

Real steps of the tiny model by the plain engine, each some tenths of a second. One and two processes take turns,
because other work on the machine comes and goes; start-up is left out, as in a sweep that lasts.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from hecasim.specs import load_study
from hecasim.sweep.local import LocalExecutor
from hecasim.sweep.point import DONE, Point
from hecasim.sweep.points import points_of
from hecasim.sweep.work import simulate_point
from tests.tiny import write_inputs

STUDY = """\
name: throughput
package: ./package.yaml
model: ./model.yaml
plan: {batch: 8, sequence: 64, engine: plain}
axes:
  package.link.latency: {from: 1 ns, to: 100 ns, steps: %d}
"""


def points(folder: Path, count: int) -> list[Point]:
    """So many points that take equally long."""
    write_inputs(folder)
    file = folder / "throughput.yaml"
    file.write_text(STUDY % count)
    return points_of(load_study(file), str(file), "0")


def rows_per_s(what: Sequence[Point], jobs: int) -> float:
    """Rows per second from the moment when every process has given two."""
    arriving = LocalExecutor(simulate_point, jobs).run(what)
    for _ in range(2 * jobs):
        next(arriving)
    began = time.perf_counter()
    rest = [outcome for _, outcome in arriving]
    assert all(outcome.status == DONE for outcome in rest)
    return len(rest) / (time.perf_counter() - began)


def ratios(count: int, pairs: int) -> list[tuple[float, float]]:
    """(rows per second of one process, of two), pair by pair."""
    with tempfile.TemporaryDirectory() as place:
        what = points(Path(place), count)
        return [(rows_per_s(what, 1), rows_per_s(what, 2)) for _ in range(pairs)]


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    pairs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    for one, two in ratios(count, pairs):
        sys.stdout.write(f"1 process {one:.2f} rows/s, 2 processes {two:.2f} rows/s: {two / one:.2f}x\n")


if __name__ == "__main__":
    main()
