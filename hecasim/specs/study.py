"""What the user says about a study: which model, on which package, trained how."""

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from hecasim.specs.model import ModelSpec
from hecasim.specs.package import PackageSpec
from hecasim.specs.plan import PlanSpec
from hecasim.specs.spec import Name, Spec

NAMED, INLINE = "[name]", "[inline]"  # tags of the two ways to give a part; they never show in a key path


def _given_as(value: Any) -> str:
    return NAMED if isinstance(value, str) else INLINE


PackageOrName = Annotated[Annotated[Name, Tag(NAMED)] | Annotated[PackageSpec, Tag(INLINE)], Discriminator(_given_as)]
ModelOrName = Annotated[Annotated[Name, Tag(NAMED)] | Annotated[ModelSpec, Tag(INLINE)], Discriminator(_given_as)]


class StudySpec(Spec):
    """Inputs of one run, or of one run per method."""

    is_file = True

    name: Name
    description: str = ""
    package: PackageOrName
    model: ModelOrName
    plan: PlanSpec = Field(default_factory=PlanSpec)
    methods: Annotated[tuple[Name, ...], Field(strict=False, min_length=1)] | None = None
