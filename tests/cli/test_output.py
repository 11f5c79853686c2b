"""Progress and notes: on stderr, seldom, and silent when asked."""

import sys

import pytest

from hecasim.cli import output


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(output.time, "monotonic", lambda: now[0])
    return now


def test_without_a_terminal_progress_is_a_line_every_few_seconds(capsys, clock):
    with output.ProgressReport(quiet=False) as progress:
        tell = progress.report("hecaton")
        tell(0.1, "forward")
        clock[0] += output.SECONDS_BETWEEN_LINES
        tell(0.2, "forward")
        tell(0.3, "forward")
        clock[0] += output.SECONDS_BETWEEN_LINES
        tell(0.4, "backward")
    assert capsys.readouterr() == ("", "hecaton:  20 %  forward\nhecaton:  40 %  backward\n")


def test_quiet_progress_says_nothing(capsys, clock):
    with output.ProgressReport(quiet=True) as progress:
        tell = progress.report("hecaton")
        clock[0] += 60
        tell(0.5, "forward")
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_progress_is_a_bar(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with output.ProgressReport(quiet=False) as progress:
        progress.report("hecaton [0]")(1.0, "backward")
    out, err = capsys.readouterr()
    assert out == ""
    assert "hecaton [0]" in err


def test_a_document_with_a_number_that_json_lacks_is_a_defect():
    with pytest.raises(ValueError, match="Out of range"):
        output.print_json({"mfu": float("nan")})
