"""`hecasim schema`: the JSON Schema of an input file, for editors."""

from enum import StrEnum
from typing import Annotated

import typer

from hecasim.cli.options import Json, Quiet
from hecasim.cli.output import print_json


class Kind(StrEnum):
    """The kinds of input files."""

    package = "package"
    model = "model"
    plan = "plan"
    study = "study"


def schema(
    kind: Annotated[Kind, typer.Argument(help="Kind of input file.", show_default=False)],
    as_json: Json = False,  # noqa: ARG001 (the answer is one JSON document either way)
    quiet: Quiet = False,  # noqa: ARG001 (there is nothing to leave out)
) -> None:
    """Print the JSON Schema of an input file, so that an editor completes and checks it.

    Example: [cyan]hecasim schema package > package.schema.json[/]
    """
    from hecasim.specs import ModelSpec, PackageSpec, PlanSpec, Spec, StudySpec

    specs: dict[Kind, type[Spec]] = {
        Kind.package: PackageSpec,
        Kind.model: ModelSpec,
        Kind.plan: PlanSpec,
        Kind.study: StudySpec,
    }
    print_json(specs[kind].model_json_schema())
