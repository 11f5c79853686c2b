"""Axes become points: grid, groups, ranges, filters, Latin hypercube, limits; faults by the key path of the axis."""

import math
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hecasim.errors import ConfigError
from hecasim.specs import load_model, load_package, load_plan, load_study, resolved
from hecasim.sweep.points import points_of
from tests.tiny import write_inputs


def points(settings: Any = None, **study: Any) -> list[Any]:
    whole = {"name": "s", "package": "hecaton_4x4_standard", "model": "tinyllama-1.1b", **study}
    return points_of(load_study(whole), "s.yaml", "1", settings)


def labels(**study: Any) -> list[tuple[Any, ...]]:
    return [tuple(point.labels.values()) for point in points(**study)]


def refused(**study: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        points(**study)
    return str(caught.value)


def test_a_grid_has_every_combination_and_the_first_axis_varies_slowest():
    axes = {"plan.batch": [4, 2], "model": ["llama2-7b", "tinyllama-1.1b"], "plan.schedule": ["fused", "layerwise"]}
    assert labels(axes=axes) == list(product(*axes.values()))
    assert [point.number for point in points(axes=axes)] == list(range(8))


def test_a_point_is_what_set_would_make_of_it():
    (point,) = points(axes={"package.memory.kind": ["hbm2_2000"], "model.heads": [16], "plan.options.chunks": [3]})
    assert point.payload == (
        load_package("hecaton_4x4_standard", {"memory.kind": "hbm2_2000"}),
        load_model("tinyllama-1.1b", {"heads": "16"}),
        load_plan({}, {"options.chunks": "3"}),
    )
    assert list(point.inputs.values()) == [resolved(spec) for spec in point.payload]


def test_groups_advance_together_where_their_first_axis_stands():
    axes = {"plan.batch": [1, 2], "plan.seed": [7, 8], "plan.sequence": [64, 128]}
    assert labels(axes=axes, zip=[["plan.batch", "plan.sequence"]]) == [
        (1, 64, 7),
        (1, 64, 8),
        (2, 128, 7),
        (2, 128, 8),
    ]


@pytest.mark.parametrize(
    ("key", "given_as", "values"),
    [
        ("plan.batch", {"from": 1, "to": 20, "factor": 2}, [1, 2, 4, 8, 16]),
        ("plan.batch", {"from": 1, "to": 64, "steps": 4}, [1, 4, 16, 64]),
        ("plan.batch", {"from": 1, "to": 3, "steps": 9}, [1, 2, 3]),
        (
            "package.link.bandwidth",
            {"from": "16 GB/s", "to": "128 GB/s", "steps": 4},
            ["16 GB/s", "32 GB/s", "64 GB/s", "128 GB/s"],
        ),
        ("package.link.latency", {"from": "1 ns", "to": "10 ns", "steps": 3}, ["1 ns", "3.162 ns", "10 ns"]),
        ("package.link.payload_efficiency", {"from": 0.25, "to": 1, "factor": 1.5}, [0.25, 0.375, 0.5625, 0.8438]),
    ],
)
def test_a_range_has_equal_ratios(key, given_as, values):
    assert labels(axes={key: given_as}) == [(value,) for value in values]


@given(st.integers(1, 40), st.integers(0, 2**32))
@settings(max_examples=25)
def test_a_latin_hypercube_hits_every_part_of_every_axis_once(count, seed):
    axes = {"plan.seed": {"from": 1, "to": 10**9}, "package.link.latency": {"from": "1 us", "to": "1000 us"}}
    drawn = labels(axes=axes, sample={"points": count, "seed": seed})
    assert len(drawn) == count
    assert drawn == labels(axes=axes, sample={"points": count, "seed": seed})
    for column, (low, high) in enumerate([(1, 10**9), (1, 1000)]):
        logs = sorted(
            math.log((one if isinstance(one, int) else float(one.split()[0])) / low) / math.log(high / low)
            for one in (row[column] for row in drawn)
        )
        for at, share in enumerate(logs):  # four digits and whole numbers move a value a little
            assert at - 0.05 * count <= share * count <= at + 1 + 0.05 * count


def test_filters_leave_points_out_before_rules_between_keys_are_asked():
    axes = {"plan.batch": [1, 2, 4], "plan.micro_batch": [1, 2, 4]}
    kept = labels(
        axes=axes, where="plan.micro_batch <= plan.batch and not (plan.batch == 4 and plan.micro_batch in [1, 2])"
    )
    assert kept == [(1, 1), (2, 1), (2, 2), (4, 4)]
    assert refused(axes=axes).splitlines() == [
        "s.yaml: axes.plan.micro_batch[1]: found 2; expected at most batch (1)",
        "s.yaml: axes.plan.micro_batch[2]: found 4; expected at most batch (1)",
        "s.yaml: axes.plan.micro_batch[2]: found 4; expected at most batch (2)",
        "s.yaml: 3 of 9 points are wrong; `where` leaves points out",
    ]


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ("package.link.bandwidth > 20 GB/s", [1, 2]),
        ("package.link.bandwidth == 32000 MB/s", [1]),
        ("package.link.bandwidth != 32GB/s", [0, 2]),
        ("package.link.latency >= 0.001 us or package.link.bandwidth < 17 GB/s", [0, 1, 2]),
        ("model == tinyllama-1.1b and package == hecaton_4x4_standard", [0, 1, 2]),
        ("model.layers > 1 and plan.method == 'hecaton'", [0, 1, 2]),
        ("package.chiplet.sram.core_bandwidth < unlimited and plan.micro_batch != 4", [0, 1, 2]),
        ("not package.link.bandwidth in [16 GB/s, 64 GB/s]", [1]),
    ],
)
def test_filters_compare_in_base_units(where, kept):
    axes = {"package.link.bandwidth": ["16 GB/s", "32 GB/s", "64 GB/s"]}
    found = [
        axes["package.link.bandwidth"].index(point.labels["package.link.bandwidth"])
        for point in points(axes=axes, where=where)
    ]
    assert found == kept


@pytest.mark.parametrize(
    ("study", "said"),
    [
        (
            {"axes": {"package.link.bandwith": ["16 GB/s"]}},
            "s.yaml: axes.package.link.bandwith[0]: unknown key; did you mean",
        ),
        (
            {"axes": {"plan.method": ["hecatom"]}},
            "s.yaml: axes.plan.method[0]: method: unknown name 'hecatom'; did you mean",
        ),
        ({"axes": {"plan.seed": [0, -1]}}, "s.yaml: axes.plan.seed[1]: found -1; expected greater than or equal to 0"),
        (
            {"axes": {"package.link.latency": [5]}},
            "axes.package.link.latency[0]: found 5; expected a number and a unit",
        ),
        ({"axes": {"model": ["llama2-7B"]}}, "axes.model[0]: unknown name 'llama2-7B'; did you mean 'llama2-7b'?"),
        ({"axes": {"batch": [1]}}, "axes: found keys and values; batch: expected package, model, or a path"),
        ({"axes": {"plan.batch": []}}, "axes.plan.batch: found a list; expected at least one entry"),
        (
            {"axes": {"plan.batch": {"from": 4, "to": 2, "factor": 2}}},
            "axes.plan.batch.to: found 2; expected more than from",
        ),
        (
            {"axes": {"plan.batch": {"from": 1, "to": "1e999 s"}}},
            "axes.plan.batch.to: found 1e999 s; expected a number above",
        ),
        (
            {"axes": {"plan.batch": {"from": 1, "to": 2}}},
            "plan.batch: expected steps or factor in this range, or `sample`",
        ),
        ({"axes": {"plan.batch": {"from": 1, "to": "2 s", "steps": 2}}}, "expected the unit of from (none)"),
        ({"axes": {"plan.batch": {"from": 1, "to": 10**9, "factor": 1.001}}}, " combinations, and the limit is 10,000"),
        ({"axes": {f"plan.x{n}": list(range(99)) for n in range(9)}}, "combinations, and the limit is 10,000"),
        (
            {"axes": {"plan.batch": [1]}, "where": "plan.bach > 0"},
            "s.yaml: where[0]: plan.bach: unknown key; did you mean",
        ),
        ({"axes": {"plan.batch": [1]}, "where": "plan.batch > x"}, "where[0]: found 'x' beside >; expected a number"),
        ({"axes": {"plan.batch": [1]}, "where": "__import__('os')"}, "where[0]: found '('; expected one of =="),
        ({"axes": {"plan.batch": [1]}, "where": "plan.batch > 9"}, "s.yaml: where: no point is left"),
        (
            {"axes": {"plan.batch": [1]}, "where": "package.link.latency > 3"},
            "where[0]: found 3; expected a number and a unit",
        ),
        ({"axes": {"plan.batch": [1]}, "where": "package.link > 3"}, "where[0]: package.link: names several values"),
        ({"axes": {"plan.batch": [1, 2], "plan.seed": [1]}, "zip": [["plan.batch", "plan.seed"]]}, "different lengths"),
        ({"axes": {"plan.batch": [1]}, "zip": [["plan.batch", "plan.seed"]]}, "found plan.seed; expected keys of axes"),
        ({"axes": {"plan.batch": [1]}, "baseline": "plan.seed == 1"}, "baseline: found plan.seed"),
        ({"sample": {"points": 3}}, "sample: found keys and values; expected axes beside it"),
        ({}, "axes: required key is missing"),
    ],
    ids=str,
)
def test_a_fault_is_told_by_its_key_path(study, said):
    assert said in refused(**study)


def test_settings_change_every_point_but_not_an_axis():
    (point,) = points({"plan": {"seed": "5"}, "package": {"link.latency": "3 ns"}}, axes={"plan.batch": [1]})
    assert (point.payload[2].seed, point.payload[0].link.latency_ps) == (5, 3000)
    with pytest.raises(ConfigError, match=r"--set plan\.batch: an axis of s\.yaml"):
        points({"plan": {"batch": "2"}}, axes={"plan.batch": [1]})


def test_methods_are_an_axis():
    assert labels(methods=["hecaton", "megatron"], axes={"plan.batch": [1, 2]}) == [
        (1, "hecaton"), (1, "megatron"), (2, "hecaton"), (2, "megatron"),
    ]  # fmt: skip


def test_paths_of_an_axis_start_at_the_folder_of_the_study(tmp_path, monkeypatch):
    write_inputs(tmp_path)
    file = tmp_path / "s.yaml"
    file.write_text("name: s\npackage: ./package.yaml\nmodel: ./model.yaml\naxes: {model: [./model.yaml, llama2-7b]}\n")
    monkeypatch.chdir(Path("/"))
    found = points_of(load_study(file), str(file), "1")
    assert [point.labels["model"] for point in found] == ["tiny", "llama2-7b"]


def test_the_key_of_a_point_is_its_content_and_the_version():
    axes = {"plan.batch": [1, 2]}
    first = [point.key for point in points(axes=axes)]
    assert len(set(first)) == 2
    assert first == [point.key for point in points(axes={"plan.seed": [0]} | axes)]
    whole = load_study({"name": "other", "package": "hecaton_4x4_standard", "model": "tinyllama-1.1b", "axes": axes})
    assert [point.key for point in points_of(whole, "x", "1")] == first
    assert not set(first) & {point.key for point in points_of(whole, "x", "2")}


def test_a_study_with_axes_survives_being_written_out():
    study = load_study(
        {"name": "s", "package": "hecaton_4x4_standard", "model": "tinyllama-1.1b",
         "zip": [["plan.batch", "plan.seed"]], "where": ["plan.batch > 1"],
         "axes": {"plan.batch": {"from": 1, "to": 4, "factor": 2}, "plan.seed": [1, 2, 3]}}
    )  # fmt: skip
    assert load_study(resolved(study)) == study
