"""YAML file -> frozen spec; the only importer of yaml. A complaint names file, line, key path, found and expected."""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import yaml

from hecasim.errors import ConfigError, nearest
from hecasim.registry import Registry
from hecasim.specs import find, huggingface
from hecasim.specs.model import ModelSpec
from hecasim.specs.package import TIED_TO_KIND, PackageSpec
from hecasim.specs.plan import PlanSpec
from hecasim.specs.resolve import resolved
from hecasim.specs.sentences import validate
from hecasim.specs.spec import Spec
from hecasim.specs.study import StudySpec
from hecasim.specs.tree import DEEPEST, Node, Place, Scalar, found, from_python, merge, printable

Source: TypeAlias = "str | Path | Mapping[str, Any] | Spec"
Overrides: TypeAlias = Mapping[str, Any]

__all__ = ["load_model", "load_package", "load_plan", "load_study", "memories", "names", "resolved"]

WHOLE = re.compile(r"[-+]?(0|[1-9][0-9_]{0,99})", re.ASCII)
DECIMAL = re.compile(r"[-+]?([0-9]{1,99}(\.[0-9]{0,99})?|\.[0-9]{1,99})([eE][-+]?[0-9]{1,2})?", re.ASCII)
NULL = ("", "~", "null", "Null", "NULL")
TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
LONGEST_LINE_OF_PARENTS = 16
PARTS = ("package", "model", "plan")
FAMILIES = {"packages": "package", "models": "model", "studies": "study"}
MEMORY_TABLE = Path(__file__).with_name("memories.yaml")


def load_package(source: Source, overrides: Overrides | None = None) -> PackageSpec:
    """The package of that name, path or mapping, with *overrides* (`{"link.latency": "2 ns"}`) on top."""
    faults: list[str] = []
    return validate(_with_memory(_tree(source, "package", overrides or {}), faults), PackageSpec, faults)


def load_model(source: Source, overrides: Overrides | None = None) -> ModelSpec:
    """The model of that name, path (also of a Hugging Face config.json) or mapping."""
    return validate(_tree(source, "model", overrides or {}), ModelSpec)


def load_plan(source: Source, overrides: Overrides | None = None) -> PlanSpec:
    """The plan of that path or mapping."""
    return validate(_tree(source, "plan", overrides or {}), PlanSpec)


def load_study(source: Source, overrides: Overrides | None = None) -> StudySpec:
    """The study of that name, path or mapping; paths in it start at its own folder."""
    beside = None if isinstance(source, Mapping | Spec) else find.find(str(source), "study", Place("study")).parent
    tree = _tree(source, "study", overrides or {})
    faults: list[str] = []
    whole = {key: _part(node, key, beside, faults) if key in PARTS else node for key, node in tree.keys.items()}
    if "axes" in whole:
        whole["axes"] = _axes(whole["axes"], beside, faults)
    return validate(tree.with_keys(whole), StudySpec, faults)


def names(family: str) -> list[str]:
    """What is shipped of a family: packages, models, studies or memories."""
    if family == "memories":
        return sorted(memories())
    return sorted(find.shipped(Registry("family", FAMILIES)[family]))


def memories() -> Registry[dict[str, Any]]:
    """The MEMORIES table: kind -> what a package that names this kind gets per channel."""
    return Registry("memory", {name: node.plain() for name, node in _memory_table().keys.items()})


def _part(node: Node, kind: str, beside: Path | None, faults: list[str]) -> Node:
    """A part of a study as it stands there: a name or path, checked to lead somewhere, or written inline."""
    if isinstance(node.value, str) and kind != "plan":
        try:
            path = find.find(node.value, kind, node.place, beside)
        except ConfigError as error:
            faults.append(str(error))
            return node
        by_name = node.value in find.shipped(kind)
        return node if by_name else Node(str(path), node.place, node.text)
    if not isinstance(node.value, dict):
        return node
    whole = _extended(node, kind, beside, ())
    if kind == "package":
        return _with_memory(whole, faults)
    return huggingface.convert(whole) if kind == "model" and huggingface.is_config(whole) else whole


def _axes(axes: Node, beside: Path | None, faults: list[str]) -> Node:
    """The axes of a study; packages and models among their values are found as those of the study itself."""
    found_values = {
        kind: Node([_part(one, kind, beside, faults) for one in axis.value], axis.place)
        for kind, axis in axes.keys.items()
        if kind in ("package", "model") and isinstance(axis.value, list)
    }
    return axes.with_keys(found_values) if found_values else axes


def _tree(source: Source, kind: str, overrides: Overrides) -> Node:
    """Everything that was written about a spec, from files, mappings and the command line, as one tree."""
    if isinstance(source, Spec):
        source = resolved(source)
    if isinstance(source, Mapping):
        tree = _extended(from_python(source, Place(kind)), kind, None, ())
    else:
        tree = _read_extended(find.find(str(source), kind, Place(kind)), kind, ())
    if kind == "model" and huggingface.is_config(tree):
        tree = huggingface.convert(tree)
    for key, value in overrides.items():
        tree = merge(tree, _argument(key, value, kind), TIED_TO_KIND)
    return tree


def _argument(dotted: str, value: Any, kind: str) -> Node:
    """`--set link.latency=2ns` as a tree with that one value."""
    keys = dotted.split(".")
    place = Place(f"--set {dotted if kind == 'study' else f'{kind}.{dotted}'}", is_argument=True)
    if not all(keys):
        raise ConfigError(f"{place.file}: expected a dotted key, such as '{kind}.name'")
    below = place.below(*keys)
    node = _parse(value, place.file, below) if isinstance(value, str) else from_python(value, below)
    for depth in range(len(keys) - 1, -1, -1):
        node = Node({keys[depth]: node}, place.below(*keys[:depth]))
    return node


def _read_extended(path: Path, kind: str, children: tuple[Path, ...]) -> Node:
    tree = _parse_file(find.read_text(path), find.shown(path), path.suffix == ".json")
    return _extended(tree, kind, path.parent, (*children, path))


def _extended(tree: Node, kind: str, beside: Path | None, files: tuple[Path, ...]) -> Node:
    """*tree* on top of the file it extends; *files* are the ones that lead here."""
    parent = tree.keys.get("extends")
    if parent is None:
        return tree
    if not isinstance(parent.value, str):
        raise ConfigError(parent.place.says(f"found {found(parent)}; expected the name or path of one file"))
    path = find.find_parent(parent.value, kind, parent.place, beside)
    chain = [one.resolve() for one in files]
    if path.resolve() in chain:
        loop = " -> ".join(one.name for one in [*files[chain.index(path.resolve()) :], path])
        raise ConfigError(parent.place.says(f"extends itself: {loop}"))
    if len(files) > LONGEST_LINE_OF_PARENTS:
        raise ConfigError(parent.place.says(f"more than {LONGEST_LINE_OF_PARENTS} files extend one another"))
    own = Node({key: node for key, node in tree.keys.items() if key != "extends"}, tree.place)
    return merge(_read_extended(path, kind, files), own, TIED_TO_KIND)


def _with_memory(tree: Node, faults: list[str]) -> Node:
    """The channel numbers a package leaves out, from the preset of its memory kind."""
    memory = tree.keys.get("memory")
    if memory is None or not isinstance(memory.value, dict):
        return tree
    table = _memory_table().keys
    kind = memory.keys.get("kind")
    name = kind.value if kind is not None and isinstance(kind.value, str) else "ideal"  # pydantic tells what is wrong
    if kind is not None and name not in table:
        faults.append(kind.place.says(f"unknown name '{printable(name)}'; {nearest(name, table)}"))
    preset = table.get(name, table["ideal"])  # so that what a right kind would have brought is not called missing
    return tree.with_keys({"memory": memory.with_keys(preset.keys | memory.keys)})


@lru_cache(maxsize=1)
def _memory_table() -> Node:
    return _parse(MEMORY_TABLE.read_text(encoding="utf-8"), MEMORY_TABLE.name)


class _Composer(yaml.BaseLoader):
    """YAML without what a description never needs: aliases, tags, endless nesting."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            self.refuse(f"alias '*{self._next().anchor}' is not accepted; write the value out, or use `extends`")
        self.depth += 1
        if self.depth > DEEPEST:
            self.refuse(f"nested more than {DEEPEST} levels deep")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def refuse(self, problem: str) -> NoReturn:
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=self._next().start_mark)

    def _next(self) -> Any:
        return self.peek_event()  # type: ignore[no-untyped-call]


@lru_cache(maxsize=64)
def _parse_file(text: str, file: str, is_json: bool) -> Node:
    """A file as a tree; a sweep reads the same few thousands of times."""
    return _parse(text, file, is_json=is_json)


def _parse(text: str, file: str, argument: Place | None = None, *, is_json: bool = False) -> Node:
    """YAML text as a tree; *argument* is where the text stands when it is a value of the command line."""
    root = argument or Place(file, 1)
    composer: _Composer | None = None
    try:
        composer = _Composer(text.replace("\t", " ") if is_json else text)  # JSON may be indented by tabs, YAML may not
        node = composer.get_single_node()
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise ConfigError(
            Place(file, line).says(f"character {_hexadecimal(error.character)} is not accepted in YAML")
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = ", ".join(part for part in (error.problem, error.context) if part)
        place = argument or Place(file, mark.line + 1 if mark else 1)
        raise ConfigError(place.says(what)) from None
    except (ValueError, OverflowError):  # from PyYAML: an escape such as "\UFFFFFFFF"
        place = argument or Place(file, composer.line + 1 if composer else 1)
        raise ConfigError(place.says("an escape in quotes is not a character")) from None
    if node is None:
        node = yaml.ScalarNode("tag:yaml.org,2002:str", "")
    faults: list[str] = []
    tree = _node(node, root, faults)
    if faults:
        raise ConfigError("\n".join(faults))
    if argument is None and not isinstance(tree.value, dict):
        raise ConfigError(root.says("expected keys and values, such as 'name: ...'"))
    return tree


def _hexadecimal(character: str | int) -> str:
    return f"U+{ord(character) if isinstance(character, str) else character:04X}"


def _node(node: yaml.Node, place: Place, faults: list[str]) -> Node:
    """A node of YAML as one of ours; duplicate keys and tags become *faults*."""
    if node.tag not in ("tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq", "!"):
        faults.append(place.says(f"found the tag {node.tag}; tags are not accepted"))
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, place, faults)
    if isinstance(node, yaml.SequenceNode):
        below = (place.below(at, line=_line(one, place)) for at, one in enumerate(node.value))
        return Node([_node(one, where, faults) for one, where in zip(node.value, below, strict=True)], place)
    style = getattr(node, "style", None)
    if style is None:
        return Node(_scalar(node.value), place, node.value)
    quote = style if style in ("'", '"') else ""  # a quoted '2' is text, and is shown as such
    return Node(node.value, place, f"{quote}{node.value}{quote}")


def _mapping(node: yaml.MappingNode, place: Place, faults: list[str]) -> Node:
    keys: dict[str, Node] = {}
    for key, value in node.value:
        line = _line(key, place)
        if not isinstance(key, yaml.ScalarNode):
            faults.append(place.below(line=line).says("a key must be a word"))
            continue
        where = place.below(key.value, line=line)
        if key.value in keys:
            faults.append(where.says(f"key given twice; first in line {keys[key.value].place.line}"))
            continue
        keys[key.value] = _node(value, where, faults)
    return Node(keys, place)


def _line(node: yaml.Node, place: Place) -> int:
    return 0 if place.is_argument or node.start_mark is None else int(node.start_mark.line) + 1


def _scalar(text: str) -> Scalar:
    """A plain word: a number, true, false, null, or text; what YAML 1.1 reads otherwise (no, 1:30, 010) stays text."""
    if text in NULL:
        return None
    if text in TRUTH:
        return TRUTH[text]
    if WHOLE.fullmatch(text) and not text.endswith("_"):
        return int(text) if "__" not in text else text
    return float(text) if DECIMAL.fullmatch(text) else text
