"""Progress of a sweep where nobody watches a terminal: a line at intervals, on stderr."""

import time

from hecasim.cli import progress
from hecasim.cli.progress import RowProgress


def test_a_line_says_how_many_how_fast_how_long_and_what_runs():
    rows = RowProgress(10, lambda: ["16 GB/s, hecaton", "x" * 300], quiet=False)
    assert rows.line().startswith("0 of 10 (0 done, 0 infeasible, 0 failed), ")
    for status in ("done", "done", "infeasible", "failed"):
        rows.heard(status)
    line = rows.line()
    assert line.startswith("4 of 10 (2 done, 1 infeasible, 1 failed), ")
    assert " left; runs: 16 GB/s, hecaton | x" in line
    assert len(line) < 300


def test_lines_come_at_intervals_and_end_with_the_work(monkeypatch, capsys):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.02)
    with RowProgress(3, list, quiet=False):
        time.sleep(0.2)
    said = capsys.readouterr()
    assert said.out == ""
    assert 2 <= len(said.err.splitlines()) <= 11
    time.sleep(0.06)
    assert capsys.readouterr().err.count("\n") <= 1


def test_quiet_says_nothing(monkeypatch, capsys):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.01)
    with RowProgress(3, list, quiet=True) as rows:
        rows.heard("done")
        time.sleep(0.05)
    assert capsys.readouterr().err == ""
