"""A sweep of cheap points as a process of its own, to be killed: DIR, points, jobs, executor, sleep per point."""

import sys
from pathlib import Path

from hecasim.sweep.cluster import DaskExecutor
from hecasim.sweep.local import LocalExecutor
from hecasim.sweep.runner import missing, run_points, store_for_writing
from tests.sweep.cheap import cheap_points, imagine


def main() -> None:
    folder, count, jobs, executor, sleep_s = sys.argv[1:]
    pids = Path(folder).with_suffix(".pids")
    pids.mkdir(exist_ok=True)
    points = cheap_points(int(count), sleep_s=float(sleep_s), pids=str(pids))
    runs = LocalExecutor(imagine, int(jobs)) if executor == "local" else DaskExecutor(imagine, int(jobs), None)
    with store_for_writing(Path(folder), resume=True, say=sys.stderr.write) as store:
        store.describe({"name": "cheap", "version": "0", "study": {}}, points)
        run_points(missing(points, store), store, runs, lambda outcome: None)


if __name__ == "__main__":
    main()
