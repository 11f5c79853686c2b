"""A sweep that is killed and resumed ends with exactly the rows of one that was not."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from hecasim.sweep.export import table, write_csv
from hecasim.sweep.store import FILE, Store
from tests.tiny import write_inputs

ROOT = Path(__file__).parents[2]
POINTS = 300


def driver(folder: Path, executor: str = "local", jobs: int = 2, sleep_s: float = 0.004) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "tests.sweep.driver", str(folder), str(POINTS), str(jobs), executor, str(sleep_s)]
    return subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def rows_kept(folder: Path) -> int:
    """How many outcomes another process has kept so far."""
    if not (folder / FILE).exists():
        return 0
    with closing(sqlite3.connect(f"file:{folder / FILE}?mode=ro", uri=True)) as base:
        try:
            return int(base.execute("SELECT count(*) FROM outcomes").fetchone()[0])
        except sqlite3.OperationalError:  # this moment it is locked
            return 0


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until(what, seconds: float = 60) -> None:
    limit = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < limit, "waited too long"
        time.sleep(0.005)


def exported(folder: Path) -> bytes:
    with Store.open(folder) as store:
        columns, lines = table(store)
    page = folder / "rows.csv.tmp"
    write_csv(columns, lines, page)
    text = page.read_bytes()
    page.unlink()
    return text


def finish(run: subprocess.Popen[str]) -> None:
    assert run.wait(120) == 0, run.stderr.read()
    run.stderr.close()


def kill_after(run: subprocess.Popen[str], folder: Path, rows: int, pause_s: float) -> None:
    """Kill a sweep a moment after it has so many rows; its workers must not outlive it."""
    wait_until(lambda: rows_kept(folder) >= rows or run.poll() is not None)
    time.sleep(pause_s)
    workers = children(run.pid)
    run.kill()
    run.wait()
    run.stderr.close()
    wait_until(lambda: not any(alive(pid) for pid in workers), 20)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> bytes:
    folder = tmp_path_factory.mktemp("whole") / "store"
    finish(driver(folder, sleep_s=0))
    return exported(folder)


def test_a_sweep_killed_at_twenty_random_moments_and_resumed_has_all_rows_once(tmp_path, uninterrupted):
    folder, draw = tmp_path / "store", random.Random(1)
    kept = 0
    for _ in range(20):
        kill_after(driver(folder), folder, rows=kept + draw.randrange(14), pause_s=draw.random() * 0.02)
        assert rows_kept(folder) >= kept
        kept = rows_kept(folder)
    finish(driver(folder, sleep_s=0))
    text = exported(folder)
    assert len(text.splitlines()) == POINTS + 1
    assert text == uninterrupted


def test_a_dask_cluster_whose_worker_is_killed_gives_the_same_rows(tmp_path, uninterrupted):
    pytest.importorskip("distributed")
    folder = tmp_path / "store"
    run = driver(folder, "dask")
    pids = folder.with_suffix(".pids")
    wait_until(lambda: (pids.is_dir() and rows_kept(folder) > 10) or run.poll() is not None)
    victim = int(next(pids.iterdir()).name)
    os.kill(victim, signal.SIGKILL)
    finish(run)
    assert exported(folder) == uninterrupted


STUDY = """\
name: many
package: ./package.yaml
model: ./model.yaml
plan: {batch: 1, sequence: 16, fidelity: analytic, capacity: warn}
axes:
  package.link.bandwidth: {from: 16 GB/s, to: 128 GB/s, steps: 10}
  plan.method: [hecaton, megatron, optimus]
  package.link.latency: {from: 1 ns, to: 100 ns, steps: 10}
"""


@pytest.mark.long
def test_a_real_sweep_killed_twenty_times_equals_one_that_was_not(tmp_path):
    write_inputs(tmp_path)
    (tmp_path / "many.yaml").write_text(STUDY)

    def sweep(name: str) -> subprocess.Popen[str]:
        words = [
            sys.executable,
            "-m",
            "hecasim",
            "sweep",
            "many.yaml",
            "--out",
            name,
            "--resume",
            "--quiet",
            "--jobs",
            "2",
        ]
        surroundings = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            words, cwd=tmp_path, env=surroundings, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )

    began = time.monotonic()
    finish(sweep("whole"))
    whole_s = time.monotonic() - began
    draw = random.Random(7)
    for _ in range(20):
        run = sweep("killed")
        time.sleep(draw.uniform(0.2, 1.5) + draw.random() * whole_s / 12)
        run.kill()
        run.wait()
        run.stderr.close()
    finish(sweep("killed"))
    text = exported(tmp_path / "killed")
    assert len(text.splitlines()) == POINTS + 1
    assert text == exported(tmp_path / "whole")
