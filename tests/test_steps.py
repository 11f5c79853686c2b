"""Several steps of a mixture: fresh tokens in each, one placement, and how much their times differ."""

import pytest

from hecasim.errors import ConfigError
from hecasim.run import simulate
from hecasim.specs import load_model, load_package, load_plan
from hecasim.steps import check_steps, more_steps
from hecasim.trace import prepare

PLAN = {"method": "mozart", "batch": 4, "micro_batch": 2, "sequence": 32, "optimizer": "sgd", "capacity": "warn",
        "profile_tokens": 256, "expert_placement": "clustered"}  # fmt: skip


@pytest.fixture(scope="module")
def inputs():
    return load_package("mozart_olmoe_hbm2"), load_model("olmoe-1b-7b", {"layers": "2"}), load_plan(PLAN)


def test_each_step_is_the_run_with_its_own_routing_step(inputs):
    package, model, plan = inputs
    heard = []
    found = more_steps(simulate(*inputs), *inputs, 3, simulate, lambda share, what: heard.append((share, what)))
    alone = [
        simulate(package, model, load_plan(plan, {"routing_step": str(step)}))["step_time_ps"] for step in range(3)
    ]
    assert found["times_ps"] == alone
    assert len(set(alone)) == 3
    assert (found["min_s"], found["max_s"]) == (min(alone) / 1e12, max(alone) / 1e12)
    assert found["min_s"] < found["mean_s"] < found["max_s"]
    assert heard == [(1 / 3, "step 2 of 3"), (2 / 3, "step 3 of 3")]


def test_one_placement_serves_all_steps(inputs):
    package, model, plan = inputs
    first, later = (prepare(package, model, load_plan(plan, {"routing_step": step})) for step in ("0", "7"))
    assert (first.placement.chiplet_of == later.placement.chiplet_of).all()
    assert not (first.kept.routing.chosen == later.kept.routing.chosen).all()


def test_steps_of_a_dense_model_are_refused(inputs):
    check_steps(load_model("tinyllama-1.1b"), 1)
    with pytest.raises(ConfigError, match=r"--steps: found 2; expected 1: tinyllama-1.1b is dense"):
        check_steps(load_model("tinyllama-1.1b"), 2)
