"""Rows belong to the code that computed them: a changed simulator finds none of the old ones, a changed table all."""

import pytest

import hecasim
from hecasim.sweep.code import code_version, fingerprint


def tree(folder, **changes):
    files = {"run.py": "a", "sim/core.py": "b", "specs/memories.yaml": "c", "report/table.py": "d", "cli/run.py": "e"}
    for name, text in (files | changes).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return fingerprint(folder)


@pytest.mark.parametrize("name", ["run.py", "sim/core.py", "specs/memories.yaml", "sim/new.py"])
def test_a_changed_or_new_file_of_the_simulator_is_another_code(tmp_path, name):
    assert tree(tmp_path / "a") == tree(tmp_path / "b")
    assert tree(tmp_path / "a") != tree(tmp_path / "c", **{name: "x"})


@pytest.mark.parametrize("name", ["report/table.py", "cli/new.py", "sim/__pycache__/core.pyc", "hw_configs/mine.yaml"])
def test_what_cannot_move_a_row_does_not_matter(tmp_path, name):
    assert tree(tmp_path / "a") == tree(tmp_path / "b", **{name: "x"})


def test_the_version_is_part_of_it():
    assert code_version().startswith(f"{hecasim.__version__}+")
