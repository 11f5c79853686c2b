"""A study with axes as points: every combination resolved through the loader that also reads `--set`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hecasim.errors import ConfigError
from hecasim.parallel import BY_MODULE, METHODS
from hecasim.specs import (
    ModelSpec,
    PackageSpec,
    PlanSpec,
    Spec,
    StudySpec,
    filters,
    load_model,
    load_package,
    load_plan,
    resolved,
)
from hecasim.specs.tree import Node, Place
from hecasim.sweep.axes import Choice, combinations
from hecasim.sweep.lookup import measured
from hecasim.sweep.point import Label, Point, content_key

MOST_FAULTS_TOLD = 20
KINDS: dict[str, type[Spec]] = {"package": PackageSpec, "model": ModelSpec, "plan": PlanSpec}
LOADERS: dict[str, Callable[..., Spec]] = {"package": load_package, "model": load_model, "plan": load_plan}

Settings = Mapping[str, Mapping[str, str]]


def points_of(study: StudySpec, file: str, version: str, settings: Settings | None = None) -> list[Point]:
    """Every point of *study* that passes its filters, numbered in order.

    *settings* are what `--set` gave for each of package, model and plan; *file* is how the study was named.
    Raises ConfigError with every fault of every point (the first twenty), by the key path of its axis.
    """
    if not study.axes and not study.methods:
        raise ConfigError(f"{file}: axes: required key is missing; `hecasim run {file}` runs a study without axes")
    resolver = _Resolver(study, file, settings or {})
    faults: dict[str, None] = {}
    wrong = 0
    points: list[Point] = []
    for choice in combinations(study):
        try:
            if resolver.keeps(choice):
                points.append(resolver.point(choice, len(points), version))
        except ConfigError as error:
            wrong += 1
            faults |= dict.fromkeys(str(error).splitlines())
    if faults:
        told = list(faults)[:MOST_FAULTS_TOLD]
        rest = [f"and {len(faults) - len(told)} more"] if len(faults) > len(told) else []
        hint = (
            [f"{file}: {wrong} of {wrong + len(points)} points are wrong; `where` leaves points out"] if points else []
        )
        raise ConfigError("\n".join([*told, *rest, *hint]))
    if not points:
        raise ConfigError(f"{file}: where: no point is left; expected filters that some point passes")
    return points


@dataclass
class _Resolver:
    """Loads each different package, model and plan once."""

    study: StudySpec
    file: str
    settings: Settings
    known: dict[Any, tuple[Spec, dict[str, Any]] | ConfigError] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.filters = [filters.parse(text) for text in self.study.where]
        for root, changes in self.settings.items():
            for key in changes:
                if f"{root}.{key}" in self.study.axes:
                    raise ConfigError(f"--set {root}.{key}: an axis of {self.file}; expected a key that no axis gives")

    def keeps(self, choice: Choice) -> bool:
        """Whether the filters let a combination pass."""
        given = {key: value for key, (value, _) in choice.items() if key not in KINDS}
        for at, one in enumerate(self.filters):
            try:
                # A plan's keys do not depend on one another, so those that no axis gives are those of the study:
                # a combination that breaks a rule can be left out by a filter.
                if not filters.holds(
                    one, lambda path: measured(path, given, KINDS, lambda root: self._base(root, choice))
                ):
                    return False
            except filters.FilterError as error:
                raise ConfigError(f"{self.file}: where[{at}]: {error}") from None
        return True

    def _base(self, root: str, choice: Choice) -> Spec:
        return self.load(root, choice if root != "plan" else {})[0]

    def point(self, choice: Choice, number: int, version: str) -> Point:
        """The point of a combination; ConfigError with the faults of package, model and plan together."""
        specs: dict[str, Spec] = {}
        inputs: dict[str, Any] = {}
        faults: list[str] = []
        for root in KINDS:
            try:
                specs[root], inputs[root] = self.load(root, choice)
            except ConfigError as error:
                faults.append(str(error))
        if faults:
            raise ConfigError("\n".join(faults))
        # Packages and models by their own names: a path would differ from machine to machine.
        labels: dict[str, Label] = {
            key: inputs[key]["name"] if key in inputs else value for key, (value, _) in choice.items()
        }
        return Point(number, labels, inputs, content_key(inputs, version), tuple(specs.values()))

    def load(self, root: str, choice: Choice) -> tuple[Spec, dict[str, Any]]:
        """One input of a combination and its resolved form."""
        source = choice[root][0] if root in choice else getattr(self.study, root)
        own = {key: one for key, one in choice.items() if key.startswith(f"{root}.")}
        name = (
            root,
            source if isinstance(source, str) else None,
            tuple((key, repr(value)) for key, (value, _) in own.items()),
        )
        if name not in self.known:
            try:
                spec = self._load(root, source, own)
                self.known[name] = spec, resolved(spec)
            except ConfigError as error:
                self.known[name] = error
        found = self.known[name]
        if isinstance(found, ConfigError):
            raise found
        return found

    def _load(self, root: str, source: Any, own: Choice) -> Spec:
        changes: dict[str, Any] = dict(self.settings.get(root, {}))
        for key, (value, path) in own.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            changes[key.removeprefix(f"{root}.")] = Node(value, Place(self.file, path=path), text)
        spec = LOADERS[root](source, changes)
        if isinstance(spec, PlanSpec) and spec.method not in (*METHODS, *BY_MODULE):
            try:
                METHODS[spec.method]
            except ConfigError as error:
                where = own["plan.method"][1] if "plan.method" in own else "plan.method"
                raise ConfigError(f"{self.file}: {where}: {error}") from None
        return spec
