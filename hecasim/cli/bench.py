"""`hecasim bench`: do the numbers still match the stored ones, is it still as fast, and how does its cost grow."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hecasim.cli.options import Force, Json, Quiet
from hecasim.cli.output import ProgressReport, note, print_json, show
from hecasim.errors import CheckFailed, ConfigError

if TYPE_CHECKING:
    from hecasim.bench import Measured
    from hecasim.bench.stored import Stored

Update = Annotated[
    bool, typer.Option("--update", help="Store what is measured now instead of comparing; review the diff.")
]
Scaling = Annotated[
    bool,
    typer.Option(
        "--scaling",
        help="Instead: wall time and memory against layers, micro-batches, dies and tokens, as CSV, drawing and page.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="DIR", help="Where --scaling writes. [dim]\\[default: runs/performance][/]", show_default=False
    ),
]


def bench(
    update: Update = False,
    scaling: Scaling = False,
    out: Out = None,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run fixed cases: simulated integers must equal the stored ones, speed may not be much worse than stored.

    Speed is CPU time over that of a bare SimPy loop timed beside it. Exit code 5 where something is not as stored.

    Example: [cyan]hecasim bench[/]   or   [cyan]hecasim bench --scaling --out docs --force[/]
    """
    if scaling and update:
        raise ConfigError("--scaling and --update: expected one of them; curves are not stored for comparison")
    if out is not None and not scaling:
        raise ConfigError(f"--out {out}: only --scaling writes files; the cases are stored with --update")
    if scaling:
        _grow(Path("runs/performance") if out is None else out, force=force, as_json=as_json, quiet=quiet)
    else:
        _compare(update=update, as_json=as_json, quiet=quiet)


def _compare(*, update: bool, as_json: bool, quiet: bool) -> None:
    from hecasim.bench import FACTOR, failures, rows, stored
    from hecasim.report.benches import benches

    known = _known(update=update)
    measured = _measure(known, quiet=quiet)
    faults = failures(measured, known)
    if update:
        _store(measured)
    if as_json:
        print_json({"cases": rows(measured, known)})
    else:
        show(*benches(rows(measured, known), FACTOR))
    if update:
        moved = [f"Moved: {fault}" for fault in faults]
        note("\n".join([*moved, f"Written: {stored.STORED}; review its diff"]), as_json=as_json, quiet=quiet)
    elif faults:
        raise CheckFailed("\n".join(["bench: not as stored (if it is meant, `hecasim bench --update`)", *faults]))
    else:
        note(f"All {len(measured)} cases are as stored.", as_json=as_json, quiet=quiet)


def _known(*, update: bool) -> "dict[str, Stored]":
    """What is stored; a damaged file does not bar the update that mends it."""
    from hecasim.bench import stored

    try:
        return stored.read_stored(stored.STORED)
    except ConfigError:
        if not update:
            raise
        return {}


def _measure(known: "dict[str, Stored]", *, quiet: bool) -> "list[Measured]":
    from hecasim.bench import FACTOR, cases, measure

    measured = []
    with ProgressReport(quiet=quiet) as progress:
        tell = progress.report("bench")
        for number, case in enumerate(cases.CASES):
            tell(number / len(cases.CASES), case.name)
            measured.append(measure(case, FACTOR * known[case.name].ratio if case.name in known else None))
    return measured


def _store(measured: "list[Measured]") -> None:
    from hecasim.bench import stored
    from hecasim.report.files import json_text, whole_file

    with whole_file(stored.STORED, force=True) as partial:
        partial.write_text(json_text(stored.stored_document(measured)), encoding="utf-8")


def _grow(folder: Path, *, force: bool, as_json: bool, quiet: bool) -> None:
    from hecasim.bench import page
    from hecasim.bench.curves import svg_text
    from hecasim.report.files import whole_file

    names = (page.CSV_NAME, page.SVG_NAME, page.PAGE_NAME)
    standing = [str(folder / name) for name in names if (folder / name).exists()]
    if standing and not force:
        raise ConfigError(f"{', '.join(standing)}: already there; name another directory, or --force to replace")
    rows = _curves(quiet=quiet)
    texts = {page.CSV_NAME: page.csv_text(rows)}
    drawing = svg_text(rows)
    if drawing is not None:
        texts |= {page.SVG_NAME: drawing, page.PAGE_NAME: page.page(rows)}
    for name, text in texts.items():
        with whole_file(folder / name, force=force) as partial:
            partial.write_text(text, encoding="utf-8")
    written = [str(folder / name) for name in texts]
    if as_json:
        print_json({"points": rows, "files": written})
    else:
        print(f"Written: {', '.join(written)}")
    if drawing is None:
        note("Only the numbers: drawing needs matplotlib (pip install 'hecasim[report]')", as_json=as_json, quiet=quiet)


def _curves(*, quiet: bool) -> list[dict[str, Any]]:
    from hecasim.bench import scaling

    chosen = scaling.points()
    rows: list[dict[str, Any]] = []
    with ProgressReport(quiet=quiet) as progress:
        tell = progress.report("scaling")
        tell(0.0, "")
        for point, cost in scaling.run_all(chosen):
            rows.append(scaling.row(point, cost))
            words = f"{point.axis} {point.value}, {point.engine}: {cost.wall_s} s"
            tell(len(rows) / len(chosen), words)
    return rows
