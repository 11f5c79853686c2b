"""`hecasim export`: the rows of a sweep as CSV or Parquet."""

from pathlib import Path
from typing import Annotated

import typer

from hecasim.cli import options
from hecasim.cli.output import note, print_json
from hecasim.errors import ConfigError


def export(
    store: Annotated[Path, typer.Argument(metavar="DIR", help="Directory of a sweep.", show_default=False)],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="FILE.csv or FILE.parquet.", show_default=False)],
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write every row of a sweep to a table: axes, status, reason, and every number of the results by its path.

    Example: [cyan]hecasim export runs/dram_schedules rows.csv[/]
    """
    from hecasim.report.files import whole_file
    from hecasim.sweep.export import WRITERS, table
    from hecasim.sweep.store import Store

    if file.suffix not in WRITERS:
        raise ConfigError(f"{file}: found the ending '{file.suffix}'; expected {' or '.join(WRITERS)}")
    with Store.open(store, read_only=True) as opened:
        columns, lines = table(opened)
        size = opened.size()
    with whole_file(file, force=force) as partial:
        WRITERS[file.suffix](columns, lines, partial)
    if len(lines) < size:
        note(f"{len(lines)} of {size} points have been run so far", as_json=True, quiet=quiet)
    if as_json:
        print_json({"file": str(file), "rows": len(lines), "columns": len(columns)})
    else:
        note(f"wrote {file}: {len(lines)} rows, {len(columns)} columns", as_json=False, quiet=quiet)
