"""Loading: names, files, mappings, inheritance, presets, overrides, and writing a spec out again."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hecasim.errors import ConfigError
from hecasim.specs import (
    ModelSpec,
    OptionsSpec,
    PackageSpec,
    PlanSpec,
    StudySpec,
    load_model,
    load_package,
    load_plan,
    load_study,
    memories,
    names,
    resolved,
)

STANDARD = "hecaton_8x8_standard"
LOADERS = {"package": load_package, "model": load_model, "plan": load_plan, "study": load_study}
SIGNS = st.sampled_from([*"abk:[]{}-#&*!|>'\"%@`,? \n\t0123.~<=\\_eE/", "name: ", "model_type: ", "link:\n  ", "- "])


def complaint_or_nothing(load, *arguments):
    try:
        load(*arguments)
    except ConfigError as error:
        return str(error)
    return None


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=200), st.lists(SIGNS, max_size=60).map("".join)), st.sampled_from(sorted(LOADERS)))
def test_any_text_loads_or_is_a_config_error(tmp_path_factory, text, kind):
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert complaint_or_nothing(LOADERS[kind], file) != ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(names("packages"))), st.data())
def test_any_value_at_any_key_of_a_package_loads_or_is_a_config_error(name, data):
    package = resolved(load_package(name))
    at = package
    key = data.draw(st.sampled_from(sorted(at)))
    while isinstance(at[key], dict) and data.draw(st.booleans()):
        at = at[key]
        key = data.draw(st.sampled_from(sorted(at)))
    at[key] = data.draw(JSON)
    assert complaint_or_nothing(load_package, package) != ""


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["package.x", "link.latency", "chiplet.core", "memory.kind", "link..x", "topology"]),
    st.text(max_size=20),
)
def test_any_override_loads_or_is_a_config_error(key, text):
    told = complaint_or_nothing(load_package, STANDARD, {key: text})
    assert told is None or f"--set package.{key}" in told


@pytest.mark.parametrize("name", names("packages"))
def test_a_package_is_called_like_its_file_and_survives_being_written_out(name):
    package = load_package(name)
    assert package.name == name
    assert load_package(resolved(package)) == package
    assert load_package(json.loads(json.dumps(resolved(package)))) == package


@pytest.mark.parametrize("name", names("models"))
def test_a_model_is_called_like_its_file_and_survives_being_written_out(name):
    model = load_model(name)
    assert model.name == name
    assert load_model(resolved(model)) == model


@pytest.mark.parametrize("name", names("studies"))
def test_a_study_leads_to_a_package_and_a_model_and_survives_being_written_out(name):
    study = load_study(name)
    assert study.name == name
    assert isinstance(load_package(study.package), PackageSpec)
    assert isinstance(load_model(study.model), ModelSpec)
    assert load_study(resolved(study)) == study


@settings(deadline=None)
@given(
    st.builds(
        PlanSpec,
        batch=st.integers(8, 10**6),
        micro_batch=st.just("auto") | st.integers(1, 8),
        segment_bytes=st.integers(1, 2**40),
        grid=st.none() | st.dictionaries(st.sampled_from("rcd"), st.integers(1, 64)),
        options=st.builds(OptionsSpec, realise=st.sampled_from([None, "whole", "rounds"]), regather=st.booleans()),
        precision=st.sampled_from(["bf16", "fp16", "fp32", "fp8"]),
    )
)
def test_any_plan_survives_being_written_out(plan):
    assert load_plan(resolved(plan)) == plan


@settings(deadline=None)
@given(
    st.integers(1, 10**15),
    st.integers(1, 10**9),
    st.floats(0, 1e-6),
    st.none() | st.integers(1, 2**50),
    st.floats(1e-3, 1),
)
def test_any_package_survives_being_written_out(bandwidth, latency, energy, capacity, efficiency):
    whole = load_package("oracle_8x8").model_dump()
    whole["link"] |= {"bandwidth_bytes_per_s": bandwidth, "latency_ps": latency, "energy_j_per_bit": energy}
    whole["link"]["payload_efficiency"] = efficiency
    whole["chiplet"]["tile_sram"]["weights_bytes"] = capacity
    whole["energy"]["mac_j"] = energy
    package = PackageSpec.model_validate(whole)
    assert load_package(resolved(package)) == package


def test_only_runnable_packages_are_listed():
    assert not any(name.endswith(("die", "hecaton_standard", "hecaton_advanced")) for name in names("packages"))
    assert {f"hecaton_{n}x{n}_{kind}" for n in (4, 8, 16, 32) for kind in ("standard", "advanced")} < set(
        names("packages")
    )


def test_names_of_an_unknown_family_are_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'packages'"):
        names("package")


def test_changing_the_memory_kind_changes_every_number_of_the_channel():
    memory = load_package(STANDARD, {"memory.kind": "hbm2_2000"}).memory
    assert memory == load_package("hecaton_8x8_advanced").memory
    assert memory.bandwidth_bytes_per_s == 256 * 10**9
    assert memory.capacity_bytes == 8 * 2**30


def test_a_memory_number_in_a_file_overrides_the_preset_until_the_kind_changes(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(f"extends: {STANDARD}\nname: mine\nmemory:\n  bandwidth: 40 GB/s\n", encoding="utf-8")
    assert load_package(file).memory.bandwidth_bytes_per_s == 40 * 10**9
    assert load_package(file).memory.latency_ps == 60_000
    assert load_package(file, {"memory.kind": "hbm2_2000"}).memory.bandwidth_bytes_per_s == 256 * 10**9


def test_an_ideal_memory_costs_nothing():
    memory = load_package("oracle_8x8").memory
    assert (memory.bandwidth_bytes_per_s, memory.capacity_bytes) == (None, None)
    assert (memory.latency_ps, memory.energy_j_per_bit) == (0, 0)
    assert sorted(memories()) == names("memories") == ["ddr5_6400", "hbm2_2000", "ideal", "ssd_pcie5"]


def test_changing_the_core_kind_leaves_the_other_kinds_keys_behind():
    core = load_package(STANDARD, {"chiplet.core.kind": "ideal", "chiplet.core.peak": "10 TFLOP/s"}).chiplet.core
    assert core.kind == "ideal"
    assert core.peak_flop_per_s == 10**13


def test_a_grid_of_another_kind_keeps_its_sides_and_a_tree_leaves_them_behind():
    torus = load_package("hecaton_4x4_standard", {"topology.kind": "torus"}).topology
    assert (torus.kind, torus.rows, torus.columns, torus.size, torus.cores) == ("torus", 4, 4, 16, 16)
    shape = {"topology.kind": "tree", "topology.attention": 2, "topology.groups": 3, "topology.chiplets": 4}
    parts = {"switch.reduction_bandwidth": "64 GB/s", "memory.attached": "tree"}
    tree = load_package("hecaton_4x4_standard", shape | parts).topology
    assert (tree.rows, tree.columns, tree.size, tree.cores, tree.switches) == (1, 17, 17, 14, 3)


def test_wires_of_a_link_carry_side_by_side():
    link = load_package(STANDARD, {"link.wires": 3, "link.payload_efficiency": 0.5}).link
    assert link.payload_bytes_per_s == 3 * 64 * 10**9 // 2


def test_the_peak_of_a_systolic_core_follows_from_its_arrays():
    assert load_package(STANDARD).chiplet.core.peak_flop_per_s == 2 * 5 * 32 * 32 * 10**9


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("link.latency", "2 GB", "--set package.link.latency: found 2 GB; expected [time], such as '5 ns'"),
        ("link.latency", "2", "--set package.link.latency: found 2; expected a number and a unit, such as '5 ns'"),
        ("link.latncy", "2 ns", "--set package.link.latncy: unknown key; did you mean 'latency'?"),
        ("lnik.latency", "2 ns", "--set package.lnik.latency: lnik: unknown key; did you mean 'link'?"),
        (
            "latency",
            "2 ns",
            "--set package.latency: unknown key; did you mean 'link.latency' or 'root_link.latency' or "
            "'switch.latency' or 'memory.latency'?",
        ),
        ("memory.kind", "hbm2", "--set package.memory.kind: unknown name 'hbm2'; did you mean 'hbm2_2000'?"),
        ("chiplet.core.kind", "ideal", "--set package.chiplet.core.kind: chiplet.core.peak: required key is missing"),
        ("link", "5", "--set package.link: found 5; expected keys and values"),
        ("topology.rows", "*a", "--set package.topology.rows: alias '*a' is not accepted"),
        ("topology..rows", "2", "--set package.topology..rows: expected a dotted key"),
    ],
)
def test_a_wrong_override_is_told_as_it_was_typed(key, value, said):
    with pytest.raises(ConfigError) as caught:
        load_package(STANDARD, {key: value})
    assert str(caught.value).startswith(said)


def test_an_override_is_read_as_yaml():
    assert load_package(STANDARD, {"link.latency": "2ns"}).link.latency_ps == 2000
    assert load_package(STANDARD, {"topology.rows": "3"}).topology.rows == 3
    assert load_plan({}, {"options.regather": "false", "grid": "{r: 2, c: 4}"}).grid == {"r": 2, "c": 4}
    assert load_plan({"batch": 4}, {"batch": 16}).batch == 16
    assert load_model("llama2-7b", {"layers": "2"}).layers == 2


def test_a_spec_can_be_loaded_again_with_overrides():
    package = load_package(STANDARD)
    assert load_package(package) == package
    assert load_package(package, {"link.latency": "5 ns"}).link.latency_ps == 5000


def test_a_childs_word_wins_and_the_rest_is_inherited(tmp_path):
    (tmp_path / "parent.yaml").write_text(
        f"extends: {STANDARD}\nname: parent\nlink: {{latency: 7 ns}}\n", encoding="utf-8"
    )
    (tmp_path / "child.yaml").write_text("extends: parent\nname: child\ntopology: {rows: 2}\n", encoding="utf-8")
    child = load_package(tmp_path / "child.yaml")
    assert (child.name, child.topology.rows, child.topology.columns) == ("child", 2, 8)
    assert (child.link.latency_ps, child.link.bandwidth_bytes_per_s) == (7000, 64 * 10**9)


def test_paths_in_a_study_start_at_its_own_folder(tmp_path, monkeypatch):
    (tmp_path / "mine.yaml").write_text(f"extends: {STANDARD}\nname: mine\n", encoding="utf-8")
    text = "name: study\npackage: mine.yaml\nmodel: llama2-7b\nplan: {batch: 3}\n"
    (tmp_path / "study.yaml").write_text(text, encoding="utf-8")
    monkeypatch.chdir("/")
    study = load_study(tmp_path / "study.yaml")
    assert load_package(study.package).name == "mine"
    assert study.plan.batch == 3


def test_a_study_may_hold_its_package_and_model_inline():
    inline = {"extends": STANDARD, "name": "inline", "link": {"latency": "5 ns"}}
    study = load_study({"name": "s", "package": inline, "model": resolved(load_model("llama2-7b")) | {"layers": 2}})
    assert load_package(study.package).link.latency_ps == 5000
    assert load_model(study.model).layers == 2
    assert load_study(resolved(study)) == study


def test_a_spec_is_frozen_and_python_builds_it_in_base_units():
    package = load_package(STANDARD)
    with pytest.raises(ValueError, match="frozen"):
        package.link.latency_ps = 5
    link = type(package.link)(bandwidth_bytes_per_s=32e9, latency_ps=5000, energy_j_per_bit=0)
    assert isinstance(link.bandwidth_bytes_per_s, int)


@pytest.mark.parametrize("kind", [PackageSpec, ModelSpec, PlanSpec, StudySpec])
def test_the_schema_for_editors_speaks_in_the_keys_of_a_file(kind):
    text = json.dumps(kind.model_json_schema())
    assert "_ps" not in text
    assert "bytes_per_s" not in text
    assert '"extends"' in text
