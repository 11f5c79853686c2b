"""`hecasim bundle`: inputs, version, results and a rerun script of a run or a sweep in one zip."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hecasim.cli import options
from hecasim.cli.output import note, print_json
from hecasim.errors import ConfigError

if TYPE_CHECKING:
    from hecasim.sweep.store import Store


def bundle(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Directory of a run, a sweep or replays.", show_default=False)
    ],
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", help="DIR.zip without it.")] = None,
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Pack what makes a result repeatable, of replays the traces too.

    `python rerun.py` in the unpacked bundle runs it again and compares bytes.

    Example: [cyan]hecasim bundle runs/quickstart -o quickstart.zip[/]
    """
    from hecasim.report import bundle as report
    from hecasim.report.files import whole_file
    from hecasim.sweep.store import FILE, Store

    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such directory; expected what --out of run or sweep wrote")
    files: dict[str, str | bytes] = {}
    if (folder / FILE).exists():
        with Store.open(folder, read_only=True) as store:
            files = _sweep(store)
    else:
        from hecasim.sweep.code import code_version

        files |= report.run_files(folder, _script("rerun_step.py"), code_version())
    file = out or folder.resolve().with_name(f"{folder.resolve().name}.zip")
    with whole_file(file, force=force) as partial:
        partial.write_bytes(report.zipped(files))
    if as_json:
        print_json({"bundle": str(file), "files": sorted(files)})
    else:
        note(f"wrote {file}: {', '.join(sorted(files))}", as_json=False, quiet=quiet)


def _sweep(store: "Store") -> "dict[str, str | bytes]":
    """What is bundled of a store: its rows, and of replays the traces too."""
    import tempfile

    from hecasim.report.bundle import sweep_files
    from hecasim.sweep.export import table, write_csv
    from hecasim.sweep.replays import trace_files

    about = store.about()
    rows = []
    for row in store.rows():
        fields = asdict(row)
        rows.append({key: fields[key] for key in ("number", "labels", "key", "status", "reason", "inputs")})
        rows[-1]["result"] = row.document
    with tempfile.TemporaryDirectory() as place:
        csv = Path(place) / "rows.csv"
        write_csv(*table(store), csv)
        version = str(about.get("code", about["version"]))
        files = sweep_files(rows, about, csv.read_text(encoding="utf-8"), _script("rerun_rows.py"), version)
    return {**files, **({} if "study" in about else trace_files(rows))}


def _script(name: str) -> str:
    """The text of a script that a bundle takes with it."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
