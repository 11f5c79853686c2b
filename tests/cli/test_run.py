"""`hecasim run`: words become specs, results become a table, a document or a directory."""

import json

import pytest

from hecasim.errors import InfeasiblePlan, Stalled
from hecasim.specs import load_plan, load_study
from tests.tiny import PACKAGE

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
    assert "wrote" not in answer.out
    assert answer.err == ""
