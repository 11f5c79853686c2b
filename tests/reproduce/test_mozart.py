"""`hecasim reproduce mozart` without its minutes: what is compared, calibrated and claimed, on formulas for runs."""

import json

import pytest

from hecasim.reproduce import mozart_calibration, mozart_runs, mozart_sensitivity
from hecasim.reproduce.comparison import Row
from hecasim.reproduce.mozart import mozart
from hecasim.reproduce.mozart_paper import BASELINE_S, CASES, QWEN3
from hecasim.reproduce.mozart_runs import PLAN, VARIANTS, Point, Runs, Setting
from hecasim.specs import load_package, load_plan

RATIO = {"baseline": 1.0, "A": 0.7, "B": 0.55, "C": 0.5, "ours": 0.48}


def formula(setting, point, seed):
    """Seconds that behave as the paper says, without a simulation."""
    constant = point.sequence / 100 + (3.0 if point.memory == "ssd" else 0.0)
    gains = RATIO[point.variant] ** (point.sequence / 256) if point.memory == "hbm2" else RATIO[point.variant] ** 0.2
    links = 0.4 / setting.link_share + 0.001 * point.sequence / setting.root_link_share
    return (constant + links * setting.weight_passes / 4) * gains


@pytest.fixture
def runs(monkeypatch):
    asked = []
    monkeypatch.setattr(mozart_runs, "_simulated_s", lambda *what: asked.append(what) or formula(*what))
    return asked


def test_every_published_figure_has_a_row_and_the_claims_hold(runs):
    heard = []
    found = mozart(progress=heard.append)
    table = {(row.claim, row.case): row for row in found.rows}
    for case in CASES:
        for variant, paper in case.latency.items():
            row = table["latency over baseline (Table 4)", f"{case.title} {variant}"]
            assert (row.paper, row.ours) == (paper, pytest.approx(RATIO[variant]))
    seconds = [row for row in found.rows if row.claim.startswith("baseline seconds")]
    assert [row.paper for row in seconds] == list(BASELINE_S.values())
    assert "NO" not in found.verdict
    assert {one.changed for one in found.sensitivity} >= {"as assumed", "link_share x 0.5", "micro_batch 4"}
    json.dumps(found.to_json())
    # Nobody is told of one run twice, nor of two runs in the same words.
    assert len(heard) == len(set(heard)) == len(runs)
    assert any(line.startswith("uncalibrated: ") for line in heard)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ({"B": 0.8}, "order baseline > A > B > C on every model: NO"),
        ({"A": 0.9}, "overlap gains more than one copy per chiplet, that more than the layout: NO"),
        ({"ours": 0.51}, "balanced placement beats C on every model, also under drift: NO"),
    ],
)
def test_a_claim_that_fails_is_said(runs, monkeypatch, spoil, said):
    for variant, ratio in spoil.items():
        monkeypatch.setitem(RATIO, variant, ratio)
    assert said in mozart().verdict


def test_nothing_but_the_qwen3_baseline_is_run_to_calibrate(runs):
    fits = mozart_calibration.calibrate()
    points = [point for _, point, _ in runs]
    assert {(point.case, point.variant) for point in points} == {(QWEN3, "baseline")}
    assert {(point.sequence, point.memory) for point in points} == set(BASELINE_S)
    assert [fit.error for fit in fits] == sorted(fit.error for fit in fits)
    study = mozart_calibration.document(fits)
    assert study["as_stored"] is (study["calibrated"] == study["stored"])
    json.dumps(study)


def test_the_calibration_finds_the_shares_that_made_the_seconds(runs, monkeypatch):
    truth = Setting(4, 0.31, 0.12)
    made = {key: formula(truth, Point(QWEN3, "baseline", key[0], key[1]), 0) for key in BASELINE_S}
    monkeypatch.setattr(mozart_calibration, "BASELINE_S", made)
    best = mozart_calibration.calibrate()[0]
    assert best.error < 0.005
    assert best.seconds == {key: pytest.approx(seconds, rel=0.005) for key, seconds in made.items()}


def test_a_run_is_made_once_and_seeds_are_averaged(monkeypatch):
    asked = []
    monkeypatch.setattr(mozart_runs, "_simulated_s", lambda setting, point, seed: asked.append(seed) or 1.0 + seed)
    found = Runs(Setting(), seeds=3)
    assert [found.seconds(QWEN3, "C") for _ in range(2)] == [2.0, 2.0]
    assert asked == [0, 1, 2]
    assert found.under(Setting(4), "x").seconds(QWEN3, "C") == 2.0
    assert len(asked) == 6


def test_the_variants_are_four_plans_and_our_own():
    plans = {name: load_plan(PLAN | keys) for name, keys in VARIANTS.items()}
    assert list(plans) == ["baseline", "A", "B", "C", "ours"]
    assert not plans["baseline"].stream_tokens
    assert plans["A"].dispatch_copies == "per_expert"
    assert plans["B"].dispatch_copies == "per_chiplet"
    assert [plan.expert_placement for plan in plans.values()] == [*["contiguous"] * 3, "clustered", "balanced"]


def test_a_setting_gives_links_so_many_wires():
    package = Setting(3, 0.5, 0.1).package(load_package("mozart_qwen3_hbm2"))
    assert (package.link.wires, package.root_link.wires) == (round(509 * 0.5), round(50.9))
    assert Setting(3, 0.0001, 1.0).package(load_package("mozart_qwen3_hbm2")).link.wires == 1


def test_a_sensitivity_row_changes_one_thing(runs):
    rows = mozart_sensitivity.sensitivity(Runs(Setting(4, 0.4, 0.1)))
    assert [row.changed for row in rows][:2] == ["as assumed", "weight_passes 3"]
    assert all(set(row.ratios) == {"A", "B", "C"} for row in rows)
    assert rows[1].baseline_s < rows[0].baseline_s


def test_a_row_knows_its_gap():
    assert Row("x", "y", 2.0, 2.2).gap == pytest.approx(0.1)
    assert Row("x", "y", None, 2.2).gap is None
