"""Files are data: nothing in hecasim unpickles, evaluates or executes what it reads."""

import ast
from pathlib import Path

import pytest

MODULES = sorted((Path(__file__).parents[2] / "hecasim").rglob("*.py"))
UNPICKLE = {"pickle", "cPickle", "_pickle", "shelve", "dill", "cloudpickle", "joblib"}
EXECUTE = {"eval", "exec", "compile", "__import__"}
UNSAFE_YAML = {"load", "load_all", "full_load", "unsafe_load", "UnsafeLoader", "FullLoader", "Loader"}


def faults(tree: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [one.name for one in node.names] + [getattr(node, "module", None) or ""]
            found += [f"imports {name}" for name in names if name.partition(".")[0] in UNPICKLE]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in EXECUTE:
            found.append(f"calls {node.func.id}")
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and getattr(node.value, "value", True):
            found.append("allows pickles")
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found += [f"yaml.{node.attr}"] if node.value.id == "yaml" and node.attr in UNSAFE_YAML else []
            found += ["marshal loads"] if node.value.id == "marshal" and node.attr in ("load", "loads") else []
    return found


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.name)
def test_a_module_trusts_no_file(file):
    assert not faults(ast.parse(file.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from shelve import open",
        "eval(x)",
        "np.load(f, allow_pickle=True)",
        "yaml.load(f, Loader=l)",
        "marshal.loads(x)",
    ],
)
def test_what_would_trust_one_is_found(text):
    assert faults(ast.parse(text))
