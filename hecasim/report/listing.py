"""What is there and what was understood of it, for people: lists of names, and inputs and previews key by key."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from hecasim.report import quantities as q

EASY_TO_READ = 100_000  # from here on digits are grouped

# How a key's base unit is written for people, and what brings it to the unit that is written.
ENDINGS = {"ps": (q.duration, 1e-12), "s": (q.duration, 1.0), "bytes": (q.data, 1.0), "j": (q.energy, 1.0)}

if TYPE_CHECKING:
    from hecasim.specs.model import ModelSpec
    from hecasim.specs.study import StudySpec


def names(family: str, parts: Mapping[str, str]) -> Table:
    """Show each name of a family with the line about it."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(family, no_wrap=True)
    table.add_column()
    for name, text in parts.items():
        table.add_row(Text(name), Text(text))
    return table


def model_line(model: "ModelSpec") -> str:
    """Say the size of a model in one line."""
    active = f" ({q.count(model.active_parameters)} active)" if model.moe else ""
    shape = f"{model.layers} layers, hidden {model.hidden}, {model.heads} heads"
    size = f"{q.count(model.parameters)} parameters{active}, {shape}"
    return f"{model.description}: {size}" if model.description else size


def study_line(study: "StudySpec") -> str:
    """Say what a study runs in one line."""
    if study.description:
        return study.description
    model, package = (_named(part) for part in (study.model, study.package))
    methods = f", by {', '.join(study.methods)}" if study.methods else ""
    return f"{model} on {package}{methods}"


def _named(part: object) -> str:
    """Give the name of a package or model that a study names, points to or writes inline."""
    if isinstance(part, Mapping):
        return str(part.get("name", "inline"))
    return str(getattr(part, "name", part))


def nested(title: str, document: Mapping[str, Any]) -> list[RenderableType]:
    """Show a document of keys and values as a tree."""
    tree = Tree(Text(title, style="bold"), guide_style="dim")
    _grow(tree, document)
    return [tree]


def _grow(tree: Tree, document: Mapping[str, Any]) -> None:
    for key, value in document.items():
        if isinstance(value, Mapping):
            _grow(tree.add(Text(str(key))), value)
        elif isinstance(value, Sequence) and not isinstance(value, str) and any(isinstance(v, Mapping) for v in value):
            branch = tree.add(Text(str(key)))
            for number, item in enumerate(value):
                _grow(branch.add(Text(str(number))), item if isinstance(item, Mapping) else {"value": item})
        else:
            tree.add(Text(f"{key}: {_value_text(str(key), value)}"))


def _value_text(key: str, value: Any) -> str:
    """Write a value for people: a key that ends in its base unit says how."""
    if isinstance(value, list | tuple):
        return ", ".join(_value_text("", one) for one in value)
    if value is None or isinstance(value, bool):
        return json.dumps(value)  # as a file says it
    if not isinstance(value, int | float):
        return str(value)
    ending = key.rpartition("_")[2]
    if ending in ENDINGS and not key.endswith("_per_s"):
        write, scale = ENDINGS[ending]
        return write(value * scale)
    return f"{value:,}" if value >= EASY_TO_READ else str(value)
