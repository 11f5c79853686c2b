"""`hecasim trace`: the Trace of a training step, written and not run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hecasim.cli import options
from hecasim.cli.inputs import read_job
from hecasim.cli.output import ProgressReport, note, print_json
from hecasim.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable

    from hecasim.specs import PackageSpec
    from hecasim.trace import Trace

FORMATS = ("hecasim", "chakra")
CHAKRA_FILES = r"trace\.\d+\.et|comm_groups\.json"


def trace(
    out: Annotated[
        Path,
        typer.Option(
            "-o",
            "--out",
            metavar="FILE",
            show_default=False,
            help="Where the trace goes; a name ending in .gz is compressed. With --format chakra: a directory.",
        ),
    ],
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
    form: Annotated[
        str,
        typer.Option("--format", metavar="F", help="hecasim (JSON lines), or chakra (a file per tile, for ASTRA-sim)."),
    ] = "hecasim",
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write the Tasks of one training step to a file, without running them.

    Example: [cyan]hecasim trace --model llama2-7b --batch 8 -o step.jsonl[/]
    """
    from hecasim.run import build_trace

    if form not in FORMATS:
        raise ConfigError(f"--format: unknown name '{form}'; {nearest(form, FORMATS)}")
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
    write = _write_chakra if form == "chakra" else _write_lines
    size = write(lambda: build_trace(job.package, job.model, job.plans[0]), out, job.package, force=force, quiet=quiet)
    if as_json:
        print_json({"trace": str(out), "bytes": size})
    else:
        note(f"wrote {out}", as_json=False, quiet=quiet)


def _write_lines(
    build: "Callable[[], Trace]",
    out: Path,
    package: "PackageSpec",  # noqa: ARG001
    *,
    force: bool,
    quiet: bool,  # noqa: ARG001
) -> int:
    """Write JSON lines, and give how many bytes they are."""
    from hecasim.report.files import whole_file
    from hecasim.trace.file import write

    with whole_file(out, force=force) as partial:
        write(build(), partial)
    return out.stat().st_size


def _write_chakra(build: "Callable[[], Trace]", out: Path, package: "PackageSpec", *, force: bool, quiet: bool) -> int:
    """Write a directory of execution traces, and give how many bytes they are together."""
    from hecasim.report.directories import whole_directory
    from hecasim.topologies import topology_of
    from hecasim.trace.chakra import write_chakra

    with ProgressReport(quiet=quiet) as progress, whole_directory(out, ours=CHAKRA_FILES, force=force) as partial:
        topology = topology_of(package.topology)
        write_chakra(build(), partial, package.chiplet, progress.report(str(out)), topology)
    return sum(path.stat().st_size for path in out.iterdir())
