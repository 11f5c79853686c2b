"""Have simulated numbers moved: tiny steps of every method against stored integers.

A change that moves them on purpose runs `HECASIM_UPDATE_GOLDEN=1 pytest tests/golden` and says so in the changelog.
"""

import json
import os
from pathlib import Path

import pytest

import hecasim
from hecasim.parallel import METHODS
from hecasim.run import build_trace
from hecasim.trace.file import lines
from tests.tiny import tiny_inputs

STORED = Path(__file__).parent / "tiny_steps.json"
TRACES = Path(__file__).parents[2] / "traces"
SHIPPED = {"tiny_2x2_hecaton.jsonl": {}, "tiny_2x2_hecaton_recompute.jsonl": {"recompute": "full"}}
STEPS = {**{method: {"method": method} for method in METHODS},
         **{f"hecaton, recompute {word}": {"recompute": word} for word in ("selective", "full")}}  # fmt: skip
UPDATE = "HECASIM_UPDATE_GOLDEN" in os.environ


def moved_numbers(document):
    simulation = document["simulation"]
    return {
        "step_time_ps": document["step_time_ps"],
        "tile_time_ps": document["tile_time_ps"],
        "traffic": document["traffic"],
        "flops": document["flops"],
        "energy_j": document["energy_j"],
        "memory": document["memory"],
        "events": simulation["events"],
        "transfers": simulation["transfers"],
        "token_tile": simulation["token_tile"],
    }


@pytest.mark.parametrize("step", STEPS)
def test_a_tiny_step_gives_the_stored_integers(tmp_path, step):
    numbers = moved_numbers(hecasim.simulate(*tiny_inputs(tmp_path, **STEPS[step])).to_json())
    stored = json.loads(STORED.read_text()) if STORED.exists() else {}
    if UPDATE:
        STORED.write_text(json.dumps(stored | {step: numbers}, indent=1, sort_keys=True) + "\n")
    else:
        assert numbers == stored[step]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_trace_is_what_the_builder_writes(tmp_path, name):
    text = "".join(line + "\n" for line in lines(build_trace(*tiny_inputs(tmp_path, **SHIPPED[name]))))
    if UPDATE:
        (TRACES / name).write_text(text)
    else:
        assert text == (TRACES / name).read_text()
