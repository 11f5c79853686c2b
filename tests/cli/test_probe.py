"""`hecasim probe collective`: the words become a package, a size and one JSON document."""

import json

import pytest

from hecasim.cli import main


def call(capsys, *words):
    with pytest.raises(SystemExit) as left:
        main(["probe", "collective", *words])
    captured = capsys.readouterr()
    return left.value.code, captured.out, captured.err


RING = ("all_reduce", "--algorithm", "ring", "--package", "oracle_8x8", "--members", "4")


def test_the_answer_is_one_document(capsys):
    code, out, _ = call(capsys, *RING, "--bytes", "256 KiB", "--json", "--set", "package.link.latency=20 ns")
    answer = json.loads(out)
    assert code == 0
    assert answer["time_ps"] == 6 * (20_000 + 2_048_000)
    assert answer["bytes_sent_per_member"] == 6 * 65_536
    assert answer["transfers"] == 24
    assert answer["wall_s"] > 0


def test_people_get_units(capsys):
    code, out, _ = call(capsys, *RING, "--bytes", "1 MiB")
    assert code == 0
    assert "time_ps: 49.21 us" in out
    assert "size_bytes: 1 MiB" in out


def test_a_grid_of_another_size_is_a_setting(capsys):
    code, out, _ = call(capsys, "all_reduce", "--algorithm", "ring", "--package", "oracle_8x8", "--json",
                        "--set", "package.topology.rows=2", "--set", "package.topology.columns=3")  # fmt: skip
    assert code == 0
    assert json.loads(out)["members"] == 6


@pytest.mark.parametrize(("words", "said"), [
    ((*RING, "--bytes", "1 ns"), "--bytes: found '1 ns'"),
    ((*RING, "--bytes", "0 B"), "at least 1"),
    ((*RING, "--bytes", "0.3 B"), "whole number"),
    ((*RING, "--engine", "quick"), "engine"),
    ((*RING, "--set", "model.layers=2"), "has no model"),
    (("all_to_all", "--algorithm", "tree"), "not built yet"),
])  # fmt: skip
def test_wrong_words_are_told(capsys, words, said):
    code, _, err = call(capsys, *words)
    assert code == 2
    assert said in err
