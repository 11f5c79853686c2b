"""Recorded routing and placements in files: the same back, and every fault told by file, line and key."""

import io
import json
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest

from hecasim.errors import ConfigError
from hecasim.experts import PLACEMENTS, Routing, Site, place
from hecasim.experts.kept import placement_text, read_placement
from hecasim.experts.recorded import SCHEMA, read_routing, write_routing
from tests.experts.sets import OPTIONS, random_routing

SAMPLES = Path(__file__).parents[2] / "traces" / "routing"
HEADER = {"schema": SCHEMA, "experts": 4, "top_k": 2, "layers": 2, "tokens": 2}
LINES = [HEADER, {"token": 0, "experts": [[0, 1], [2, 3]]}, {"token": 1, "experts": [[3, 0], [1, 2]]}]


def same(a: Routing, b: Routing) -> bool:
    return np.array_equal(a.chosen, b.chosen) and (a.experts, a.origin) == (b.experts, b.origin)


@pytest.mark.parametrize("ending", ["npz", "jsonl"])
def test_a_routing_comes_back_and_is_the_same_file_every_time(tmp_path, ending):
    routing = Routing(random_routing(16, 4, 20, 3).chosen, 16, "made up")
    for name in ("a", "b"):
        write_routing(routing, tmp_path / f"{name}.{ending}")
    assert same(read_routing(tmp_path / f"a.{ending}"), routing)
    assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


def test_the_samples_are_one_routing_in_two_formats():
    lines, packed = (read_routing(SAMPLES / f"tiny_8_experts.{ending}") for ending in ("jsonl", "npz"))
    assert same(lines, packed)
    assert (lines.layers, lines.tokens, lines.top_k, lines.experts) == (3, 32, 2, 8)


def test_numpy_alone_writes_what_is_read(tmp_path):
    chosen = random_routing(16, 4, 20, 3).chosen
    np.savez_compressed(tmp_path / "r.npz", schema=SCHEMA, experts=16, chosen=chosen[:, :, ::-1].astype(np.int64))
    assert np.array_equal(read_routing(tmp_path / "r.npz").chosen, chosen)


def test_the_ids_of_a_line_may_stand_in_any_order(tmp_path):
    file = tmp_path / "r.jsonl"
    file.write_text("\n".join(map(json.dumps, LINES)))
    assert read_routing(file).chosen.tolist() == [[[0, 1], [0, 3]], [[2, 3], [1, 2]]]


def changed(at, **keys):
    lines = [dict(line) for line in LINES]
    lines[at] |= keys
    return "\n".join(json.dumps({key: value for key, value in line.items() if value != "gone"}) for line in lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "r.jsonl:1: file: found nothing; expected a header line"),
        ("[]", "r.jsonl:1: file: expected an object"),
        ("{", "r.jsonl:1: file: not JSON"),
        ("[" * 100_000, "r.jsonl:1: file: nested too deep"),
        (changed(0, schema="hecasim.trace/1"), 'r.jsonl:1: schema: found "hecasim.trace/1"; expected'),
        (changed(0, experts="gone"), "r.jsonl:1: experts: required key is missing"),
        (changed(0, exprts=3), "r.jsonl:1: exprts: unknown key; did you mean 'experts'?"),
        (changed(0, experts=10**12), "r.jsonl:1: experts: found 1000000000000; expected a whole number from 2 to 4096"),
        (changed(0, tokens=10**9), "r.jsonl:1: tokens: found 1000000000; expected"),
        (changed(0, layers=4096, tokens=10**8), "r.jsonl:1: file: found 819200000000 assignments; expected at most"),
        (changed(0, top_k=5), "r.jsonl:1: top_k: found 5; expected a whole number from 1 to 4"),
        (changed(0, tokens=3), "r.jsonl:3: file: found 2 tokens; expected 3"),
        (changed(0, tokens=True), "r.jsonl:1: tokens: found true; expected"),
        (changed(1, token=1), "r.jsonl:2: token: found 1; expected a whole number from 0 to 0"),
        (changed(1, experts=[[0, 1]]), "r.jsonl:2: experts: expected a list of 2 layers"),
        (changed(1, experts=[[0, 1], [2]]), "r.jsonl:2: experts[1]: expected a list of 2 experts"),
        (changed(1, experts=[[0, 1], [2, 4]]), "r.jsonl:2: experts[1]: found 4; expected an expert from 0 to 3"),
        (changed(1, experts=[[0, 1], [2, 2.0]]), "r.jsonl:2: experts[1]: found 2.0; expected"),
        (changed(2, experts=[[3, 3], [1, 2]]), "r.jsonl:3: experts[0]: found [3, 3]; expected 2 different experts"),
        ('{"schema": 1, "schema": 2}', "r.jsonl:1: file: schema: key given twice"),
        ('{"schema": NaN}', "r.jsonl:1: file: found NaN; expected a number"),
        ('{"schema": ' + "9" * 9999 + "}", "r.jsonl:1: file: found a number that is too long"),
    ],
)
def test_a_fault_in_lines_is_told_at_its_line_and_key(tmp_path, text, said):
    file = tmp_path / "r.jsonl"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_routing(file)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(file))


def test_a_file_that_is_none_is_said(tmp_path):
    (tmp_path / "r.jsonl").write_bytes(b'{"schema": "\xff"}')
    for path, said in (
        (tmp_path / "none.npz", "no such file"),
        (tmp_path, "not a file"),
        (tmp_path / "r.jsonl", "UTF-8"),
    ):
        with pytest.raises(ConfigError, match=said):
            read_routing(path)


def packed(**arrays):
    whole = io.BytesIO()
    np.savez(whole, **({"schema": SCHEMA, "experts": 4, "chosen": np.array([[[0, 1]]])} | arrays))
    return whole.getvalue()


def with_header(header: str, data: bytes = b"") -> bytes:
    """An archive whose `chosen` claims what *header* says."""
    line = header.encode().ljust(117) + b"\n"
    whole = io.BytesIO(packed())
    with zipfile.ZipFile(whole) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    parts["chosen.npy"] = b"\x93NUMPY\x01\x00" + len(line).to_bytes(2, "little") + line + data
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as new:
        for name, content in parts.items():
            new.writestr(name, content)
    return whole.getvalue()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"PK\x03\x04 torn", "not a whole .npz file"),
        (packed()[:-40], "not a whole .npz file"),
        (packed(schema="other"), 'schema: found "other"; expected'),
        (packed(extra=np.array(1)), "extra: unknown key"),
        (packed(experts=np.array([4, 4])), "experts: found -1; expected a whole number from 2"),
        (packed(chosen=np.array([[0, 1]])), "chosen: found the shape (1, 2); expected layers, tokens, top_k"),
        (packed(chosen=np.array([[[0, 4]]])), "chosen[0][0][1]: found 4; expected an expert from 0 to 3"),
        (packed(chosen=np.array([[[0, 1], [2, 2]]])), "chosen[0][1]: found [2, 2]; expected different experts"),
        (packed(chosen=np.array([[[0.0, 1.0]]])), "chosen: found float64; expected whole numbers"),
        (packed(chosen=np.array([[[{}, 1]]], object)), "chosen: found object; expected whole numbers"),
        (with_header("{'descr': '<i2', 'fortran_order': False, 'shape': (1000, 10000, 8000)}"), "expected at most"),
        (with_header("{'descr': '<i2', 'fortran_order': False, 'shape': (1, 2, 2)}", b"\0" * 7), "shorter or longer"),
        (with_header("{'descr': '<i2', 'fortran_order': False, 'shape': (1, 2, 2)}", b"\0" * 9), "shorter or longer"),
        (with_header("nonsense"), "chosen: not an array"),
    ],
)
def test_a_fault_in_an_npz_is_told_at_its_key(tmp_path, data, said):
    file = tmp_path / "r.npz"
    file.write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        read_routing(file)
    assert said in str(caught.value)


@pytest.mark.parametrize("ending", ["npz", "jsonl"])
def test_a_mutated_file_is_read_or_refused(tmp_path, ending):
    source = random.Random(4)
    whole = (SAMPLES / f"tiny_8_experts.{ending}").read_bytes()
    refused = 0
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(source.randint(1, 3)):
            at = source.randrange(len(data))
            data[at : at + source.randint(0, 3)] = bytes(source.randrange(256) for _ in range(source.randint(0, 3)))
        file = tmp_path / f"r.{ending}"
        file.write_bytes(bytes(data))
        try:
            routing = read_routing(file)
        except ConfigError:
            refused += 1
        else:
            assert (np.diff(routing.chosen, axis=2) > 0).all()
    assert refused > 150


@pytest.mark.parametrize("kind", PLACEMENTS)
def test_a_placement_comes_back(tmp_path, kind):
    placement = place(kind, random_routing(16, 4, 30, 3), Site(8, 2), OPTIONS)
    file = tmp_path / "p.json"
    file.write_text(placement_text(placement))
    back = read_placement(file)
    assert (back.kind, back.site) == (kind, Site(8, 2))
    assert np.array_equal(back.chiplet_of, placement.chiplet_of)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"chiplet_of": [[0, 0, 1, 1], [0, 0, 0, 1]]}, "chiplet_of[1]: chiplet 0 has 3 experts; expected 2 on each"),
        ({"chiplet_of": [[0, 0, 1]]}, "chiplet_of[0]: expected a list of 4 chiplets"),
        ({"chiplet_of": [[0, 0, 1, 2]]}, "chiplet_of[0]: found 2; expected a chiplet from 0 to 1"),
        ({"chiplet_of": []}, "chiplet_of: expected a list of 1 to"),
        ({"groups": 3}, "groups: found 3; expected a divisor of chiplets (2)"),
        ({"chiplets": 3, "groups": 1}, "chiplets: found 3; expected a divisor of the experts (4)"),
        ({"chiplets": 9}, "chiplets: found 9; expected a whole number from 1 to 4"),
        ({"kind": 3}, "kind: found 3; expected text"),
        ({"knd": 3}, "knd: unknown key; did you mean 'kind'?"),
    ],
)
def test_a_fault_in_a_placement_is_told_at_its_key(tmp_path, change, said):
    right = {"schema": "hecasim.placement/1", "kind": "x", "chiplets": 2, "groups": 1, "experts": 4}
    file = tmp_path / "p.json"
    file.write_text(json.dumps(right | {"chiplet_of": [[0, 0, 1, 1]]}))
    assert read_placement(file).layers == 1
    file.write_text(json.dumps(right | {"chiplet_of": [[0, 0, 1, 1]]} | change))
    with pytest.raises(ConfigError) as caught:
        read_placement(file)
    assert said in str(caught.value)
    assert "p.json" in str(caught.value)
