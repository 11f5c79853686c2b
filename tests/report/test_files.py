"""Files appear whole or not at all, and nothing of the user's is lost."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hecasim.errors import ConfigError
from hecasim.report import files
from hecasim.report.files import refuse_occupied, run_files, study_files, whole_file, write_directory, yaml_text
from hecasim.specs import load_package, load_plan, resolved
from tests.report.documents import FakeResult, result_document

RUN = {"result.json": "{}\n", "inputs.yaml": "name: x\n"}


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_run_has_the_files_of_the_contract():
    assert set(run_files(FakeResult(result_document(), timeline=True))) == {
        "result.json",
        "inputs.yaml",
        "layers.csv",
        "links.csv",
        "timeline.json",
    }
    assert "timeline.json" not in run_files(FakeResult(result_document()))


def test_the_files_of_a_comparison_stand_below_their_method():
    texts = study_files("s", [result_document()], {"hecaton": FakeResult(result_document())})
    assert set(texts) == {"study.json", *(f"hecaton/{name}" for name in run_files(FakeResult(result_document())))}


def test_a_directory_appears_with_all_its_files(tmp_path):
    written = write_directory(tmp_path / "a" / "b", {**RUN, "sub/result.json": "1\n"})
    assert all(path.is_file() for path in written)
    assert names_in(tmp_path / "a") == ["b"]


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    target = tmp_path / "run"
    write_directory(target, RUN)

    def full_disk(*_, **__):
        raise OSError("no space left")

    with monkeypatch.context() as broken:
        broken.setattr(files.Path, "write_text", full_disk)
        with pytest.raises(OSError, match="no space"):
            write_directory(target, {"result.json": "new"}, force=True)
    assert names_in(tmp_path) == ["run"]
    assert (target / "result.json").read_text() == "{}\n"


def test_force_replaces_the_whole_directory(tmp_path):
    write_directory(tmp_path / "run", {**RUN, "links.csv": "old\n"})
    write_directory(tmp_path / "run", RUN, force=True)
    assert names_in(tmp_path / "run") == sorted(RUN)
    assert names_in(tmp_path) == ["run"]


def test_force_does_not_touch_what_hecasim_did_not_write(tmp_path):
    write_directory(tmp_path / "run", RUN)
    (tmp_path / "run" / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"notes\.txt"):
        write_directory(tmp_path / "run", RUN, force=True)
    (tmp_path / "home" / "pictures").mkdir(parents=True)
    with pytest.raises(ConfigError, match="pictures"):
        refuse_occupied(tmp_path / "home", force=True)
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"


def test_a_file_or_the_present_directory_is_no_place_for_a_run(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ConfigError, match="a file or a link"):
        refuse_occupied(tmp_path / "file", force=True)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(ConfigError, match="you stand in"):
        refuse_occupied(files.Path(), force=False)


def test_an_empty_directory_may_be_filled(tmp_path):
    (tmp_path / "run").mkdir()
    write_directory(tmp_path / "run", RUN)
    assert names_in(tmp_path / "run") == sorted(RUN)


def test_a_whole_file_is_not_there_after_a_failure(tmp_path):
    def fail_half_way():
        with whole_file(tmp_path / "x.jsonl") as partial:
            partial.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert names_in(tmp_path) == []


def test_the_partial_name_keeps_the_ending(tmp_path):
    with whole_file(tmp_path / "x.jsonl.gz") as partial:
        partial.write_text("all")
        assert partial.name.endswith("x.jsonl.gz")
        assert str(os.getpid()) in partial.name
    assert names_in(tmp_path) == ["x.jsonl.gz"]


@pytest.mark.parametrize("package", ["hecaton_8x8_standard", "oracle_8x8"])
def test_resolved_inputs_written_as_yaml_load_back_equal(tmp_path, package):
    spec = load_package(package)
    (tmp_path / "p.yaml").write_text(yaml_text(resolved(spec)))
    assert load_package(tmp_path / "p.yaml") == spec
    (tmp_path / "plan.yaml").write_text(yaml_text(resolved(load_plan({"grid": {"r": 2, "c": 4}}))))
    assert load_plan(tmp_path / "plan.yaml").grid == {"r": 2, "c": 4}


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Co", "Cn"]), min_size=1, max_size=40))
def test_any_name_survives_the_way_through_yaml(tmp_path_factory, name):
    spec = load_package("oracle_8x8").model_copy(update={"name": name})
    file = tmp_path_factory.mktemp("yaml") / "p.yaml"
    file.write_text(yaml_text(resolved(spec)), encoding="utf-8")
    assert load_package(file).name == name
