"""The README is run, so that it cannot lie."""

import re
import shlex
from pathlib import Path

import pytest

from hecasim.cli import main

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
