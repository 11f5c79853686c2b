"""`hecasim compare`: two results, runs or sweeps side by side."""

from pathlib import Path
from typing import Annotated, Any

import typer

from hecasim.cli import options
from hecasim.cli.output import print_json, show
from hecasim.errors import ConfigError

Side = Annotated[
    Path,
    typer.Argument(help="result.json, directory of a run or a sweep, or store.sqlite.", show_default=False),
]


def compare(a: Side, b: Side, as_json: options.Json = False, quiet: options.Quiet = False) -> None:  # noqa: ARG001
    """Show what moved from A to B: inputs, the step's change by phase, class and resource, and every other number.

    Example: [cyan]hecasim compare runs/message runs/analytic[/]
    """
    from hecasim.report import compare as report

    names = [str(a), str(b)]
    sides = [_rows(place) for place in (a, b)]
    singles = [set(side) == {""} for side in sides]
    if singles[0] != singles[1]:
        kinds = ["one result" if single else "many rows" for single in singles]
        raise ConfigError(f"{a} holds {kinds[0]} and {b} {kinds[1]}; expected two of a kind")
    if singles[0]:
        answer = report.compare(sides[0][""], sides[1][""], names)
        tables = report.comparison_tables
    else:
        answer = report.compare_rows(sides[0], sides[1], names)
        tables = report.rows_tables
    if as_json:
        print_json(answer)
    else:
        show(*tables(answer))


def _rows(place: Path) -> dict[str, Any]:
    """Label -> result, or the status of a row without one; a single result has the label ""."""
    from hecasim.report.compare import checked, read_result
    from hecasim.sweep.store import FILE, Store

    if place.suffix == ".sqlite" or (place / FILE).exists():
        with Store.open(place, read_only=True) as store:
            return {
                ", ".join(f"{key}={value}" for key, value in row.labels.items()): row.status
                if row.document is None
                else checked(row.document, f"{place}: row {row.number}")
                for row in store.rows()
            }
    names = ("result.json", "study.json")
    file = next((place / name for name in names if (place / name).is_file()), place) if place.is_dir() else place
    if file.is_dir():
        raise ConfigError(f"{place}: holds none of {', '.join((*names, FILE))}")
    document = read_result(file)
    if isinstance(document.get("rows"), list):
        return _methods(document["rows"], str(file))
    return {"": checked(document, str(file))}


def _methods(rows: list[Any], name: str) -> dict[str, Any]:
    """The rows of a run that compared methods."""
    from hecasim.report.compare import checked

    found: dict[str, Any] = {}
    for at, row in enumerate(rows):
        where = f"{name}: rows[{at}]"
        trouble = next((word for word in ("infeasible", "refused") if isinstance(row, dict) and word in row), None)
        if trouble:
            found[f"plan.method={row.get('method')}"] = trouble
        else:
            document = checked(row, where)
            found[f"plan.method={document['inputs']['plan']['method']}"] = document
    return found
