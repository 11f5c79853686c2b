"""The public door: these names, found where they are, and nothing loaded before it is asked for."""

import subprocess
import sys

import pytest

import hecasim

DOOR = ["Result", "load_model", "load_package", "load_plan", "simulate"]


def test_the_door_is_exactly_this():
    assert hecasim.__all__ == DOOR
    assert hecasim.__all__ == sorted(hecasim.__all__)
    assert set(DOOR) <= set(dir(hecasim))


@pytest.mark.parametrize("name", DOOR)
def test_a_name_of_the_door_is_there(name):
    assert getattr(hecasim, name).__name__ == name


def test_another_name_is_not():
    with pytest.raises(AttributeError, match="no attribute 'simulat'"):
        _ = hecasim.simulat


def test_opening_the_door_loads_nothing():
    script = "import sys, hecasim; sys.exit(', '.join(m for m in sys.modules if m.startswith('hecasim.')) or 0)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
