"""`hecasim run`: words become specs, results become a table, a document or a directory."""

import json
import re
from typing import get_args

import pytest

from hecasim.cli.options import Fidelity
from hecasim.errors import ConfigError, InfeasiblePlan, Stalled
from hecasim.specs import PlanSpec, load_plan, load_study
from tests.tiny import PACKAGE, write_inputs

NO_FIT = InfeasiblePlan("SRAM per die", 2048, 1024, ["a smaller micro_batch"])


def test_a_run_without_words_is_llama2_7b_on_64_dies_by_hecaton(call, simulation):
    answer = call("run", "--quiet")
    assert answer.code == 0, answer.err
    (asked,) = simulation.calls
    assert (asked.package.name, asked.model.name, asked.plan.method) == ("hecaton_8x8_standard", "llama2-7b", "hecaton")


def test_flags_override_the_study(call, simulation, study):
    words = ["--batch", 16, "--micro-batch", 2, "--sequence", 128, "--method", "optimus", "--fidelity", "analytic"]
    assert call("run", study, *words).code == 0
    plan = simulation.calls[0].plan
    assert (plan.batch, plan.micro_batch, plan.sequence, plan.method, plan.fidelity) == (
        16,
        2,
        128,
        "optimus",
        "analytic",
    )


def test_set_reaches_package_model_and_plan_and_wins_over_a_flag(call, simulation, study):
    settings = ["package.link.latency=2 ns", "model.layers=3", "plan.options.kv=gather", "plan.batch=32"]
    words = [word for setting in settings for word in ("--set", setting)]
    assert call("run", study, "--batch", 16, *words).code == 0
    (asked,) = simulation.calls
    assert asked.package.link.latency_ps == 2000
    assert asked.model.layers == 3
    assert (asked.plan.options.kv, asked.plan.batch) == ("gather", 32)


def test_package_and_model_flags_replace_those_of_the_study(call, simulation, study):
    assert call("run", study, "--package", "hecaton_4x4_standard", "--model", "llama2-13b").code == 0
    (asked,) = simulation.calls
    assert (asked.package.name, asked.model.name, asked.plan.batch) == ("hecaton_4x4_standard", "llama2-13b", 4)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "link.latency=2 ns"], ["link.latency", "package., model. or plan."]),
        (["--set", "batch=2"], ["did you mean 'plan.batch'?"]),
        (["--set", "pakage.link.latency=2 ns"], ["did you mean 'package'?"]),
        (["--set", "plan.batch"], ["key=value"]),
        (["--set", "plan=x"], ["package., model. or plan."]),
        (["--set", "plan.batch=many"], ["plan.batch", "many"]),
        (["--set", "plan.bacth=2"], ["did you mean 'batch'?"]),
        (["--method", "hecatom"], ["did you mean 'hecaton'?"]),
        (["--fidelity", "packet"], ["fidelity", "packet"]),
        (["--package", "hecaton_8x8_standart"], ["did you mean 'hecaton_8x8_standard'?"]),
        (["--batch", "-1"], ["batch"]),
        (["--dry", "--out", "somewhere"], ["--out"]),
    ],
)
def test_a_wrong_word_is_named_before_anything_runs(call, simulation, study, words, said):
    answer = call("run", study, *words)
    assert (answer.code, answer.out, simulation.calls) == (2, "", [])
    assert all(part in answer.err for part in said), answer.err
    assert "Traceback" not in answer.err


def test_faults_of_plan_package_and_model_are_told_together(call, simulation, study):
    settings = ["plan.batch=x", "package.link.latency=1", "model.layers=0"]
    answer = call("run", study, *[word for setting in settings for word in ("--set", setting)])
    assert answer.code == 2
    assert all(key in answer.err for key in ("plan.batch", "package.link.latency", "model.layers"))


def test_json_of_one_run_is_its_document_and_nothing_else(call, simulation, study):
    answer = call("run", study, "--json")
    document = json.loads(answer.out)
    assert document["inputs"]["plan"]["method"] == "hecaton"
    assert answer.err == ""


def test_json_of_a_comparison_has_a_row_per_method(call, simulation, comparison):
    document = json.loads(call("run", comparison, "--json", "--quiet").out)
    assert document["study"] == "tiny"
    assert [row["inputs"]["plan"]["method"] for row in document["rows"]] == ["megatron", "hecaton"]


def test_a_comparison_is_a_table_against_its_first_row(call, simulation, comparison):
    out = call("run", comparison).out
    assert "1.00x" in out
    assert "0.50x" in out


def test_a_method_flag_picks_one_row_of_a_comparison(call, simulation, comparison):
    document = json.loads(call("run", comparison, "--method", "hecaton", "--json").out)
    assert document["inputs"]["plan"]["method"] == "hecaton"
    assert len(simulation.calls) == 1


def test_a_method_that_does_not_fit_is_a_row_and_exit_code_3(call, simulation, comparison, tmp_path):
    simulation.raises["megatron"] = NO_FIT
    answer = call("run", comparison, "--json", "--out", tmp_path / "out")
    rows = json.loads(answer.out)["rows"]
    assert answer.code == 3
    assert rows[0]["infeasible"] == {
        "resource": "SRAM per die",
        "needed": 2048,
        "available": 1024,
        "levers": ["a smaller micro_batch"],
    }
    assert rows[1]["inputs"]["plan"]["method"] == "hecaton"
    assert (tmp_path / "out" / "hecaton" / "result.json").is_file()
    assert "no fit" in call("run", comparison).out


GRID = ConfigError("plan.method: megatron needs a square grid")


def test_a_method_that_the_grid_refuses_is_a_row_and_the_others_run(call, simulation, comparison, tmp_path):
    simulation.raises["megatron"] = GRID
    answer = call("run", comparison, "--json", "--out", tmp_path / "out")
    assert answer.code == 0
    refused, ran = json.loads(answer.out)["rows"]
    assert refused == {"method": "megatron", "refused": True, "message": str(GRID)}
    assert ran["inputs"]["plan"]["method"] == "hecaton"
    assert (tmp_path / "out" / "hecaton" / "result.json").is_file()
    shown = call("run", comparison).out
    assert "no run" in shown
    assert f"megatron does not run: {GRID}" in shown


def test_where_the_grid_refuses_every_method_the_input_is_wrong(call, simulation, comparison):
    simulation.raises |= {"megatron": GRID, "hecaton": ConfigError("plan.batch: found 3")}
    answer = call("run", comparison)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == f"hecasim: {GRID}\nplan.batch: found 3\n"


def test_a_refused_method_is_a_row_of_previews_and_of_comparisons_of_runs_too(call, tmp_path):
    study, out = write_inputs(tmp_path, ["optimus", "hecaton"]), tmp_path / "out"
    wide = ["--set", "package.topology.columns=4"]
    assert call("run", study, *wide, "--quiet", "--out", out).code == 0
    compared = json.loads(call("compare", out, out, "--json").out)
    assert "refused" in json.dumps(compared)
    answer = call("run", study, *wide, "--dry", "--json")
    assert answer.code == 0
    refused, ran = json.loads(answer.out)["rows"]
    assert refused["refused"] is True
    assert "optimus needs a square grid" in refused["message"]
    assert ran["token_tile"] > 0


def test_a_single_run_that_the_grid_refuses_is_exit_code_2(call, simulation, study):
    simulation.raises["hecaton"] = GRID
    assert call("run", study).code == 2


def test_a_changed_package_says_so_in_its_name(call, simulation, study):
    def name(*words):
        return json.loads(call("run", study, "--json", *words).out)["inputs"]["package"]["name"]

    assert name() == name("--set", "plan.batch=2") == "tiny_2x2"
    assert name("--set", "package.link.latency=2 ns") == "tiny_2x2 (changed)"
    assert name("--set", "package.link.latency=2 ns", "--set", "package.name=mine") == "mine"
    assert "on tiny_2x2 (changed)" in call("run", study, "--set", "package.link.latency=2 ns").out


def test_a_changed_package_can_be_run_again_under_its_name(call, simulation, study, tmp_path):
    assert call("run", study, "--set", "package.link.latency=2 ns", "--out", tmp_path / "one").code == 0
    assert call("run", tmp_path / "one" / "inputs.yaml", "--set", "package.link.latency=3 ns").code == 0
    first, again = (asked.package for asked in simulation.calls)
    assert (first.name, again.name) == ("tiny_2x2 (changed)",) * 2
    assert (first.link.latency_ps, again.link.latency_ps) == (2000, 3000)


def test_the_help_of_fidelity_names_what_there_is():
    known = get_args(PlanSpec.model_fields["fidelity"].annotation)
    (about,) = Fidelity.__metadata__
    words = re.findall(r"\w+", about.help)
    assert all(name in words for name in known)
    assert [name for name in ("analytic", "message", "packet") if name in words and name not in known] == []


def test_a_single_run_that_does_not_fit_says_what_would_help(call, simulation, study):
    simulation.raises["hecaton"] = NO_FIT
    answer = call("run", study, "--json")
    assert (answer.code, answer.out) == (3, "")
    assert all(part in answer.err for part in ("SRAM per die", "2,048", "1,024", "a smaller micro_batch"))


def test_a_stalled_run_is_exit_code_4(call, simulation, study):
    simulation.raises["hecaton"] = Stalled("3 tasks never ran")
    assert call("run", study).code == 4


def test_a_defect_is_exit_code_1_with_its_traceback(call, simulation, study):
    simulation.raises["hecaton"] = ZeroDivisionError("ours")
    answer = call("run", study)
    assert answer.code == 1
    assert "Traceback" in answer.err
    assert "defect of hecasim" in answer.err


def test_an_interrupted_run_is_exit_code_130_and_leaves_nothing(call, simulation, study, tmp_path):
    simulation.raises["hecaton"] = KeyboardInterrupt()
    answer = call("run", study, "--out", tmp_path / "out")
    assert answer.code == 130
    assert "again" in answer.err
    assert not (tmp_path / "out").exists()


def test_dry_previews_and_does_not_simulate(call, simulation, study):
    assert json.loads(call("run", study, "--dry", "--json").out)["bounds_s"] == {"compute": 0.25}
    assert "compute: 0.25" in call("run", study, "--dry").out


def test_out_holds_the_files_of_the_contract_and_can_be_run_again(call, simulation, study, tmp_path):
    out = tmp_path / "runs" / "one"
    answer = call("run", study, "--out", out, "--batch", 12)
    names = {"result.json", "inputs.yaml", "layers.csv", "links.csv", "timeline.json"}
    assert {path.name for path in out.iterdir()} == names
    assert all(str(out / name) in answer.out for name in names)
    assert call("run", out / "inputs.yaml").code == 0
    first, again = simulation.calls
    assert (first.package, first.model, first.plan) == (again.package, again.model, again.plan)
    assert load_plan(load_study(out / "inputs.yaml").plan).batch == 12


def test_json_with_out_says_the_paths_on_stderr(call, simulation, study, tmp_path):
    answer = call("run", study, "--json", "--out", tmp_path / "one")
    json.loads(answer.out)
    assert "result.json" in answer.err


def test_a_comparison_writes_a_directory_per_method(call, simulation, comparison, tmp_path):
    assert call("run", comparison, "--out", tmp_path / "out", "--quiet").code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"megatron", "hecaton", "study.json"}
    assert len(json.loads((tmp_path / "out" / "study.json").read_text())["rows"]) == 2


def test_nothing_is_overwritten_without_force(call, simulation, study, tmp_path):
    out = tmp_path / "one"
    assert call("run", study, "--out", out).code == 0
    before = (out / "result.json").read_bytes()
    answer = call("run", study, "--out", out, "--batch", 2)
    assert (answer.code, len(simulation.calls)) == (2, 1)
    assert "--force" in answer.err
    assert (out / "result.json").read_bytes() == before
    assert call("run", study, "--out", out, "--batch", 2, "--force").code == 0
    assert json.loads((out / "result.json").read_text())["inputs"]["plan"]["batch"] == 2


def test_a_package_written_inline_takes_another_memory(call, simulation, tmp_path):
    study = tmp_path / "inline.yaml"
    indented = "".join(f"  {line}\n" for line in PACKAGE.splitlines())
    study.write_text(f"name: inline\nmodel: llama2-7b\npackage:\n{indented}")
    assert call("run", study, "--set", "package.memory.kind=hbm2_2000").code == 0
    assert simulation.calls[0].package.memory.bandwidth_bytes_per_s == 256 * 10**9


def test_quiet_says_only_the_answer(call, simulation, study, tmp_path):
    answer = call("run", study, "--quiet", "--out", tmp_path / "one")
    assert answer.err == ""
    assert "step time" in answer.out
    loud = call("run", study).out
    for note in ("Approximations", "capacity: warn", "Simulated with"):
        assert note in loud
        assert note not in answer.out
    assert "wrote" not in answer.out


def test_quiet_leaves_the_table_of_a_comparison_alone(call, simulation, comparison):
    loud, quiet = call("run", comparison).out, call("run", comparison, "--quiet").out
    for note in ("Approximations", "capacity: warn", "speed-up and energy gain:"):
        assert note in loud
        assert note not in quiet
    assert "1.00x" in quiet


def test_json_of_a_comparison_has_the_energy_ratios_with_and_without_static_energy(call, simulation, comparison):
    document = json.loads(call("run", comparison, "--json").out)
    gains = document["energy_gain"]
    first, second = (row["energy_j"]["total"] for row in document["rows"])
    assert gains["hecaton"] == {"with_static": first / second, "without_static": first / second}
    assert gains["megatron"] == {"with_static": 1.0, "without_static": 1.0}
