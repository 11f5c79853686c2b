"""From the words of the command line to a Job: the resolved package, model and plans."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from hecasim.errors import ConfigError, nearest

if TYPE_CHECKING:
    from hecasim.specs.model import ModelSpec
    from hecasim.specs.package import PackageSpec
    from hecasim.specs.plan import PlanSpec

AnySpec = TypeVar("AnySpec")

DEFAULT_PACKAGE = "hecaton_8x8_standard"
DEFAULT_MODEL = "llama2-7b"
ROOTS = ("package", "model", "plan")
CHANGED = " (changed)"


@dataclass(frozen=True)
class Job:
    """What one call simulates; *study* is its name when it compares methods, one plan each."""

    package: "PackageSpec"
    model: "ModelSpec"
    plans: tuple["PlanSpec", ...]
    study: str | None = None


def read_job(
    study: str | None,
    package: str | None,
    model: str | None,
    settings: Sequence[str] | None,
    **plan_flags: str | None,
) -> Job:
    """Load what the user named; flags override the study, and `--set` overrides the flags."""
    from hecasim.specs import loader

    overrides = read_settings(settings or ())
    what = loader.load_study(study) if study is not None else None
    if what and what.axes:
        raise ConfigError(f"{study}: has axes; `hecasim sweep {study}` runs all of its points")
    changes = {key: value for key, value in plan_flags.items() if value is not None} | overrides["plan"]
    methods = what.methods if what and "method" not in changes else None
    faults: list[str] = []
    plans = [
        _load(loader.load_plan, what.plan if what else {}, changes | ({"method": method} if method else {}), faults)
        for method in methods or (None,)
    ]
    hardware = _load(
        loader.load_package, package or (what.package if what else DEFAULT_PACKAGE), overrides["package"], faults
    )
    network = _load(loader.load_model, model or (what.model if what else DEFAULT_MODEL), overrides["model"], faults)
    if faults or hardware is None or network is None:
        raise ConfigError("\n".join(dict.fromkeys(faults)))
    known = tuple(plan for plan in plans if plan is not None)
    check_methods([plan.method for plan in known], study or "--method")
    hardware = marked(hardware, overrides["package"])
    return Job(package=hardware, model=network, plans=known, study=what.name if what and methods else None)


def _load(
    load: Callable[[Any, Mapping[str, Any]], AnySpec], source: Any, changes: dict[str, str], faults: list[str]
) -> AnySpec | None:
    """Load one input; its faults are kept, so that those of the next are told with them."""
    try:
        return load(source, changes)
    except ConfigError as error:
        faults.append(str(error))
        return None


def marked(package: "PackageSpec", changes: Mapping[str, str]) -> "PackageSpec":
    """*package*, and in its name that `--set` changed it: results of another package must not bear the same name."""
    if not changes or "name" in changes or package.name.endswith(CHANGED):
        return package
    return package.model_copy(update={"name": f"{package.name}{CHANGED}"})


def check_methods(names: Sequence[str], asked_by: str) -> None:
    """Complain about an unknown or repeated method before any work is done."""
    from hecasim.parallel import BY_MODULE, METHODS

    known = (*METHODS, *BY_MODULE)

    for at, name in enumerate(names):
        if name not in known:
            raise ConfigError(f"{asked_by}: unknown method '{name}'; {nearest(name, known)}")
        if name in names[:at]:
            raise ConfigError(f"{asked_by}: method '{name}' is given twice")


def read_settings(settings: Sequence[str]) -> dict[str, dict[str, str]]:
    """Sort `root.path=value` by its root."""
    sorted_by_root: dict[str, dict[str, str]] = {root: {} for root in ROOTS}
    for setting in settings:
        path, equals, value = setting.partition("=")
        root, _, key = path.strip().partition(".")
        if not equals:
            raise ConfigError(f"--set {setting}: found no '='; expected key=value, such as plan.batch=16")
        if root not in ROOTS or not key:
            raise ConfigError(
                f"--set {path.strip()}: expected a path that begins with package., model. or plan.; {_guess(root, key)}"
            )
        sorted_by_root[root][key] = value.strip()
    return sorted_by_root


def _guess(root: str, key: str) -> str:
    if root in ROOTS:
        return f"to replace the whole {root}, see `hecasim run --help`"
    return nearest(root, ROOTS) if key else f"did you mean 'plan.{root}'?"
