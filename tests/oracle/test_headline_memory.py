"""Whether the headline systems fit their DRAM: every line of the table in docs/memory.md, computed again."""

import re
from pathlib import Path

import pytest

from hecasim.cli import main
from hecasim.mapping.dram import behind_fullest_channel, dram_capacity_bytes
from hecasim.specs import load_model, load_package, load_plan
from hecasim.trace import prepare

PAGE = (Path(__file__).parents[2] / "docs" / "memory.md").read_text(encoding="utf-8")
LINE = re.compile(r"^\| (llama\S+) \| (hecaton_\S+) \| (.+) \|$", re.MULTILINE)
FOUND = [(model, package, *rest.split(" | ")) for model, package, rest in LINE.findall(PAGE)]
LINES = [line for line in FOUND if line[2] in ("adam", "none")]  # the other table is of schedules


def gib(size_bytes):
    return f"{size_bytes / 2**30:.1f}"


def prepared(model, package, optimizer, recompute):
    plan = load_plan({"batch": 64, "optimizer": optimizer, "recompute": recompute, "capacity": "warn"})
    return prepare(load_package(package), load_model(model), plan)


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_a_line_of_the_table_is_what_the_program_says(line):
    model, package, optimizer, recompute, *figures, fits = line
    step = prepared(model, package, optimizer, recompute)
    needed, present = sum(step.dram_by_class.values()), dram_capacity_bytes(step.package)
    fullest = behind_fullest_channel(step.package, step.plan.dram_map, needed)
    channel = step.package.memory.capacity_bytes
    assert figures == [gib(needed), gib(present), gib(fullest), gib(channel)]
    assert fits == ("yes" if needed <= present and fullest <= channel else "no")
    assert any("DRAM capacity" in remark for remark in step.remarks) == (fits == "no")


def test_the_table_has_both_systems_on_both_packages_with_and_without_optimizer_and_recomputation():
    assert len(set(LINES)) == len(LINES) == 2 * 2 * 2 * 2
    assert {line[0] for line in LINES} == {"llama2-70b", "llama3.1-405b"}


def test_the_command_of_the_page_refuses_with_the_figures_of_its_line(capsys):
    (command,) = re.findall(r"^hecasim (run --dry .+)$", PAGE, re.MULTILINE)
    with pytest.raises(SystemExit) as leaving:
        raise SystemExit(main(command.split()))
    assert leaving.value.code == 3
    said = capsys.readouterr().err
    (line,) = [line for line in LINES if line[:4] == ("llama2-70b", "hecaton_16x16_standard", "none", "full")]
    assert f"{line[4]} GiB" in said
    assert f"{line[6]} GiB" in said
    assert f"{line[7]} GiB" in said


def test_most_of_what_is_left_with_full_recomputation_is_block_inputs():
    step = prepared("llama2-70b", "hecaton_16x16_standard", "none", "full")
    assert f"{gib(step.dram_by_class['activations'])} GiB" in PAGE
