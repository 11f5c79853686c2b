"""The program as a process: exit codes, streams, and how little it loads to answer `--help`."""

import subprocess
import sys

import pytest

from hecasim import __version__

VERBS = ["run", "trace", "list", "check", "schema", "sweep", "export", "compare", "bundle"]


def program(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hecasim", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example_and_the_common_flags(call, verb):
    answer = call(verb, "--help")
    assert answer.code == 0
    for part in (f"hecasim {verb}", "Example:", "--json", "--quiet"):
        assert part in answer.out


def test_the_program_lists_its_verbs_and_its_version(call):
    help_text = call("--help").out
    assert all(verb in help_text for verb in VERBS)
    assert call("--version").out == f"hecasim {__version__}\n"


@pytest.mark.parametrize("words", [["fly"], ["run", "--batchh", "2"], ["list"], ["schema", "nothing"]])
def test_a_usage_error_is_exit_code_2_on_stderr(call, words):
    answer = call(*words)
    assert (answer.code, answer.out) == (2, "")
    assert "Traceback" not in answer.err


def test_an_error_of_the_input_has_no_traceback():
    done = program("run", "--package", "nowhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("hecasim: ")
    assert "Traceback" not in done.stderr


def test_help_loads_no_heavy_library():
    heavy = "{'pydantic', 'numpy', 'simpy', 'pint', 'yaml'}"
    script = (
        "import sys\nfrom hecasim.cli import main\n"
        "try:\n    main(['--help'])\n"
        f"except SystemExit:\n    sys.exit(', '.join({heavy} & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_a_reader_that_stops_early_is_no_trouble():
    script = f"{sys.executable} -m hecasim schema package | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == ["{", "0"]
    assert done.stderr == ""
