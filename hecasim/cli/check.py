"""`hecasim check`: are these input files right, and what was understood of them."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hecasim.cli.inputs import check_methods
from hecasim.cli.options import Files, Json, Quiet
from hecasim.cli.output import print_json, show
from hecasim.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hecasim.specs.spec import Spec


def check(files: Files, as_json: Json = False, quiet: Quiet = False) -> None:
    """Print what is understood of packages, models, plans, studies and Hugging Face configs; or every fault.

    Example: [cyan]hecasim check my_package.yaml config.json[/]
    """
    understood: list[dict[str, Any]] = []
    faults: list[str] = []
    for file in files:
        try:
            understood.append(_understand(str(file)))
        except ConfigError as error:
            faults.append(str(error))
    if as_json and not faults:
        print_json({"files": understood})
    elif not as_json:
        _show(understood, quiet=quiet)
    if faults:
        raise ConfigError("\n".join(faults))


def _show(understood: list[dict[str, Any]], *, quiet: bool) -> None:
    from hecasim.report.listing import nested

    for one in understood:
        title = f"{one['file']}: a {one['kind']}"
        rest = {key: value for key, value in one.items() if key not in ("file", "kind")}
        show(*([f"{title}, right"] if quiet else nested(title, rest)))


def _understand(file: str) -> dict[str, Any]:
    """Say what kind of input *file* is, and all of it with units."""
    from hecasim.specs import ModelSpec, PackageSpec, PlanSpec, StudySpec, load_model, load_package, resolved

    kind, spec = _load(file)
    about: dict[str, Any] = {"file": file, "kind": kind, "understood": resolved(spec)}
    if isinstance(spec, PackageSpec):
        about["dies"] = spec.topology.size
        about["peak_flop_per_s"] = spec.topology.cores * spec.chiplet.core.peak_flop_per_s
        if spec.link.wires > 1:
            about["link_bytes_per_s"] = spec.link.payload_bytes_per_s
    if isinstance(spec, ModelSpec):
        about["parameters"] = spec.parameters
        about |= {"active_parameters": spec.active_parameters} if spec.moe else {}
        about["parameter_parts"] = dict(spec.parameter_parts)
    if isinstance(spec, PlanSpec):
        check_methods([spec.method], file)
    if isinstance(spec, StudySpec):
        check_methods(spec.methods or [spec.plan.method], file)
        load_package(spec.package)
        load_model(spec.model)
    return about


def _load(file: str) -> "tuple[str, Spec]":
    """Load *file* as the kind it is: the one that has no fault, else the one most of whose keys it has."""
    from hecasim.specs import (
        ModelSpec,
        PackageSpec,
        PlanSpec,
        StudySpec,
        load_model,
        load_package,
        load_plan,
        load_study,
    )

    kinds: dict[str, tuple[Callable[[str], Spec], type[Spec]]] = {
        "package": (load_package, PackageSpec),
        "model": (load_model, ModelSpec),
        "study": (load_study, StudySpec),
        "plan": (load_plan, PlanSpec),
    }
    faults: dict[str, str] = {}
    for kind, (load, _) in kinds.items():
        try:
            return kind, load(file)
        except ConfigError as error:
            faults[kind] = str(error)
    words = _top_level_words(file)
    likely = max(kinds, key=lambda kind: (len(words & _keys(kinds[kind][1])), -faults[kind].count("\n")))
    raise ConfigError(f"{file}: read as a {likely}\n{faults[likely]}" if words else faults[likely])


def _keys(spec: "type[Spec]") -> set[str]:
    """The words a file of this kind may begin its lines with."""
    return {field.alias or name for name, field in spec.model_fields.items()}


def _top_level_words(file: str) -> set[str]:
    """What stands before a colon at the start of a line; enough to guess what a faulty file wants to be."""
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return set()
    return set(re.findall(r"^ {0,2}\"?(\w+)\"?:", text, re.MULTILINE))
