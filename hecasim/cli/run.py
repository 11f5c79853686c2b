"""`hecasim run`: one training step, or one per method of a study."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from hecasim.cli import options
from hecasim.cli.inputs import Job, read_job
from hecasim.cli.output import ProgressReport, note, print_json, show
from hecasim.errors import ConfigError, HecasimError, InfeasiblePlan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hecasim.results.result import Result
    from hecasim.specs import PlanSpec

Outcome = TypeVar("Outcome")


def run(
    study: options.Study = None,
    package: options.Package = None,
    model: options.Model = None,
    method: options.Method = None,
    batch: options.Batch = None,
    micro_batch: options.MicroBatch = None,
    sequence: options.Sequence = None,
    recompute: options.Recompute = None,
    settings: options.Settings = None,
    fidelity: options.Fidelity = None,
    engine: options.Engine = None,
    dry: Annotated[
        bool, typer.Option("--dry", help="No events: shapes per tile, bytes per collective, memory fit, bounds.")
    ] = False,
    what_if: Annotated[
        bool, typer.Option("--what-if", help="Also with each resource doubled, and from ideal to real: more runs.")
    ] = False,
    ideal: Annotated[
        list[str] | None,
        typer.Option("--ideal", metavar="R", help="nop, dram, sram, core or contention costs nothing; repeatable."),
    ] = None,
    steps: Annotated[
        int,
        typer.Option(
            "--steps", metavar="N", min=1, max=10_000, help="So many steps of a mixture, each with fresh routing."
        ),
    ] = 1,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Write the files of the run there.")] = None,
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Simulate one training step, or one per method of a study.

    Example: [cyan]hecasim run --model llama2-7b --batch 8 --set package.memory.kind=hbm2_2000 --out runs/hbm[/]
    """
    from hecasim.report import files
    from hecasim.steps import check_steps

    if out and dry:
        raise ConfigError("--dry: simulates nothing, so there is nothing to write; leave out --out")
    if out:
        files.refuse_occupied(out, force=force)
    job = read_job(
        study,
        package,
        model,
        settings,
        method=method,
        batch=batch,
        micro_batch=micro_batch,
        sequence=sequence,
        recompute=recompute,
        fidelity=fidelity,
        engine=engine,
    )
    check_steps(job.model, steps)
    if dry:
        documents = _preview(job)
        _print_preview(job, documents, as_json=as_json)
        _leave_by(documents)
        return
    outcomes = _simulate(job, timeline=out is not None, quiet=quiet, ideal=tuple(ideal or ()))
    if what_if:
        _add_what_if(job, outcomes)
    if steps > 1:
        _add_steps(job, outcomes, steps, quiet=quiet, ideal=tuple(ideal or ()))
    rows = [_row(plan.method, outcome) for plan, outcome in zip(job.plans, outcomes, strict=True)]
    _print(job, rows, as_json=as_json, quiet=quiet)
    if out:
        done = zip(job.plans, outcomes, strict=True)
        results = {plan.method: result for plan, result in done if not isinstance(result, HecasimError)}
        texts = files.study_files(job.study, rows, results) if job.study else files.run_files(*results.values())
        for path in files.write_directory(out, texts, force=force):
            note(f"wrote {path}", as_json=as_json, quiet=quiet)
    _leave_by(outcomes)


def _simulate(job: Job, *, timeline: bool, quiet: bool, ideal: tuple[str, ...] = ()) -> "list[Result | HecasimError]":
    """Run every plan of the job; in a comparison one that does not fit or run is a row like any other."""
    simulate = _simulator(ideal)
    with ProgressReport(quiet=quiet) as progress:

        def one(plan: "PlanSpec") -> "Result":
            tell = progress.report(plan.method)
            return simulate(job.package, job.model, plan, progress=tell, timeline=timeline)

        return _outcomes(job, one)


def _outcomes(job: Job, work: "Callable[[PlanSpec], Outcome]") -> "list[Outcome | HecasimError]":
    """What *work* makes of every plan, or why not; where no method of a comparison can run, all that is wrong."""
    outcomes: list[Outcome | HecasimError] = []
    for plan in job.plans:
        try:
            outcomes.append(work(plan))
        except (InfeasiblePlan, ConfigError) as error:
            if not job.study:
                raise
            outcomes.append(error)
    if all(isinstance(outcome, ConfigError) for outcome in outcomes):
        raise ConfigError("\n".join(dict.fromkeys(str(outcome) for outcome in outcomes)))
    return outcomes


def _leave_by(outcomes: "Sequence[object]") -> None:
    """Leave with 3 where a plan did not fit; a method that this grid or plan refuses is only a row."""
    for outcome in outcomes:
        if isinstance(outcome, InfeasiblePlan):
            raise outcome


def _simulator(ideal: tuple[str, ...]) -> "Callable[..., Result]":
    """What runs one plan: the real package, or one with some resources free."""
    if not ideal:
        from hecasim.run import simulate

        return simulate
    from functools import partial

    from hecasim.variants import ideal as simulate_ideal

    return partial(simulate_ideal, resources=ideal)


def _add_steps(
    job: Job, outcomes: "list[Result | HecasimError]", steps: int, *, quiet: bool, ideal: tuple[str, ...]
) -> None:
    """Complete each result by the times of further steps."""
    from hecasim.steps import more_steps

    with ProgressReport(quiet=quiet) as progress:
        for plan, outcome in zip(job.plans, outcomes, strict=True):
            if not isinstance(outcome, HecasimError):
                tell = progress.report(plan.method)
                outcome.document["steps"] = more_steps(
                    outcome, job.package, job.model, plan, steps, _simulator(ideal), tell
                )


def _add_what_if(job: Job, outcomes: "list[Result | HecasimError]") -> None:
    """Complete each result by its variants."""
    from hecasim import variants

    for plan, outcome in zip(job.plans, outcomes, strict=True):
        if not isinstance(outcome, HecasimError):
            step = int(outcome["step_time_ps"])
            outcome.document["what_if"] = variants.what_if(job.package, job.model, plan)
            outcome.document["waterfall_ps"] = variants.waterfall(job.package, job.model, plan, step)


def _row(method: str, outcome: "Result | HecasimError") -> dict[str, Any]:
    if not isinstance(outcome, HecasimError):
        document: dict[str, Any] = outcome.to_json()
        return document
    return _missing(method, outcome)


def _missing(method: str, error: HecasimError) -> dict[str, Any]:
    """The row of a method without a result."""
    if not isinstance(error, InfeasiblePlan):
        return {"method": method, "refused": True, "message": str(error)}
    fault = {key: getattr(error, key) for key in ("resource", "needed", "available", "levers")}
    return {"method": method, "infeasible": fault, "message": str(error)}


def _print(job: Job, rows: list[dict[str, Any]], *, as_json: bool, quiet: bool) -> None:
    if as_json:
        from hecasim.report.gains import energy_gains

        gains = {"study": job.study, "energy_gain": energy_gains(rows), "rows": rows}
        print_json(gains if job.study else rows[0])
        return
    from hecasim.report.table import comparison, single

    show(*(comparison(job.study, rows, notes=not quiet) if job.study else single(rows[0], notes=not quiet)))


def _preview(job: Job) -> "list[dict[str, Any] | HecasimError]":
    from hecasim.run import preview

    return _outcomes(job, lambda plan: preview(job.package, job.model, plan))


def _print_preview(job: Job, documents: "Sequence[dict[str, Any] | HecasimError]", *, as_json: bool) -> None:
    from hecasim.report.listing import nested

    rows = [
        _missing(plan.method, document) if isinstance(document, HecasimError) else document
        for plan, document in zip(job.plans, documents, strict=True)
    ]
    if as_json:
        print_json({"study": job.study, "rows": rows} if job.study else rows[0])
        return
    for plan, row in zip(job.plans, rows, strict=True):
        show(*nested(f"{job.model.name} on {job.package.name} by {plan.method}, not simulated", row))
