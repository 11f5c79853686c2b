"""What the user says about a study: which model, on which package, trained how, and what is varied."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from hecasim.specs import filters
from hecasim.specs.axes import Axis, RangeSpec, SampleSpec
from hecasim.specs.model import ModelSpec
from hecasim.specs.package import PackageSpec
from hecasim.specs.plan import PlanSpec
from hecasim.specs.spec import Name, Spec, broken_rule

NAMED, INLINE = "[name]", "[inline]"  # tags of the two ways to give a part; they never show in a key path
MOST_POINTS = 1_000_000


def _given_as(value: Any) -> str:
    return INLINE if isinstance(value, Mapping | Spec) else NAMED


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _readable(text: str) -> str:
    try:
        filters.parse(text)
    except filters.FilterError as error:
        raise PydanticCustomError("filter", "{sentence}", {"sentence": str(error)}) from None
    return text


def _leads_to_an_input(key: str) -> bool:
    root, dot, rest = key.partition(".")
    return key in ("package", "model") or (root in filters.ROOTS and bool(dot) and all(rest.split(".")))


PackageOrName = Annotated[Annotated[Name, Tag(NAMED)] | Annotated[PackageSpec, Tag(INLINE)], Discriminator(_given_as)]
ModelOrName = Annotated[Annotated[Name, Tag(NAMED)] | Annotated[ModelSpec, Tag(INLINE)], Discriminator(_given_as)]
AxisOrRange = Annotated[Annotated[Axis, Tag(NAMED)] | Annotated[RangeSpec, Tag(INLINE)], Discriminator(_given_as)]
Condition = Annotated[str, AfterValidator(_readable)]
Group = Annotated[tuple[str, ...], Field(strict=False, min_length=2)]


class StudySpec(Spec):
    """Inputs of one run, of one run per method, or of a sweep: a run for every point of its axes."""

    is_file = True

    name: Name
    description: str = ""
    package: PackageOrName
    model: ModelOrName
    plan: PlanSpec = Field(default_factory=PlanSpec)
    methods: Annotated[tuple[Name, ...], Field(strict=False, min_length=1)] | None = None
    axes: dict[str, AxisOrRange] = Field(default_factory=dict)
    """Key path -> values; the first axis varies slowest."""
    zipped: Annotated[tuple[Group, ...], Field(strict=False)] = Field(default=(), alias="zip")
    """Axes that advance together."""
    where: Annotated[tuple[Condition, ...], Field(strict=False), BeforeValidator(_as_list)] = ()
    """Only the points for which all of these hold."""
    sample: SampleSpec | None = None
    """Latin hypercube over the axes; None: every combination."""
    limit: Annotated[int, Field(gt=0, le=MOST_POINTS)] = 10_000
    """Most points a sweep of this study may have."""
    columns: Annotated[tuple[Name, ...], Field(strict=False)] = ()
    """What the table of a sweep shows: paths of the result, such as traffic.dram_read_bytes."""
    baseline: Condition | None = None
    """The row by which the others that agree in all other axes are divided."""

    @model_validator(mode="after")
    def _axes_go_together(self) -> Self:
        """Groups name axes, once each; what needs axes has some."""
        if not self.axes and not self.methods:
            for key, given in (("zip", self.zipped), ("sample", self.sample), ("baseline", self.baseline)):
                if given:
                    raise broken_rule(key, "expected axes beside it")
        if self.methods and "plan.method" in self.axes:
            raise broken_rule("methods", "expected either methods or the axis plan.method")
        seen: set[str] = set()
        for at, group in enumerate(self.zipped):
            for key in group:
                if key not in self.axes:
                    raise broken_rule("zip", f"entry {at}: found {key}; expected keys of axes")
                if key in seen:
                    raise broken_rule("zip", f"entry {at}: {key} is named twice")
                seen.add(key)
        for key, axis in self.axes.items():
            if not _leads_to_an_input(key):
                raise broken_rule("axes", f"{key}: expected package, model, or a path such as plan.batch")
            if isinstance(axis, RangeSpec) and axis.steps is None and axis.factor is None and self.sample is None:
                raise broken_rule("axes", f"{key}: expected steps or factor in this range, or `sample` beside the axes")
        self._baseline_names_axes()
        return self

    def _baseline_names_axes(self) -> None:
        if self.baseline is None:
            return
        known = (*self.axes, *(("plan.method",) if self.methods else ()))
        for key in filters.keys(filters.parse(self.baseline)):
            if key not in known:
                raise broken_rule("baseline", f"found {key}; expected keys of axes: {', '.join(known)}")
