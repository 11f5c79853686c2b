"""`hecasim bench`: what is stored is compared, what differs is named, and curves are drawn from what was measured."""

import itertools
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from hecasim.bench import cases, page, scaling, stored, timing
from hecasim.bench.timing import Measured

ROOT = Path(__file__).parents[2]


@dataclass
class Sum:
    """A case that costs little; `answers` are the integers of its runs, the last one again and again."""

    name: str
    answers: list = field(default_factory=list)

    def prepare(self):
        answers = iter(self.answers)
        last = {}

        def run():
            last.update(next(answers, {}))
            return {"step_time_ps": 123, "total": 7, **last}

        return run


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Two cheap cases, and where they are stored; every run takes one second of a clock that nothing disturbs."""
    clock = itertools.count()
    monkeypatch.setattr(timing, "time", SimpleNamespace(process_time=lambda: float(next(clock))))
    monkeypatch.setattr(timing, "timeouts_cpu_s", lambda: 0.5)
    monkeypatch.setattr(cases, "CASES", (Sum("first"), Sum("second")))
    monkeypatch.setattr(stored, "STORED", tmp_path / "stored.json")
    return tmp_path / "stored.json"


def change(file, case, **integers):
    document = json.loads(file.read_text())
    document["cases"][case]["integers"] |= integers
    file.write_text(json.dumps(document))


def test_update_then_compare_is_a_round_trip(file, call):
    assert call("bench", "--update", "--quiet").code == 0
    again = call("bench", "--json")
    assert again.code == 0
    document = json.loads(again.out)
    assert list(document) == ["cases"]
    assert [list(case) for case in document["cases"]] == [["name", "integers_match", "ratio", "stored_ratio"]] * 2
    assert [case["name"] for case in document["cases"]] == ["first", "second"]
    assert all(
        case["integers_match"] is True and case["ratio"] == case["stored_ratio"] == 2.0 for case in document["cases"]
    )
    assert [path.name for path in file.parent.iterdir()] == ["stored.json"]


def test_a_wrong_integer_leaves_with_5_and_names_case_and_numbers(file, call):
    call("bench", "--update")
    change(file, "second", step_time_ps=124)
    answer = call("bench", "--json")
    assert answer.code == 5
    assert "second: step_time_ps is 123, stored 124" in answer.err
    assert "first:" not in answer.err
    assert "Traceback" not in answer.err
    assert [case["integers_match"] for case in json.loads(answer.out)["cases"]] == [True, False]


def test_an_integer_too_many_and_one_too_few_are_told(file, call):
    call("bench", "--update")
    change(file, "first", gone=7)
    answer = call("bench")
    assert answer.code == 5
    assert "first: gone is missing, stored 7" in answer.err


def test_a_case_that_is_not_stored_and_one_that_is_no_more_fail(file, call, monkeypatch):
    call("bench", "--update")
    monkeypatch.setattr(cases, "CASES", (Sum("second"), Sum("third")))
    answer = call("bench", "--json")
    assert answer.code == 5
    assert "third: not stored" in answer.err
    assert "first: stored, but there is no such case" in answer.err
    third = json.loads(answer.out)["cases"][1]
    assert third["integers_match"] is False
    assert third["stored_ratio"] is None


def test_without_a_stored_file_every_case_fails_by_name(file, call):
    answer = call("bench")
    assert answer.code == 5
    assert "first: not stored" in answer.err
    assert "second: not stored" in answer.err


def test_speed_fails_beyond_the_factor_and_not_below(file, call):
    from hecasim.bench import FACTOR, failures

    known = {"first": stored.Stored(10.0, {"a": 1})}
    slow = Measured("first", {"a": 1}, cpu_s=10.1 * FACTOR, reference_cpu_s=1.0)
    assert failures([replace(slow, cpu_s=9.9 * FACTOR)], known) == []
    (fault,) = failures([slow], known)
    assert fault == "first: takes 20.2 bare loops, stored 10.0: 2.02 times as long, allowed 2.0"
    call("bench", "--update")
    document = json.loads(file.read_text())
    document["cases"]["first"]["ratio"] /= 100
    file.write_text(json.dumps(document))
    answer = call("bench")
    assert answer.code == 5
    assert "first: takes 2.0 bare loops, stored 0.02: 100.00 times as long, allowed 2.0" in answer.err
    assert "slow" in answer.out


def test_update_stores_what_moved_and_says_so(file, call):
    call("bench", "--update")
    change(file, "first", step_time_ps=99)
    answer = call("bench", "--update")
    assert answer.code == 0
    assert "Moved: first: step_time_ps is 123, stored 99" in answer.out
    assert call("bench").code == 0


def test_a_case_that_does_not_repeat_is_a_failed_check_and_nothing_is_stored(file, call, monkeypatch):
    monkeypatch.setattr(cases, "CASES", (Sum("fickle", [{"total": 1}, {"total": 2}]),))
    answer = call("bench", "--update")
    assert answer.code == 5
    assert "fickle: total was 1 and 2 in two runs" in answer.err
    assert not file.exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "no JSON"),
        ("[]", "schema: found 'list'"),
        ('{"schema": "hecasim.bench/0"}', "schema: found 'hecasim.bench/0', expected 'hecasim.bench/1'"),
        ('{"schema": "hecasim.bench/1"}', "cases: found None"),
        ('{"schema": "hecasim.bench/1", "cases": {"first": 3}}', "cases.first.ratio: found None"),
        ('{"schema": "hecasim.bench/1", "cases": {"first": {"ratio": 1, "integers": {"a": 1.5}}}}',
         "cases.first.integers: found {'a': 1.5}"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_told_and_update_mends_it(file, call, text, says):
    file.write_text(text)
    answer = call("bench")
    assert answer.code == 2
    assert f"{file}: {says}" in answer.err
    assert call("bench", "--update").code == 0
    assert call("bench").code == 0


def test_flags_that_do_not_go_together_are_refused(file, call):
    assert call("bench", "--update", "--scaling").code == 2
    assert call("bench", "--out", "somewhere").code == 2


# --- growth curves --------------------------------------------------------------------------------------------

SMALLEST = scaling.Point("layers", layers=1, micro_batches=1, tokens=128)
COST = scaling.Cost(1.5, 30.0, 50 * 2**20, 60 * 2**20, 100, 60, 1000, 2000, 3000, 4000)


@pytest.fixture
def measured(monkeypatch):
    """Every point at an imagined cost."""
    monkeypatch.setattr(scaling, "run_all", lambda chosen: ((point, COST) for point in chosen))


def test_a_point_runs_in_a_process_of_its_own_and_says_what_it_cost():
    ((point, cost),) = scaling.run_all((SMALLEST,))
    assert point is SMALLEST
    assert cost.wall_s > 0 < cost.ratio
    assert cost.peak_bytes >= cost.rest_bytes > 2**20
    assert 0 <= cost.bodies_folded < cost.bodies
    assert cost.events > cost.tasks > 0


def test_points_vary_one_input_each_and_reach_the_stated_ends():
    found = {}
    for point in scaling.points():
        found.setdefault((point.axis, point.engine), []).append(point.value)
        others = {"layers", "micro_batches", "side", "tokens"} - {"side" if point.axis == "dies" else point.axis}
        assert all(getattr(point, other) == getattr(scaling.BASE, other) for other in others)
    ends = {axis: (min(values), max(values)) for (axis, engine), values in found.items() if engine == "fast"}
    assert ends == {"layers": (2, 64), "micro_batches": (2, 64), "dies": (4, 256), "tokens": (256, 8192)}


def test_scaling_writes_numbers_drawing_and_page_the_same_each_time(measured, call, tmp_path):
    pytest.importorskip("matplotlib")
    for folder in ("a", "b"):
        assert call("bench", "--scaling", "--out", tmp_path / folder).code == 0
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["performance.csv", "performance.md", "performance.svg"]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    rows = page.read_csv((tmp_path / "a" / "performance.csv").read_text())
    assert len(rows) == len(scaling.points())
    assert "date" not in (tmp_path / "a" / "performance.svg").read_text()


def test_scaling_replaces_nothing_unless_forced(measured, call, tmp_path):
    (tmp_path / "performance.csv").write_text("mine")
    answer = call("bench", "--scaling", "--out", tmp_path)
    assert answer.code == 2
    assert "--force" in answer.err
    assert (tmp_path / "performance.csv").read_text() == "mine"
    assert call("bench", "--scaling", "--out", tmp_path, "--force").code == 0
    assert (tmp_path / "performance.csv").read_text() != "mine"


def test_without_matplotlib_only_the_numbers_are_written(measured, call, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    answer = call("bench", "--scaling", "--out", tmp_path / "here", "--json")
    assert answer.code == 0
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["performance.csv"]
    assert "hecasim[report]" in answer.err
    document = json.loads(answer.out)
    assert len(document["points"]) == len(scaling.points())
    assert document["points"][0] == scaling.row(scaling.points()[0], COST)


def test_the_page_of_the_documents_is_that_of_its_numbers():
    rows = page.read_csv((ROOT / "docs" / page.CSV_NAME).read_text(encoding="utf-8"))
    assert (ROOT / "docs" / page.PAGE_NAME).read_text(encoding="utf-8") == page.page(rows)


def test_the_engines_of_the_documents_agree_and_the_fast_one_folds():
    rows = page.read_csv((ROOT / "docs" / page.CSV_NAME).read_text(encoding="utf-8"))
    steps = {}
    for row in rows:
        key = tuple(row[name] for name in ("layers", "micro_batches", "dies", "tokens"))
        steps.setdefault(key, set()).add(row["step_time_ps"])
        assert row["engine"] == "fast" or not row["bodies_folded"]
    assert all(len(found) == 1 for found in steps.values())
    assert any(row["bodies_folded"] for row in rows)
