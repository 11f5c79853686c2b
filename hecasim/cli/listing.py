"""`hecasim list`: what is there to choose from."""

import inspect
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer

from hecasim.cli.options import Json, Quiet
from hecasim.cli.output import print_json, show


class Family(StrEnum):
    """What can be listed."""

    packages = "packages"
    models = "models"
    methods = "methods"
    topologies = "topologies"
    collectives = "collectives"
    memories = "memories"
    studies = "studies"


def list_parts(
    family: Annotated[Family, typer.Argument(help="What to list.", show_default=False)],
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """List what is shipped under a name, with one line about each.

    Example: [cyan]hecasim list packages[/]
    """
    parts = _parts(family)
    if as_json:
        print_json({str(family): [{"name": name, "description": text} for name, text in parts.items()]})
        return
    if quiet:
        show(*parts)
        return
    from hecasim.report.listing import names

    show(names(str(family), parts))


def _parts(family: Family) -> dict[str, str]:
    """Give each name of a family and what is said about it."""
    from hecasim.specs import loader

    match family:
        case Family.packages:
            return {name: loader.load_package(name).description for name in loader.names(family)}
        case Family.models:
            from hecasim.report.listing import model_line

            return {name: model_line(loader.load_model(name)) for name in loader.names(family)}
        case Family.studies:
            from hecasim.report.listing import study_line

            return {name: study_line(loader.load_study(name)) for name in loader.names(family)}
        case Family.methods:
            from hecasim.parallel import BY_MODULE, METHODS

            return _described(METHODS) | BY_MODULE
        case Family.topologies:
            from hecasim.topologies import TOPOLOGIES

            return _described(TOPOLOGIES)
        case Family.collectives:
            from hecasim.collectives import COLLECTIVES

            return _described(COLLECTIVES)
        case Family.memories:
            return {
                name: ", ".join(f"{key} {value}" for key, value in preset.items())
                for name, preset in loader.memories().items()
            }


def _described(table: Mapping[str, Any]) -> dict[str, str]:
    return {name: _first_line(part) for name, part in table.items()}


def _first_line(part: Any) -> str:
    """Give the part's own description, else the first line of what it says about itself."""
    text = getattr(part, "description", None) or inspect.getdoc(part) or ""
    return str(text).strip().partition("\n")[0]
