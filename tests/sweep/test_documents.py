"""The tables in docs/ that say which study prints them hold that study's figures."""

import re
from functools import cache
from pathlib import Path

import pytest

from hecasim.run import simulate
from hecasim.specs import load_study
from hecasim.sweep.points import points_of

DOCS = Path(__file__).parents[2] / "docs"
GIB = 2**30
SCHEDULES = ("fused", "layerwise", "reload_weights")


def rows(document: str, study: str) -> list[list[str]]:
    """Cells of the first table that follows `hecasim sweep *study*`."""
    after = (DOCS / document).read_text(encoding="utf-8").split(f"hecasim sweep {study}", 1)[1]
    lines = re.search(r"\n\n(\|.*?)\n\n", after, re.DOTALL)[1].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@cache
def points(study: str):
    """Labels (without those of package and batch) -> package, model and plan."""
    found = points_of(load_study(study), study, "any")
    return {
        tuple(str(value) for key, value in point.labels.items() if key not in ("package", "plan.batch")): point.payload
        for point in found
    }


def ms(document, *names):
    return [f"{1e3 * document['breakdown'][f'{name}_s']:.2f}" for name in names]


@pytest.mark.parametrize(
    ("document", "study", "names"), [("accuracy.md", "segment_sizes", 2), ("overlap.md", "overlap", 2)]
)
def test_the_table_has_a_row_for_every_point(document, study, names):
    assert {tuple(row[:names]) for row in rows(document, study)} == set(points(study))


def test_every_model_and_method_has_a_row_of_dram_bytes():
    table = {(row[0], row[2], schedule) for row in rows("memory.md", "dram_schedules") for schedule in SCHEDULES}
    assert table == set(points("dram_schedules"))


SEGMENTS = [("hecaton", "4 MiB"), *(pytest.param(*key, marks=pytest.mark.long) for key in
            [("hecaton", "64 KiB"), ("megatron_sp", "64 KiB"), ("megatron_sp", "1 GiB")])]  # fmt: skip


@pytest.mark.parametrize(("method", "size"), SEGMENTS)
def test_step_time_against_segment_size(method, size):
    (row,) = [row for row in rows("accuracy.md", "segment_sizes") if row[:2] == [method, size]]
    result = simulate(*points("segment_sizes")[method, size]).to_json()
    segments = f"{result['simulation']['transfers'] / 1e6:.2f}"
    step = f"{1e3 * result['step_time_s']:.2f}"
    assert row[2:] == [step, *ms(result, "exposed_nop", "exposed_dram"), segments]


SMALL = ("tinyllama-1.1b", "llama2-7b")
MODELS = [*SMALL, *(pytest.param(name, marks=pytest.mark.long) for name in ("llama2-70b", "llama3.1-405b"))]


@pytest.mark.parametrize("model", MODELS)
def test_dram_bytes_of_schedules(model):
    for row in (row for row in rows("memory.md", "dram_schedules") if row[0] == model):
        moved = []
        for schedule in SCHEDULES:
            traffic = simulate(*points("dram_schedules")[model, row[2], schedule])["traffic"]
            moved.append((traffic["dram_read_bytes"] + traffic["dram_write_bytes"]) / GIB)
        fused, layerwise, reloaded = moved
        assert row[3:] == [f"{fused:,.2f}", f"{layerwise:,.2f}", f"{layerwise / fused:.2f}x",
                           f"{reloaded:,.2f}", f"{reloaded / fused:.2f}x"]  # fmt: skip


def test_megatron_torus_moves_the_dram_bytes_of_megatron():
    package, model, plan = points("dram_schedules")["llama2-7b", "megatron", "fused"]
    torus = simulate(package, model, plan.model_copy(update={"method": "megatron_torus"}))["traffic"]
    flat = simulate(package, model, plan)["traffic"]
    for key in ("dram_read_bytes", "dram_write_bytes"):
        assert torus[key] == flat[key]


@pytest.mark.long
@pytest.mark.parametrize("overlap", ["none", "micro_batch", "chunk"])
def test_step_time_of_hecaton_under_each_overlap_rule(overlap):
    (row,) = [row for row in rows("overlap.md", "overlap") if row[:2] == [overlap, "hecaton"]]
    result = simulate(*points("overlap")[overlap, "hecaton"]).to_json()
    step = f"{1e3 * result['step_time_s']:.2f}"
    assert row[2:8] == [step, *ms(result, "compute", "exposed_nop", "exposed_dram", "bubble", "idle")]
