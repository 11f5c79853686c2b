"""Two thousand faulty YAML files: each is read or refused in words, quickly, and never with a traceback."""

import random
import re

import pytest

from hecasim.errors import ConfigError
from hecasim.specs import load_study
from tests.sweep.mutations import BASES, load, try_one

SLOWEST_S = 3.0


@pytest.mark.parametrize("name", BASES)
def test_a_file_without_a_fault_is_read(name, tmp_path):
    (tmp_path / name).write_text(BASES[name])
    load(tmp_path / name)


@pytest.mark.parametrize("seed", range(8))
def test_a_faulty_file_is_refused_by_line_or_key_path(seed, tmp_path):
    draw, refused = random.Random(seed), 0
    for _ in range(250):
        name, said, wall_s = try_one(tmp_path, draw)
        assert wall_s < SLOWEST_S, (name, said)
        for line in said.splitlines():
            assert re.match(r"\S.*?: \S", line) or line.startswith("and "), said
        refused += bool(said)
    assert refused > 100


def test_aliases_do_not_explode(tmp_path):
    bomb = ["name: &a0 x"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    (tmp_path / "study.yaml").write_text("\n".join(bomb))
    with pytest.raises(ConfigError, match=r"alias '\*a0' is not accepted"):
        load_study(tmp_path / "study.yaml")


def test_the_home_of_nobody_is_no_place_for_a_package(tmp_path):
    """Found by a longer run of the mutations."""
    (tmp_path / "study.yaml").write_text("name: x\npackage: ~ nobody\nmodel: llama2-7b\n")
    with pytest.raises(ConfigError, match=r"study\.yaml:2: package: ~ nobody: nobody of that name has a home"):
        load_study(tmp_path / "study.yaml")
