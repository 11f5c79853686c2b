"""`hecasim reproduce`: the tables, the document, the calibration, and a paper that is not known."""

import json

import pytest

from hecasim.reproduce import mozart_runs
from tests.reproduce.test_mozart import formula


@pytest.fixture
def formulas(monkeypatch):
    monkeypatch.setattr(mozart_runs, "_simulated_s", formula)


def test_people_see_every_table_and_the_verdict(call, formulas):
    answer = call("reproduce", "mozart", "--quiet")
    assert (answer.code, answer.err) == (0, "")
    for words in ("latency over baseline (Table 4)", "speed-up of C by sequence", "what it rests on", "assumed",
                  "one parameter changed", "Table 4: "):  # fmt: skip
        assert words in answer.out


def test_json_is_one_document(call, formulas):
    answer = call("reproduce", "mozart", "--json")
    document = json.loads(answer.out)
    assert set(document) == {"rows", "assumptions", "verdict", "sensitivity"}
    assert {"claim", "case", "paper", "ours", "uncalibrated", "gap"} == set(document["rows"][0])


def test_the_calibration_alone(call, formulas):
    answer = call("reproduce", "mozart", "--calibrate", "--quiet")
    assert answer.code == 0
    assert "root mean square error" in answer.out
    assert json.loads(call("reproduce", "mozart", "--calibrate", "--json").out)["fits"]


def test_an_unknown_paper_is_refused(call):
    answer = call("reproduce", "mozzart")
    assert (answer.code, answer.out) == (2, "")
    assert "did you mean 'mozart'" in answer.err
