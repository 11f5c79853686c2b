"""Wrong files: each is told by file, line, key path, what was found and what was expected."""

import time
from pathlib import Path

import pytest

from hecasim.errors import ConfigError
from hecasim.specs import load_model, load_package, load_plan, load_study

BAD = Path(__file__).parent / "bad"
LOADERS = {"package": load_package, "model": load_model, "plan": load_plan, "study": load_study, "hf": load_model}

# file, place of the fault as it must be told, a piece of the sentence
FAULTS = [
    ("package_bare_number.yaml", "5: link.latency", "found 60; expected a number and a unit, such as '5 ns'"),
    ("package_wrong_dimension.yaml", "5: link.bandwidth", "found 32 GB; expected [data] / [time], such as '32 GB/s'"),
    ("package_unknown_unit.yaml", "5: link.bandwidth", "found 32 GBps; unknown unit 'GBps'; expected a value"),
    ("package_hertz_as_bandwidth.yaml", "5: link.bandwidth", "found 32 GHz; expected [data] / [time]"),
    ("package_unknown_key.yaml", "5: link.bandwith", "unknown key; did you mean 'bandwidth'?"),
    ("package_unknown_section.yaml", "4: lnik", "unknown key; did you mean 'link'?"),
    ("package_no_rows.yaml", "3: topology.rows", "found 0; expected greater than 0"),
    ("package_half_a_row.yaml", "3: topology.rows", "found 1.5; expected a whole number"),
    (
        "package_unknown_topology.yaml",
        "3: topology.kind",
        "found tours; expected 'mesh', 'torus' or 'tree'; did you mean 'torus'",
    ),
    ("package_tree_without_switch.yaml", "1: switch", "required key is missing: a tree has switches"),
    ("package_tree_memory_at_edge.yaml", "4: memory.attached", "found edge; expected 'tree' on a topology of kind"),
    ("package_tree_of_three_roots.yaml", "4: topology.attention", "found 3; expected 1, 2 or 4"),
    ("package_tree_vector_sums.yaml", "4: chiplet.reduction", "found vector; expected 'unit' on a tree"),
    ("package_tree_with_rows.yaml", "4: topology.rows", "unknown key"),
    ("package_grid_with_switch.yaml", "4: switch", "expected only on a topology of kind tree"),
    ("package_grid_memory_of_a_tree.yaml", "5: memory.attached", "found tree; expected 'edge' or 'every_die' on a"),
    ("package_unknown_memory.yaml", "5: memory.kind", "unknown name 'ddr6_6400'; did you mean 'ddr5_6400'?"),
    (
        "package_unknown_core.yaml",
        "6: chiplet.core.kind",
        "found systolc; expected 'ideal' or 'systolic'; did you mean",
    ),
    ("package_core_key_of_another_kind.yaml", "6: chiplet.core.peak", "unknown key; known: adder_tree, arrays"),
    ("package_core_without_peak.yaml", "5: chiplet.core.peak", "required key is missing"),
    ("package_core_as_word.yaml", "5: chiplet.core", "found systolic; expected keys and values"),
    ("package_dataflow.yaml", "6: chiplet.core.dataflow", "found wss; expected 'ws', 'os' or 'is'"),
    ("package_payload_efficiency.yaml", "5: link.payload_efficiency", "found 1.2; expected less than or equal to 1"),
    ("package_zero_latency.yaml", "5: link.latency", "found 0 ns; expected more than 0"),
    ("package_negative_energy.yaml", "5: energy.mac", "found -0.5 pJ; expected at least 0"),
    ("package_yield_above_one.yaml", "5: cost.bond_yield", "found 1.1; expected less than or equal to 1"),
    ("package_negative_price.yaml", "5: cost.wafer_price", "found -1 USD; expected at least 0, such as '9000 USD'"),
    ("package_bare_area.yaml", "5: area.die", "found 60; expected a number and a unit, such as '60 mm2'"),
    ("package_area_as_length.yaml", "5: area.die", "found 60 mm; expected [length] ** 2, such as '60 mm2'"),
    ("package_zero_die.yaml", "5: area.die", "found 0 mm2; expected more than 0"),
    ("package_price_without_unit.yaml", "5: memory.price", "found 4; expected a number and a unit"),
    ("package_bare_defects.yaml", "5: cost.defect_density", "found 0.09; expected a number and a unit"),
    ("package_negative_idle.yaml", "5: energy.phy_idle_per_link", "found -1 mW; expected at least 0, such as '1 W'"),
    ("package_bare_background.yaml", "5: memory.background_per_channel", "found 1; expected a number and a unit"),
    ("package_die_above_wafer.yaml", "4: area", "a compute die of 90000 mm2 does not fit a wafer"),
    ("package_wafer_all_edge.yaml", "5: cost.wafer_edge", "found 150 mm; expected less than half of wafer_diameter"),
    ("package_no_good_die.yaml", "5: cost.defect_density", "no compute die would be good; expected a smaller value"),
    ("package_area_key_of_another_kind.yaml", "5: area.mac", "unknown key; known: die, io_per_channel"),
    ("package_small_package.yaml", "5: area.package_over_silicon", "found 0.5; expected greater than or equal to 1"),
    ("package_cost_without_area.yaml", "4: cost", "expected an area table beside it"),
    ("package_parts_of_unlimited_sram.yaml", "5: area.kind", "found parts; expected 'given' where the SRAM"),
    ("package_part_of_a_byte.yaml", "6: chiplet.sram.weights", "found 0.3 B; expected a whole number of B"),
    ("package_limited_link.yaml", "5: link.bandwidth", "found unlimited; expected a number and a unit"),
    ("package_empty_value.yaml", "6: chiplet.sram.weights", "found nothing; expected a number and a unit"),
    ("package_truth.yaml", "5: memory.enforce_capacity", "found no; expected true or false"),
    ("package_key_twice.yaml", "6: link.latency", "key given twice; first in line 5"),
    ("package_unknown_parent.yaml", "2: extends", "unknown name 'package_cycle_on'; did you mean 'package_cycle_one'?"),
    ("package_wrong_parent.yaml", "2: extends", "found a list; expected the name or path of one file"),
    ("package_syntax.yaml", "3: file", "expected ',' or '}'"),
    ("package_tab.yaml", "3: file", "cannot start any token"),
    ("package_tag.yaml", "1: name", "tags are not accepted"),
    ("package_alias.yaml", "2: file", "alias '*a' is not accepted"),
    ("package_alias_bomb.yaml", "2: file", "alias '*a' is not accepted"),
    ("package_nested.yaml", "1: file", "nested more than 40 levels deep"),
    ("package_list.yaml", "1: file", "expected keys and values"),
    ("package_text.yaml", "1: file", "expected keys and values"),
    ("package_empty.yaml", "1: file", "expected keys and values"),
    ("package_control_character.yaml", "2: file", "character U+0007 is not accepted"),
    ("package_escape.yaml", "2: file", "an escape in quotes is not a character"),
    ("package_not_utf8.yaml", "2: file", "not UTF-8"),
    ("model_kv_heads.yaml", "6: kv_heads", "found 5; expected a divisor of heads (32)"),
    ("model_no_layers.yaml", "3: layers", "found 0; expected greater than 0"),
    ("model_heads_as_text.yaml", "5: heads", "found '32'; expected a whole number"),
    ("model_activation.yaml", "13: activation", "found silo; expected 'silu', 'gelu' or 'relu'; did you mean 'silu'?"),
    ("model_dropout.yaml", "19: dropout", "found 1.0; expected less than 1"),
    ("model_missing_hidden.yaml", "1: hidden", "required key is missing"),
    ("model_missing_vocab.yaml", "1: vocab", "required key is missing"),
    ("model_head_dim.yaml", "7: head_dim", "found 63; expected an even number"),
    ("model_heads_do_not_fit.yaml", "5: heads", "found 24; expected a divisor of hidden (4096)"),
    ("model_truth.yaml", "14: gated", "found maybe; expected true or false"),
    ("model_moe_top_k.yaml", "19: moe.top_k", "found 3; expected at most experts (2)"),
    ("plan_unknown_key.yaml", "2: bach", "unknown key; did you mean 'batch'?"),
    ("plan_precision.yaml", "1: precision", "found bf32; expected 'bf16', 'fp16', 'fp32' or 'fp8'"),
    ("plan_micro_batch_word.yaml", "1: micro_batch", "found automatic; expected a whole number above 0, or 'auto'"),
    ("plan_micro_batch_above_batch.yaml", "2: micro_batch", "found 8; expected at most batch (4)"),
    ("plan_segment_without_unit.yaml", "1: segment_bytes", "found 262144; expected a number and a unit"),
    ("plan_segment_unknown_key.yaml", "1: segment", "unknown key; did you mean 'segment_bytes'?"),
    ("plan_ring.yaml", "2: options.ring", "found bidirectionl; expected 'unidirectional' or 'bidirectional'"),
    ("plan_grid.yaml", "1: grid.c", "found -4; expected greater than 0"),
    ("plan_seed.yaml", "1: seed", "found -1; expected greater than or equal to 0"),
    ("plan_octal.yaml", "1: batch", "found 010; expected a whole number"),
    ("study_unknown_package.yaml", "2: package", "did you mean 'hecaton_8x8_standard'?"),
    ("study_unknown_model.yaml", "3: model", "unknown name 'llama2-7B'; did you mean 'llama2-7b'?"),
    ("study_plan_key.yaml", "6: plan.secuence", "unknown key; did you mean 'sequence'?"),
    ("study_inline_package.yaml", "4: package.link.latency", "found 5; expected a number and a unit"),
    ("study_no_methods.yaml", "4: methods", "expected at least one entry"),
    ("study_methods_as_word.yaml", "4: methods", "found hecaton; expected a list"),
    ("study_missing_model.yaml", "1: model", "required key is missing"),
    ("study_missing_path.yaml", "2: package", "no such file; did you mean"),
    (
        "hf_unsupported.json",
        "2: model_type",
        "found \"lama\"; not a supported model; did you mean 'llama'?; supported: deepseek",
    ),
    ("hf_mixture.json", "2: model_type", 'found "dbrx"; not a supported mixture of experts; supported: deepseek'),
    ("hf_mixture_deepseek.json", "14: n_group", "found 7; expected a divisor of experts (64)"),
    ("hf_missing.json", "1: hidden_size", "required key is missing"),
    ("hf_negative.json", "3: hidden_size", "found -1; expected greater than 0"),
    ("hf_kv_heads.json", "9: num_key_value_heads", "found 7; expected a divisor of heads (32)"),
    ("hf_activation.json", "8: hidden_act", "not a supported activation; did you mean 'silu'?"),
    ("hf_text_number.json", "5: num_hidden_layers", 'found "32"; expected a whole number'),
    ("hf_key_twice.json", "8: vocab_size", "key given twice; first in line 7"),
    ("hf_syntax.json", "4: file", "expected ',' or '}'"),
    ("hf_architecture.json", "1: architectures[0]", "did you mean 'LlamaForCausalLM'?"),
    ("hf_types_all_wrong.json", "1: model_type", "found a list; not a supported model"),
]


def complaint(file: str) -> str:
    with pytest.raises(ConfigError) as caught:
        LOADERS[file.split("_", maxsplit=1)[0]](BAD / file)
    return str(caught.value)


@pytest.mark.parametrize(("file", "place", "sentence"), FAULTS, ids=[fault[0] for fault in FAULTS])
def test_a_wrong_file_is_told_by_line_key_and_what_was_expected(file, place, sentence):
    said = complaint(file)
    assert f"{file}:{place}: " in said
    assert sentence in said
    assert len(said.splitlines()) == 1  # one fault, one line


def test_every_wrong_file_is_in_the_table():
    through_others = {"package_cycle_one.yaml", "package_cycle_two.yaml", "package_fault_in_parent.yaml"}
    assert {path.name for path in BAD.iterdir()} == {fault[0] for fault in FAULTS} | through_others


def test_a_cycle_of_files_is_told_with_its_members():
    said = complaint("package_cycle_one.yaml")
    assert "package_cycle_two.yaml:2: extends: extends itself: " in said
    assert "package_cycle_one.yaml -> package_cycle_two.yaml -> package_cycle_one.yaml" in said


def test_a_fault_that_came_from_a_parent_is_told_in_the_parent():
    assert "package_bare_number.yaml:5: link.latency: found 60" in complaint("package_fault_in_parent.yaml")


def test_all_faults_are_told_at_once(tmp_path):
    file = tmp_path / "many.yaml"
    file.write_text("batch: 0\nsequence: -1\nsede: 3\noptions: {chunks: 0}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_plan(file)
    told = {line.split(": ")[1] for line in str(caught.value).splitlines()}
    assert told == {"batch", "sequence", "sede", "options.chunks"}


@pytest.mark.parametrize("file", ["package_nested.yaml", "package_alias_bomb.yaml"])
def test_a_hostile_file_is_refused_cheaply(file):
    begin = time.perf_counter()
    complaint(file)
    assert time.perf_counter() - begin < 2


def test_a_file_too_large_to_be_a_description_is_not_read(tmp_path):
    file = tmp_path / "large.yaml"
    file.write_text("name: x\n" + "# padding\n" * 200_000, encoding="utf-8")
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        load_package(file)


def test_a_missing_file_names_its_neighbour(tmp_path):
    (tmp_path / "mine.yaml").write_text("name: mine\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"no such file; did you mean '.*mine\.yaml'"):
        load_package(tmp_path / "mien.yaml")


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'hecaton_8x8_standard'"):
        load_package("hecaton_8x8_standad")


def test_a_complaint_is_short_and_printable(tmp_path):
    file = tmp_path / "odd.yaml"
    file.write_text('batch: "' + "\\u2028\\e[31m" * 50 + '"\n', encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_plan(file)
    assert len(str(caught.value)) < 300
    assert str(caught.value).isprintable()
