"""The synthetic router: its control in closed form, its presets against published copies, and what repeats."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hecasim.errors import ConfigError
from hecasim.experts import ROUTERS, Router, Site, draw, place, router_for
from hecasim.experts.statistics import copies_per_token, gini, groups_per_token, max_over_mean, uniform_copies
from hecasim.specs import load_model
from tests.experts.sets import OPTIONS, small_model

SITE = Site(16, 4)
SEEDS = range(5)
DIGEST = "a880eeb14201d2264b8db30e107d03df8f313615e8f7882b554b97f368576cc9"

# C_T of Mozart's variants B and C (arXiv 2603.07006, table 4), then max/mean and Gini of the router that the reference
# fitted to them.
PUBLISHED = {
    "qwen3-30b-a3b": (6.58, 5.77, 2.4, 0.25),
    "olmoe-1b-7b": (6.84, 5.63, 2.1, 0.27),
    "deepseek-moe-16b": (5.56, 4.32, 2.4, 0.35),
}


@pytest.mark.parametrize(
    ("name", "expected"), [("qwen3-30b-a3b", 6.597), ("olmoe-1b-7b", 6.751), ("deepseek-moe-16b", 5.316)]
)
def test_uniform_routing_gives_the_closed_form(name, expected):
    model = load_model(name)
    moe = model.moe
    assert uniform_copies(moe.experts, moe.top_k, 16) == pytest.approx(expected, abs=0.0005)
    routing = draw(model, router_for("uniform", name), 1024, seed=0)
    for kind in ("contiguous", "round_robin", "random"):
        placement = place(kind, routing, SITE, OPTIONS)
        assert copies_per_token(routing, placement).mean() == pytest.approx(expected, rel=0.01)
        groups = uniform_copies(moe.experts, moe.top_k, 4)
        assert groups_per_token(routing, placement).mean() == pytest.approx(groups, rel=0.01)


def check_preset(name, layers, tokens):
    moe = load_model(name).moe
    model = load_model(name, {"layers": layers + moe.dense_first})
    rows = []
    for seed in SEEDS:
        fitted, measured = draw(model, router_for("preset", name), tokens, seed=seed).halves()
        copies = [
            copies_per_token(measured, place(kind, fitted, SITE, OPTIONS)).mean()
            for kind in ("contiguous", "clustered")
        ]
        loads = measured.loads()
        rows.append([*copies, max_over_mean(loads).mean(), gini(loads).mean()])
    contiguous, clustered, hottest, unequal = np.mean(rows, axis=0)
    published = PUBLISHED[name]
    assert contiguous == pytest.approx(published[0], rel=0.03)
    assert clustered == pytest.approx(published[1], rel=0.03)
    assert hottest == pytest.approx(published[2], rel=0.12)
    assert unequal == pytest.approx(published[3], rel=0.1)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_preset_gives_the_published_copies_and_a_measured_skew(name):
    check_preset(name, layers=12, tokens=6000)  # layers are drawn alike: 60 of them, over the seeds


@pytest.mark.long
@pytest.mark.parametrize("name", PUBLISHED)
def test_a_preset_does_so_over_all_layers(name):
    check_preset(name, layers=load_model(name).moe_layers, tokens=8192)


def test_without_relabelling_deepseek_stays_below_what_is_published():
    model, router = load_model("deepseek-moe-16b"), ROUTERS["deepseek-moe-16b"]
    plain = Router(router.rank, router.strength, router.skew)
    spread, straight = (draw(model, one, 1024, seed=0) for one in (router, plain))
    copies = [copies_per_token(one, place("contiguous", one, SITE, OPTIONS)).mean() for one in (spread, straight)]
    assert copies[0] > uniform_copies(64, 6, 16) + 0.1 > copies[1] + 0.05
    # Only labels differ: sorted loads are those of the same experts.
    assert np.array_equal(np.sort(spread.loads()).sum(axis=1), np.sort(straight.loads()).sum(axis=1))


def test_the_same_seed_gives_the_same_experts_on_any_machine():
    routing = draw(load_model("olmoe-1b-7b"), router_for("preset", "olmoe-1b-7b"), 256, seed=3)
    digest = hashlib.sha256(np.ascontiguousarray(routing.chosen.astype("<i2")).tobytes()).hexdigest()
    assert digest == DIGEST


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from([(16, 4, 1, 1), (16, 1, 1, 1), (16, 16, 1, 1), (32, 4, 8, 2), (32, 8, 4, 2)]),
    st.floats(0, 8), st.floats(0, 2), st.integers(0, 5),
)  # fmt: skip
def test_every_token_goes_to_top_k_different_experts(sizes, strength, skew, seed):
    experts, top_k, groups, top_groups = sizes
    model = small_model(experts, top_k, groups=groups, top_groups=top_groups)
    routing = draw(model, Router(3, strength, skew), 40, seed=seed)
    assert routing.chosen.shape == (2, 40, top_k)
    assert (np.diff(routing.chosen, axis=2) > 0).all()
    assert routing.chosen.min() >= 0
    assert routing.chosen.max() < experts
    assert routing.loads().sum() == 2 * 40 * top_k
    reached = np.sort(routing.chosen // (experts // groups), axis=2)
    assert (1 + np.count_nonzero(np.diff(reached, axis=2), axis=2)).max() <= top_groups


@pytest.mark.parametrize("score", ["max", "top_two"])
def test_groups_are_chosen_by_their_score(score):
    """Group 0 has the best expert, group 1 the two best together."""
    from hecasim.experts.synthetic import _reachable

    moe = small_model(8, 2, groups=2, top_groups=1, group_score=score).moe
    keys = np.array([[100, 1, 2, 3, 90, 80, 0, 4]])
    expected = [True] * 4 + [False] * 4 if score == "max" else [False] * 4 + [True] * 4
    assert _reachable(keys, moe)[0].tolist() == expected


def test_another_step_has_other_tokens_for_the_same_experts():
    model, router = small_model(32, 4, layers=1), Router(4, 2.0, 1.5)
    first, again, second = (draw(model, router, 4000, seed=1, step=step) for step in (0, 0, 1))
    assert np.array_equal(first.chosen, again.chosen)
    assert not np.array_equal(first.chosen, second.chosen)
    other = draw(model, router, 4000, seed=2)
    assert np.corrcoef(first.loads()[0], second.loads()[0])[0, 1] > 0.99
    assert np.corrcoef(first.loads()[0], other.loads()[0])[0, 1] < 0.8


def test_a_drift_leads_away_step_by_step_and_keeps_the_skew():
    model, router = small_model(64, 4, layers=4), Router(4, 2.0, 1.0)
    before = draw(model, router, 4000, seed=0)
    drifts = (0.1, 0.4, 1.0)
    after = [draw(model, router, 4000, seed=0, step=1, drift=drift) for drift in drifts]
    same = [np.corrcoef(before.loads().ravel(), one.loads().ravel())[0, 1] for one in after]
    assert 0.9 < same[0] < 1
    assert same[0] > same[1] > same[2]
    assert abs(same[2]) < 0.3
    assert all(gini(one.loads()).mean() == pytest.approx(gini(before.loads()).mean(), rel=0.25) for one in after)


def test_layers_differ():
    routing = draw(small_model(32, 4, layers=2), Router(4, 2.0, 1.0), 2000, seed=0)
    assert np.corrcoef(routing.loads()[0], routing.loads()[1])[0, 1] < 0.7


def test_dense_first_layers_route_nothing():
    assert draw(load_model("deepseek-moe-16b"), ROUTERS["uniform"], 8, seed=0).layers == 27


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: draw(load_model("llama2-7b"), ROUTERS["uniform"], 8, seed=0), "llama2-7b is dense"),
        (lambda: draw(small_model(), ROUTERS["uniform"], 0, seed=0), "tokens: found 0"),
        (lambda: draw(small_model(), ROUTERS["uniform"], 10**12, seed=0), "tokens: found 1000000000000"),
        (lambda: draw(small_model(), ROUTERS["uniform"], 8, seed=0, drift=1.5), "drift: found 1.5"),
        (lambda: router_for("preset", "olmoe-1b-8b"), "no preset for olmoe-1b-8b; did you mean 'olmoe-1b-7b'"),
        (lambda: router_for("unform", "x"), "unknown name 'unform'; did you mean 'uniform'"),
    ],
)
def test_what_cannot_be_drawn_is_said(call, sentence):
    with pytest.raises(ConfigError, match=sentence):
        call()


def test_every_shipped_mixture_has_a_preset_and_every_preset_a_model():
    from hecasim.specs import names

    mixtures = {name for name in names("models") if load_model(name).moe}
    assert mixtures == set(ROUTERS) - {"uniform"}
