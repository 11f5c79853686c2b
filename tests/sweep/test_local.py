"""Processes of this machine: every point once, the same rows in any number, and workers that die."""

import os
import time
from pathlib import Path

import pytest

from hecasim.sweep.local import RUN_AGAIN, LocalExecutor
from hecasim.sweep.point import FAILED
from tests.sweep.cheap import cheap_points, imagine, kill_some
from tests.sweep.throughput import ratios


def test_every_point_ends_once_with_its_own_outcome():
    points = cheap_points(40)
    ended = {point.number: outcome for point, outcome in LocalExecutor(imagine, 2).run(points)}
    assert ended == {point.number: imagine(point.payload) for point in points}


def test_points_of_a_killed_worker_run_again(tmp_path):
    points = cheap_points(20, marks=str(tmp_path), once=(4, 13))
    ended = [(point.number, outcome) for point, outcome in LocalExecutor(kill_some, 2).run(points)]
    assert sorted(number for number, _ in ended) == list(range(20))
    assert {number for number, outcome in ended if outcome != imagine({"number": number})} == set()


def test_a_point_that_kills_every_worker_is_given_up_and_no_other_is(tmp_path):
    points = cheap_points(12, marks=str(tmp_path), always=(4,))
    ended = {point.number: outcome for point, outcome in LocalExecutor(kill_some, 2).run(points)}
    assert ended[4].status == FAILED
    assert "died 3 times" in ended[4].reason
    assert len((tmp_path / "4").read_text()) == 1 + RUN_AGAIN
    assert all(outcome == imagine({"number": number}) for number, outcome in ended.items() if number != 4)


def test_leaving_early_ends_the_workers(tmp_path):
    arriving = LocalExecutor(imagine, 2).run(cheap_points(50, sleep_s=0.2, pids=str(tmp_path)))
    next(arriving)
    arriving.close()
    pids = [int(path.name) for path in tmp_path.iterdir()]
    assert pids
    limit = time.monotonic() + 10
    while any(_running(pid) for pid in pids):
        assert time.monotonic() < limit
        time.sleep(0.02)


def _running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.long
@pytest.mark.bench
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two CPUs")
def test_two_processes_have_nearly_twice_the_throughput_of_one():
    """The best of three pairs: other work on the machine only ever takes away."""
    assert max(two / one for one, two in ratios(40, 3)) >= 1.7
