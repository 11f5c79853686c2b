"""Who may import whom: data flows one way, and each heavy library has one door."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOUSE = ROOT / "hecasim"
FILES = sorted(HOUSE.rglob("*.py"))

# From the ground up; a part imports itself and what lies below it, parts of one floor are strangers.
FLOORS = (
    ("errors",),
    ("units", "registry"),
    ("specs",),
    ("workload", "topologies", "collectives", "experts"),
    ("parallel",),
    ("mapping",),
    ("trace",),
    ("analytic",),
    ("sim",),
    ("playing",),
    ("results",),
    ("run",),
    ("replaying",),
    ("variants", "steps", "explore", "sweep", "validate", "reproduce", "report", "bench", "probe"),
    ("cli",),
    ("__main__",),
)
FLOOR = {part: height for height, parts in enumerate(FLOORS) for part in parts}

# Library -> where it may be imported (a prefix of the path below hecasim/).
DOORS = {
    "simpy": ("sim/",),
    "numba": ("sim/fast/",),
    "pint": ("units.py",),
    "yaml": ("specs/loader.py",),
    "pydantic": ("specs/", "units.py"),
    "typer": ("cli/",),
    "rich": ("cli/", "report/"),
    "google": ("trace/chakra/",),
    "matplotlib": ("bench/curves.py",),
}


def name_of(file: Path) -> str:
    return file.relative_to(HOUSE).as_posix()


def part_of(file: Path) -> str:
    return file.relative_to(HOUSE).parts[0].removesuffix(".py")


def imports(file: Path) -> Iterator[tuple[str, int]]:
    """Every module that *file* imports, also inside functions, with its line."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(file)}:{node.lineno}: imports are absolute"
            yield node.module or "", node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


@pytest.mark.parametrize("file", [file for file in FILES if file != HOUSE / "__init__.py"], ids=name_of)
def test_imports_point_downward(file):
    own = part_of(file)
    assert own in FLOOR, f"{own} has no floor: add it to FLOORS"
    faults = [
        f"{name_of(file)}:{line}: {own} imports {module}"
        for module, line in imports(file)
        if module.startswith("hecasim.")
        and (part := module.split(".")[1]) in FLOOR
        and part != own
        and FLOOR[part] >= FLOOR[own]
    ]
    assert not faults


@pytest.mark.parametrize("library", DOORS)
def test_a_heavy_library_has_one_door(library):
    faults = [
        f"{name_of(file)}:{line}: imports {library}"
        for file in FILES
        if not name_of(file).startswith(DOORS[library])
        for module, line in imports(file)
        if module.split(".")[0] == library
    ]
    assert not faults


def test_only_the_command_line_and_the_report_print():
    faults = [
        f"{name_of(file)}:{node.lineno}: prints"
        for file in FILES
        if part_of(file) not in ("cli", "report")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "sys.stdout.write", "sys.stderr.write")
    ]
    assert not faults
