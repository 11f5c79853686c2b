"""`hecasim trace`: the Trace of a training step, written and not run."""

from pathlib import Path
from typing import Annotated

import typer

from hecasim.cli import options
from hecasim.cli.inputs import read_job
from hecasim.cli.output import note, print_json
from hecasim.errors import ConfigError


def trace(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="Where the trace goes.", show_default=False)],
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
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write the Tasks of one training step to a file, without running them.

    Example: [cyan]hecasim trace --model llama2-7b --batch 8 -o step.jsonl[/]
    """
    from hecasim.report.files import whole_file
    from hecasim.run import build_trace
    from hecasim.trace.file import write

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
    if len(job.plans) > 1:
        names = ", ".join(plan.method for plan in job.plans)
        raise ConfigError(f"{job.study}: compares the methods {names}; a trace is of one, choose it with --method")
    with whole_file(out, force=force) as partial:
        write(build_trace(job.package, job.model, job.plans[0]), partial)
    if as_json:
        print_json({"trace": str(out), "bytes": out.stat().st_size})
    else:
        note(f"wrote {out}", as_json=False, quiet=quiet)
