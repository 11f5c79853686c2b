"""`hecasim replay`: traces on packages, every one on every other."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hecasim.cli import options
from hecasim.cli.output import ProgressReport, note, print_json, show
from hecasim.errors import HecasimError

if TYPE_CHECKING:
    from hecasim.specs import PackageSpec
    from hecasim.sweep.point import Point

HOME = Path("runs") / "replay"


def replay(
    traces: Annotated[
        list[Path],
        typer.Argument(
            metavar="TRACE...", show_default=False, help="Trace files, or directories of Chakra execution traces."
        ),
    ],
    packages: Annotated[
        list[str] | None,
        typer.Option("--package", metavar="P", help="Name or YAML file of a package; repeatable.", show_default=False),
    ] = None,
    fidelity: options.Fidelity = None,
    engine: options.Engine = None,
    jobs: options.Jobs = None,
    resume: options.Resume = False,
    out: options.StoreFolder = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Run the tasks of written traces on packages: every trace on every package, one row each.

    On the package it was written for, a trace gives the integers of that run. Without [cyan]--package[/] every trace
    runs on the shipped package it names. With [cyan]--jobs[/], [cyan]--resume[/] or [cyan]--out[/] the rows go to a
    store (runs/replay by default) that `hecasim export` and `hecasim compare` read.

    Example: [cyan]hecasim replay step.jsonl --package hecaton_8x8_standard --package hecaton_8x8_advanced[/]
    """
    from hecasim.specs import load_package
    from hecasim.sweep.code import code_version
    from hecasim.sweep.replays import replay_points

    loaded: list[tuple[str, PackageSpec | None]] = [(name, load_package(name)) for name in packages or ()]
    if jobs or resume or out:
        given = [package for _, package in loaded if package is not None]
        points = replay_points(traces, given, code_version(), engine, fidelity)
        _replay_many(points, jobs, out or HOME, resume=resume, as_json=as_json, quiet=quiet)
        return
    rows: list[dict[str, Any]] = []
    trouble: list[HecasimError] = []
    with ProgressReport(quiet=quiet) as progress:
        for trace in traces:
            for name, package in loaded or [("", None)]:
                tell = progress.report(f"{trace.name} on {name}" if name else trace.name)
                rows.append(_row(trace, name, package, trouble, fidelity=fidelity, engine=engine, progress=tell))
    if len(rows) == 1 and trouble:
        raise trouble[0]
    _print(rows, as_json=as_json, quiet=quiet)
    if trouble:
        raise trouble[0]


def _row(
    path: Path, name: str, package: "PackageSpec | None", trouble: list[HecasimError], **how: Any
) -> dict[str, Any]:
    """One trace on one package; a pair that cannot run is a row with its reason."""
    from hecasim.replaying import package_of, read_trace, replay_trace

    row: dict[str, Any] = {"trace": str(path), "package": name, "step_time_ps": None}
    try:
        trace = read_trace(path, package)
        suited = package or package_of(trace, path)
        row["package"] = name or suited.name
        document = replay_trace(trace, suited, **how).to_json()
    except HecasimError as error:
        trouble.append(error)
        return row | {"fault": str(error)}
    return row | _numbers(document)


def _numbers(document: dict[str, Any]) -> dict[str, Any]:
    keys = ("step_time_ps", "mfu", "hfu", "breakdown", "traffic", "energy_j")
    about = {
        part: (document["inputs"].get(part) or {}).get(key) for part, key in (("model", "name"), ("plan", "method"))
    }
    return {
        "model": about["model"],
        "method": about["plan"],
        **{key: document[key] for key in keys},
        "approximations": document["simulation"]["approximations"],
    }


def _replay_many(
    points: "list[Point]", jobs: int | None, folder: Path, *, resume: bool, as_json: bool, quiet: bool
) -> None:
    """Replay in parallel processes; every row is kept in the store of *folder* as it arrives."""
    from hecasim.cli.sweep import Executors, describe, executor_of, run_with_progress
    from hecasim.sweep.runner import missing, store_for_writing
    from hecasim.sweep.work import replay_point

    with store_for_writing(folder, resume=resume, say=lambda text: note(text, as_json=True, quiet=False)) as store:
        describe(store, {"name": "replay"}, points)
        left = missing(points, store)
        runs = executor_of(replay_point, jobs, Executors.local, None)
        run_with_progress(left, store, runs, quiet=quiet, total=len(points))
        rows: list[dict[str, Any]] = []
        for row in store.rows():
            base = {**row.labels, "step_time_ps": None}
            rows.append(base | (_numbers(row.document) if row.document else {"fault": row.reason}))
        _print(rows, as_json=as_json, quiet=quiet, store=str(store.file))
        note(f"wrote {store.file}", as_json=as_json, quiet=quiet)


def _print(rows: list[dict[str, Any]], *, as_json: bool, quiet: bool, store: str | None = None) -> None:
    if as_json:
        print_json({"store": store, "rows": rows})
        return
    from hecasim.report.replays import replay_table

    show(*replay_table(rows, notes=not quiet))
