"""`hecasim sweep`: a row for every point of a study's axes."""

import os
import re
import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hecasim.cli import options
from hecasim.cli.output import note, print_json, show
from hecasim.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hecasim.specs.study import StudySpec
    from hecasim.sweep.point import Point
    from hecasim.sweep.runner import Executor
    from hecasim.sweep.store import Store

INTERRUPTED = 130
HOME = Path("runs")


class Executors(StrEnum):
    """Where points run."""

    local = "local"
    dask = "dask"


StudyWithAxes = Annotated[
    str, typer.Argument(metavar="STUDY", help="Name or YAML file of a study with axes.", show_default=False)
]
OneOfExecutors = Annotated[Executors, typer.Option("--executor", help="Processes of this machine, or a Dask cluster.")]
Scheduler = Annotated[
    str | None,
    typer.Option("--scheduler", metavar="ADDRESS", help="Of a Dask cluster; without one, workers on this machine."),
]


def sweep(
    study: StudyWithAxes,
    jobs: options.Jobs = None,
    executor: OneOfExecutors = Executors.local,
    scheduler: Scheduler = None,
    resume: options.Resume = False,
    retry: Annotated[bool, typer.Option("--retry", help="With --resume: run failed points again.")] = False,
    out: options.StoreFolder = None,
    settings: options.Settings = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Run every point of a study's axes; rows are kept as they arrive, and an interrupted sweep can be resumed.

    Example: [cyan]hecasim sweep dram_schedules --jobs 4 --out runs/dram[/]
    """
    from hecasim.cli.inputs import read_settings
    from hecasim.specs import load_study, resolved
    from hecasim.sweep.code import code_version
    from hecasim.sweep.points import points_of
    from hecasim.sweep.runner import missing, store_for_writing
    from hecasim.sweep.work import simulate_point

    if retry and not resume:
        raise ConfigError("--retry: expected --resume beside it")
    what = load_study(study)
    points = points_of(what, study, code_version(), read_settings(settings or ()))
    folder = out or HOME / (re.sub(r"[^\w.-]+", "-", what.name).strip(".-") or "sweep")
    runs = executor_of(simulate_point, jobs, executor, scheduler)
    with store_for_writing(folder, resume=resume, say=lambda text: note(text, as_json=True, quiet=False)) as store:
        if retry:
            store.forget("failed")
        describe(store, {"name": what.name, "study": resolved(what)}, points)
        left = missing(points, store)
        run_with_progress(left, store, runs, quiet=quiet, total=len(points))
        again = {point.key for point in left}
        skipped = sum(point.key not in again for point in points)
        answer = {"store": str(store.file), **store.counts(), "skipped": skipped}
        if as_json:
            print_json(answer)
        else:
            _show(what, store, answer, quiet=quiet)


def executor_of(work: Any, jobs: int | None, executor: Executors, scheduler: str | None) -> "Executor":
    """The executor that the flags name, for any work function."""
    from hecasim.sweep.cluster import DaskExecutor
    from hecasim.sweep.local import LocalExecutor

    if scheduler is not None and executor is not Executors.dask:
        raise ConfigError("--scheduler: expected --executor dask beside it")
    processes = jobs or len(os.sched_getaffinity(0))
    return LocalExecutor(work, processes) if executor is Executors.local else DaskExecutor(work, processes, scheduler)


def describe(store: "Store", about: dict[str, Any], points: "Sequence[Point]") -> None:
    """Say in the store what it holds, computed by which hecasim; rows of another one are told, and not used."""
    from hecasim import __version__
    from hecasim.sweep.code import code_version

    before = store.about().get("code")
    if before not in (None, code_version()):
        note(
            f"{store.file}: its rows were computed by hecasim {before}, and this is {code_version()}; they stay in the "
            "store, and points are run again",
            as_json=True,
            quiet=False,
        )
    store.describe(about | {"version": __version__, "code": code_version()}, points)


def run_with_progress(left: "Sequence[Point]", store: "Store", runs: "Executor", *, quiet: bool, total: int) -> None:
    """Run points under a progress bar; Ctrl-C keeps what is done, says how to go on and leaves with 130."""
    from hecasim.cli.progress import RowProgress
    from hecasim.sweep.runner import run_points

    try:
        with RowProgress(len(left), runs.running, quiet=quiet) as progress:
            run_points(left, store, runs, lambda outcome: progress.heard(outcome.status))
    except KeyboardInterrupt:
        kept = sum(store.counts().values())
        words = [word for word in sys.argv[1:] if word != "--resume"]
        again = shlex.join(["hecasim", *words, "--resume"])
        print(
            f"hecasim: interrupted; {kept} of {total} points are kept in {store.file}; go on with: {again}",
            file=sys.stderr,
        )
        raise typer.Exit(INTERRUPTED) from None


def _show(study: "StudySpec", store: "Store", answer: dict[str, Any], *, quiet: bool) -> None:
    from hecasim.report.rows import rows_table
    from hecasim.sweep.baseline import baselines

    rows = list(store.rows())
    base = baselines(study.baseline, rows) if study.baseline else None
    show(*rows_table(study.name, rows, columns=study.columns, base=base))
    note(
        f"{answer['done']} done, {answer['infeasible']} infeasible, {answer['failed']} failed; "
        f"{answer['skipped']} of them were there before",
        as_json=False,
        quiet=quiet,
    )
    note(f"wrote {store.file}; every number: hecasim export {store.file.parent} rows.csv", as_json=False, quiet=quiet)
