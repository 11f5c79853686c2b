"""What every file of the repository keeps to."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

import hecasim

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "hecasim").rglob("*.py"))
LONGEST = 400
MADE = {".git", ".venv", "runs", "dist", "build", "__pycache__"}
TEXT = {".py", ".md", ".toml", ".yaml", ".yml", ".json", ".jsonl", ".csv", ".html", ".txt", ""}

# Built from parts, so that this file does not hold what it looks for.
MACHINE = re.compile(r"(?<![\w.~-])/(" + "|".join(("wo" + "rk", "tm" + "p", "ro" + "ot", "ho" + "me")) + r")/")
SISTER = re.compile(r"\b" + "shar" + "ed/")


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def texts() -> list[Path]:
    return [
        path
        for path in sorted(ROOT.rglob("*"))
        if path.is_file()
        and path.suffix in TEXT
        and not any(part in MADE or part.endswith("_cache") for part in path.relative_to(ROOT).parts)
        and path.relative_to(ROOT).parts[0] not in (".hypothesis", ".benchmarks")
    ]


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_a_module_opens_with_one_sentence_that_says_what_it_is(file):
    says = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    assert says, f"{name_of(file)} has no docstring"
    assert says.split("\n\n")[0].rstrip().endswith((".", "?", ":")), f"{name_of(file)}: end the first sentence"


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_no_file_is_two_rooms_in_one(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) <= LONGEST, name_of(file)


def test_nothing_holds_a_path_of_the_machine_it_was_written_on():
    faults = [
        f"{name_of(file)}:{number}: {line.strip()[:80]}"
        for file in texts()
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if MACHINE.search(line) or SISTER.search(line)
    ]
    assert not faults


def test_the_changelog_begins_with_what_is_unreleased_or_with_this_version():
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] in ("Unreleased", hecasim.__version__)


def test_every_runtime_library_is_explained():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(one for group in project["optional-dependencies"].values() for one in group)]
    decisions = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    missing = [name for text in wanted if (name := re.match(r"[\w-]+", text)[0]) not in decisions]
    assert not missing


def test_the_test_command_is_the_same_everywhere():
    assert "`make test`" in (ROOT / "README.md").read_text(encoding="utf-8")
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert lines[-1] == "make test"
    assert "set -euo pipefail" in lines


def test_every_verb_of_the_makefile_has_its_line():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    verbs = next(line for line in text.splitlines() if line.startswith(".PHONY:")).split()[1:]
    assert all(re.search(rf"^{verb}:.* ## \S", text, re.MULTILINE) for verb in verbs)
    assert {"help", "run", "test", "bench", "check", "validate-long", "clean"} <= set(verbs)
