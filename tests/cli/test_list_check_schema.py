"""`hecasim list`, `check` and `schema`: what is there, is this right, and what may be written."""

import json

import pytest

from hecasim.specs import names
from tests.tiny import MODEL, PACKAGE

FAMILIES = ["packages", "models", "methods", "topologies", "collectives", "memories", "studies"]
HUGGING_FACE = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": 256,
    "max_position_embeddings": 128,
    "rms_norm_eps": 1e-5,
    "hidden_act": "silu",
}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_lists_names_with_a_line_about_each(call, family):
    answer = call("list", family, "--json")
    assert answer.code == 0, answer.err
    parts = json.loads(answer.out)[family]
    assert parts
    assert all(part["name"] and part["description"] for part in parts)
    table, bare = call("list", family).out, call("list", family, "--quiet").out
    assert all(part["name"] in table for part in parts)
    assert bare.split() == [part["name"] for part in parts]


def test_an_unknown_family_is_a_usage_error(call):
    answer = call("list", "memorys")
    assert answer.code == 2
    assert "memories" in answer.err


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("package", PACKAGE),
        ("model", MODEL),
        ("model", json.dumps(HUGGING_FACE)),
        ("plan", "batch: 16\n"),
        ("study", "name: x\npackage: hecaton_4x4_standard\nmodel: llama2-7b\n"),
    ],
)
def test_check_knows_what_a_file_is(call, tmp_path, kind, text):
    file = tmp_path / ("config.json" if text.startswith("{") else "some.yaml")
    file.write_text(text)
    answer = call("check", file, "--json")
    assert answer.code == 0, answer.err
    (one,) = json.loads(answer.out)["files"]
    assert (one["kind"], one["file"]) == (kind, str(file))
    assert call("check", file, "--quiet").out == f"{file}: a {kind}, right\n"


def test_check_prints_units_and_exact_parameters(call, tmp_path):
    (tmp_path / "p.yaml").write_text(PACKAGE)
    (tmp_path / "m.yaml").write_text(MODEL)
    out = call("check", tmp_path / "p.yaml", tmp_path / "m.yaml").out
    assert "bandwidth: 32 GB/s" in out
    # Two layers of 4 h^2 + 3 h f + 2 h, the final norm, the embedding and the head.
    assert f"parameters: {2 * (4 * 64**2 + 3 * 64 * 128 + 2 * 64) + 64 + 2 * 256 * 64:,}" in out


def test_check_tells_all_faults_of_all_files(call, tmp_path):
    (tmp_path / "p.yaml").write_text(PACKAGE.replace("32 GB/s", "32 GHz").replace("rows: 2", "rows: 0"))
    (tmp_path / "m.yaml").write_text(MODEL.replace("heads", "haeds"))
    answer = call("check", tmp_path / "p.yaml", tmp_path / "m.yaml", tmp_path / "none.yaml", "--json")
    assert (answer.code, answer.out) == (2, "")
    for part in ("32 GHz", "topology.rows", "did you mean 'heads'?", "none.yaml", "no such file"):
        assert part in answer.err


@pytest.mark.parametrize("text", ["name: x\npackage: nowhere\nmodel: llama2-7b\n", "method: hecatom\n"])
def test_check_follows_the_names_in_a_file(call, tmp_path, text):
    (tmp_path / "s.yaml").write_text(text)
    assert call("check", tmp_path / "s.yaml").code == 2


@pytest.mark.parametrize("family", ["packages", "models", "studies"])
def test_everything_shipped_passes_check(call, family):
    answer = call("check", *names(family), "--quiet")
    assert answer.code == 0, answer.err


@pytest.mark.parametrize("kind", ["package", "model", "plan", "study"])
def test_a_schema_is_json_and_names_the_keys_of_a_file(call, kind):
    document = json.loads(call("schema", kind).out)
    assert document["type"] == "object"
    assert document == json.loads(call("schema", kind, "--json").out)
    key = {"package": "link", "model": "hidden", "plan": "micro_batch", "study": "methods"}[kind]
    assert key in document["properties"]
