"""The store: rows whole or not at all, and nothing damaged or foreign is ever read as data."""

import random
import sqlite3
from contextlib import closing

import pytest

from hecasim.errors import ConfigError
from hecasim.sweep.point import Outcome
from hecasim.sweep.recovery import recover
from hecasim.sweep.runner import missing, run_points, store_for_writing
from hecasim.sweep.store import FILE, DamagedStore, Store
from tests.sweep.cheap import cheap_points, imagine

POINTS = cheap_points(120)
OUTCOMES = {point.key: imagine(point.payload) for point in POINTS}


class Here:
    """An executor without processes."""

    def __init__(self) -> None:
        self.ran = []

    def run(self, points):
        for point in points:
            self.ran.append(point.number)
            yield point, imagine(point.payload)

    def running(self):
        return []


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "sweep"
    fill(place)
    return place


def fill(place, points=POINTS, resume=False):
    said, runs = [], Here()
    with store_for_writing(place, resume=resume, say=said.append) as store:
        store.describe({"name": "cheap", "version": "0", "study": {}}, points)
        run_points(missing(points, store), store, runs, lambda outcome: None)
    return runs.ran, said


def rows(place):
    with Store.open(place) as store:
        return list(store.rows())


def test_rows_come_back_as_they_were_put_in_the_order_of_points(folder):
    found = rows(folder)
    assert [row.number for row in found] == [point.number for point in POINTS]
    for row, point in zip(found, POINTS, strict=True):
        outcome = OUTCOMES[point.key]
        assert (row.status, row.reason, row.key) == (outcome.status, outcome.reason, point.key)
        assert (row.labels, row.inputs) == (point.labels, point.inputs)
        assert (row.document is None) == (outcome.document is None)


def test_a_store_is_not_overwritten_and_resumes_only_what_is_missing(folder):
    with pytest.raises(ConfigError, match="--resume goes on"):
        fill(folder)
    assert fill(folder, resume=True) == ([], [])
    more = cheap_points(125)
    assert fill(folder, more, resume=True)[0] == [120, 121, 122, 123, 124]
    assert fill(folder, more[60:70], resume=True) == ([], [])  # a smaller study finds its rows
    assert [row.number for row in rows(folder)] == list(range(60, 70))


def test_equal_points_run_once(tmp_path):
    twice = [
        *POINTS[:5],
        *(type(one)(one.number + 5, one.labels, one.inputs, one.key, one.payload) for one in POINTS[:5]),
    ]
    assert fill(tmp_path / "twice", twice)[0] == [0, 1, 2, 3, 4]
    assert len(rows(tmp_path / "twice")) == 10


def test_a_second_writer_is_refused(folder):
    held = store_for_writing(folder, resume=True, say=print)
    with (
        held,
        pytest.raises(ConfigError, match="another hecasim writes there"),
        store_for_writing(folder, resume=True, say=print),
    ):
        pass


@pytest.mark.parametrize(
    "content", [b"", b"SQLite", b"name: x\n" * 1000, b"SQLite format 3\0" + bytes(84), b"\0" * 8192], ids=repr
)
def test_a_foreign_file_is_refused_and_left_alone(tmp_path, content):
    file = tmp_path / FILE
    file.write_bytes(content)
    for refuse in (lambda: Store.open(tmp_path), lambda: fill(tmp_path, resume=True)):
        with pytest.raises(ConfigError, match="not a store of hecasim"):
            refuse()
    assert file.read_bytes() == content


def test_a_database_of_somebody_else_is_refused(tmp_path):
    with closing(sqlite3.connect(tmp_path / FILE)) as base:
        base.execute("CREATE TABLE outcomes (key TEXT)")
        base.commit()
    with pytest.raises(ConfigError, match="not a store of hecasim"):
        Store.open(tmp_path)


def test_a_store_with_a_trigger_is_not_ours_to_read(folder):
    with closing(sqlite3.connect(folder / FILE)) as base:
        base.execute("CREATE TRIGGER extra AFTER INSERT ON outcomes BEGIN DELETE FROM points; END")
        base.commit()
    with pytest.raises(DamagedStore, match="its tables are not those of a store"):
        Store.open(folder)


def test_a_link_and_a_missing_store_are_refused(folder, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / FILE).symlink_to(folder / FILE)
    for resume in (False, True):
        with pytest.raises(ConfigError):
            fill(tmp_path / "other", resume=resume)
    with pytest.raises(ConfigError, match="no such store"):
        Store.open(tmp_path)


def test_a_changed_row_is_detected_and_run_again(folder):
    with closing(sqlite3.connect(folder / FILE)) as base:
        base.execute("UPDATE outcomes SET document = replace(document, '\"mfu\":', '\"mfu\":1') WHERE rowid = 9")
        base.commit()
    with pytest.raises(DamagedStore, match="1 rows are not as they were written"):
        Store.open(folder)
    ran, said = fill(folder, resume=True)
    assert len(ran) == 1
    assert "119 rows check and are kept" in said[0]
    assert {row.key: row.status for row in rows(folder)} == {key: one.status for key, one in OUTCOMES.items()}


def spoil(content: bytes, draw: random.Random) -> bytes:
    """A torn page, a hole, flipped bytes, or the end missing; the first hundred bytes say whose file it is."""
    at = draw.randrange(100, len(content))
    kind = draw.randrange(4)
    if kind == 0:
        return content[:at]
    if kind == 1:
        start = at - at % 512
        return content[:start] + bytes(512) + content[start + 512 :] if start else content[:at]
    if kind == 2:
        start = at - at % 4096
        return content[: start + 1000] + draw.randbytes(3096) + content[start + 4096 :]
    changed = bytearray(content)
    for _ in range(1 + draw.randrange(20)):
        changed[draw.randrange(100, len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def test_whatever_is_damaged_is_detected_or_harmless_and_a_resume_makes_it_whole(folder, tmp_path):
    whole, expected = (folder / FILE).read_bytes(), rows(folder)
    draw, detected = random.Random(5), 0
    for case in range(60):
        place = tmp_path / f"case{case}"
        place.mkdir()
        (place / FILE).write_bytes(spoil(whole, draw))
        try:
            assert rows(place) == expected  # the damage hit a free byte
        except DamagedStore:
            detected += 1
        ran, said = fill(place, resume=True)
        assert rows(place) == expected
        assert bool(said) == any(place.glob("store.damaged-*"))
        assert said or not ran
    assert detected > 40


def test_rows_beyond_a_hole_are_recovered(folder):
    content = bytearray((folder / FILE).read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\xff" * 4096
    (folder / FILE).write_bytes(bytes(content))
    kept, damaged = recover(folder)
    assert 60 < kept < 120
    assert damaged.exists()
    assert len(fill(folder, resume=True)[0]) == 120 - kept


def test_a_process_killed_while_it_recovers_can_be_resumed(folder):
    (folder / FILE).rename(folder / "store.damaged-1.sqlite")
    (folder / f".partial-{FILE}").write_bytes(b"half")
    assert len(fill(folder, resume=True)[0]) == 120


def test_a_directory_with_other_things_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(ConfigError, match=r"holds files but no store\.sqlite"):
        fill(tmp_path)


def test_failed_rows_can_be_forgotten(folder):
    with store_for_writing(folder, resume=True, say=print) as store:
        failed = store.counts()["failed"]
        store.forget("failed")
        assert len(missing(POINTS, store)) == failed > 0


def test_an_outcome_is_kept_the_moment_it_is_put(folder):
    with store_for_writing(folder, resume=True, say=print) as store:
        store.put(POINTS[0], Outcome("done", document='{"step_time_ps":1}'))
        with closing(sqlite3.connect(folder / FILE)) as other:
            assert other.execute("SELECT step_time_ps FROM rows WHERE number = 0").fetchone() == (1,)
