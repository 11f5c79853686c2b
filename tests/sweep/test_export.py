"""Exports: one line per point in order, every number exact, the same bytes from any store of the same study."""

import csv

import pytest

from hecasim.sweep.export import flat, table, write_csv, write_parquet
from hecasim.sweep.point import DONE, Outcome
from hecasim.sweep.runner import run_points, store_for_writing
from hecasim.sweep.store import Store
from tests.sweep.cheap import cheap_points, imagine

POINTS = cheap_points(30)


class Shuffled:
    """An executor whose points end in another order."""

    def __init__(self, step: int) -> None:
        self.step = step

    def run(self, points):
        for start in range(self.step):
            yield from ((point, imagine(point.payload)) for point in list(points)[::-1][start :: self.step])

    def running(self):
        return []


def store(folder, step):
    with store_for_writing(folder, resume=False, say=print) as opened:
        opened.describe({"name": "cheap"}, POINTS)
        run_points(POINTS, opened, Shuffled(step), lambda outcome: None)
    return Store.open(folder, read_only=True)


def exported(folder, step, write, ending):
    with store(folder, step) as opened:
        write(*table(opened), folder / f"rows.{ending}")
    return folder / f"rows.{ending}"


def test_csv_does_not_depend_on_the_order_of_arrival(tmp_path):
    texts = {exported(tmp_path / str(step), step, write_csv, "csv").read_bytes() for step in (1, 2, 7)}
    assert len(texts) == 1
    lines = list(csv.DictReader(texts.pop().decode().splitlines()))
    assert [int(line["number"]) for line in lines] == list(range(30))
    for line, point in zip(lines, POINTS, strict=True):
        outcome = imagine(point.payload)
        assert (line["status"], line["reason"], line["key"]) == (outcome.status, outcome.reason, point.key)
        done = outcome.status == DONE
        assert line["step_time_ps"] == (str(point.number * 10**17) if done else "")
        assert line["mfu"] == (repr(point.number / 7) if done else "")


def test_parquet_keeps_integers_beyond_64_bits_exactly(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    files = [exported(tmp_path / str(step), step, write_parquet, "parquet") for step in (1, 3)]
    assert files[0].read_bytes() == files[1].read_bytes()
    columns = parquet.read_table(files[0]).to_pydict()
    numbers = [n if imagine({"number": n}).status == DONE else None for n in range(30)]
    assert columns["step_time_ps"] == [None if n is None else n * 10**17 for n in numbers]
    assert columns["mfu"] == [None if n is None else n / 7 for n in numbers]
    assert columns["number"] == list(range(30))


def test_numbers_are_found_by_their_path_and_inputs_are_no_numbers():
    document = {
        "schema": "x",
        "inputs": {"plan": 1},
        "a": {"b": 1, "c": {"d": 2.5}},
        "list": [1],
        "host": {"wall_s": 1},
        "n": None,
    }
    assert dict(flat(document)) == {"a.b": 1, "a.c.d": 2.5, "n": None}


def test_an_unfinished_sweep_exports_what_is_there(tmp_path):
    with store_for_writing(tmp_path / "half", resume=False, say=print) as opened:
        opened.describe({"name": "cheap"}, POINTS)
        opened.put(POINTS[4], Outcome(DONE, document='{"mfu":0.5}'))
        assert [line["number"] for line in table(opened)[1]] == [4]
        assert opened.size() == 30
