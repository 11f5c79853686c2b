"""The README is run, so that it cannot lie."""

import re
import shlex
from pathlib import Path

import pytest

from hecasim.cli import main
from hecasim.specs import PlanSpec, load_package

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
QUICK = [line for line in README.splitlines() if re.match(r"hecasim (list|schema) ", line)]


@pytest.mark.parametrize("line", QUICK)
def test_a_quick_command_of_the_readme_works(line, capsys):
    with pytest.raises(SystemExit) as leaving:
        main(shlex.split(line, comments=True)[1:])
    assert leaving.value.code in (0, None)
    assert capsys.readouterr().out


def test_every_place_the_readme_names_is_there():
    places = set(re.findall(r"`((?:hecasim|hw_configs|tests|docs)/[\w./]*)`", README))
    assert places
    assert [place for place in sorted(places) if not (ROOT / place).exists()] == []


def test_the_package_of_the_readme_is_right(tmp_path):
    (block,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    file = tmp_path / "mine.yaml"
    file.write_text(block, encoding="utf-8")
    assert load_package(file).topology.columns == 4


def test_the_plan_keys_of_the_readme_are_all_there_are():
    table = README.split("| plan key |")[1].split("\n\n")[0]
    named = {key for row in table.splitlines()[2:] for key in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert named == set(PlanSpec.model_fields) - {"grid"}
