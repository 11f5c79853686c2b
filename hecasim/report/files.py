"""The files of a run directory: they appear whole or not at all, and nothing is replaced unless asked."""

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from hecasim.errors import ConfigError
from hecasim.report.gains import energy_gains

# Text that YAML reads back as this text without quotes: a quantity such as 32 GB/s, or a word that is none of its own.
PLAIN_TEXT = re.compile(
    r"\d[\d.]* [A-Za-z]+(/[A-Za-z]+)?|(?!(?i:null|true|false|yes|no|on|off|y|n)$)[A-Za-z][\w-]*", re.ASCII
)
MARKS = ("result.json", "study.json")  # one of them stands in every directory that hecasim has written
OURS = frozenset({*MARKS, "inputs.yaml", "layers.csv", "links.csv", "timeline.json", "report.html", "plots"})


class Outcome(Protocol):
    """What a Result offers to whoever writes it down."""

    def to_json(self) -> dict[str, Any]:
        """Give the document of the contract."""

    def tables(self) -> dict[str, str]:
        """Give each table's file name and its CSV text."""

    def timeline_json(self) -> str | None:
        """Give the Chrome trace, if it was recorded."""


def json_text(document: object) -> str:
    """Write a document the one way hecasim writes JSON to files."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def yaml_text(document: Mapping[str, Any], indent: str = "") -> str:
    """Write nested keys and values as YAML; values are JSON, which YAML contains."""
    lines: list[str] = []
    for key, value in document.items():
        if isinstance(value, Mapping) and value:
            lines.append(f"{indent}{key}:\n{yaml_text(value, indent + '  ')}")
        else:
            plain = isinstance(value, str) and PLAIN_TEXT.fullmatch(value)
            lines.append(f"{indent}{key}: {value if plain else json.dumps(value, ensure_ascii=False)}\n")
    return "".join(lines)


def run_files(result: Outcome) -> dict[str, str]:
    """Give every file of one run: its name and its text."""
    document = result.to_json()
    inputs = document["inputs"]
    name = f"{inputs['model']['name']} on {inputs['package']['name']} by {inputs['plan']['method']}"
    files = {"result.json": json_text(document), "inputs.yaml": yaml_text({"name": name, **inputs})}
    files |= result.tables()
    timeline = result.timeline_json()
    if timeline is not None:
        files["timeline.json"] = timeline
    return files


def study_files(study: str, rows: list[dict[str, Any]], results: Mapping[str, Outcome]) -> dict[str, str]:
    """Give every file of a comparison: one directory per method, and `study.json` with all rows."""
    files = {"study.json": json_text({"study": study, "energy_gain": energy_gains(rows), "rows": rows})}
    for method, result in results.items():
        files |= {f"{method}/{name}": text for name, text in run_files(result).items()}
    return files


def refuse_occupied(path: Path, *, force: bool) -> None:
    """Complain before any work is done if *path* could not be written at its end."""
    refuse_dash(path)
    if path.is_symlink() or path.is_file():
        raise ConfigError(f"{path}: a file or a link stands there; expected the name of a directory")
    if not path.exists():
        home = next(parent for parent in path.absolute().parents if parent.exists())
        if not home.is_dir() or not os.access(home, os.W_OK):
            raise ConfigError(f"{path}: cannot be made, because {home} is not a directory that can be written")
        return
    if Path.cwd().is_relative_to(path.resolve()):
        raise ConfigError(f"{path}: you stand in this directory; name one of its own, such as {path / 'run1'}")
    if not force and any(path.iterdir()):
        raise ConfigError(f"{path}: already there; name another directory, or --force to replace it")
    foreign = _first_foreign(path)
    if foreign:
        raise ConfigError(f"{path}: not replaced, because it holds {foreign}, which hecasim did not write")


def refuse_dash(path: Path) -> None:
    """Complain about `-`, which elsewhere means stdout: what appears whole or not at all needs a name."""
    if str(path) == "-":
        raise ConfigError("-: files and directories are not written to stdout; expected another name")


def _first_foreign(path: Path) -> Path | None:
    """Find something in a run directory that hecasim does not write there."""
    for entry in sorted(path.iterdir()):
        if entry.is_dir() and not entry.is_symlink() and entry.name not in OURS:
            if not any((entry / mark).is_file() for mark in MARKS):
                return entry
            foreign = _first_foreign(entry)
            if foreign:
                return foreign
        elif entry.name not in OURS:
            return entry
    return None


def write_directory(path: Path, files: Mapping[str, str], *, force: bool = False) -> list[Path]:
    """Write *files* (name below *path*, text) beside *path*, then let them appear there in one step."""
    refuse_occupied(path, force=force)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial, replaced = _beside(path, "partial"), _beside(path, "replaced")
    try:
        for name, text in files.items():
            (partial / name).parent.mkdir(parents=True, exist_ok=True)
            (partial / name).write_text(text, encoding="utf-8")
        if path.exists():
            path.rename(replaced)
        try:
            partial.rename(path)
        except BaseException:
            if replaced.exists():
                replaced.rename(path)
            raise
    finally:
        for leftover in (partial, replaced):
            shutil.rmtree(leftover, ignore_errors=True)
    return [path / name for name in files]


@contextmanager
def whole_file(path: Path, *, force: bool = False) -> Iterator[Path]:
    """Give a name to write to; what is written there becomes *path* when the block ends well."""
    refuse_dash(path)
    if path.is_dir():
        raise ConfigError(f"{path}: a directory stands there; expected the name of a file")
    if path.exists() and not force:
        raise ConfigError(f"{path}: already there; name another file, or --force to replace it")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _beside(path, "partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _beside(path: Path, word: str) -> Path:
    # The name's own ending stays last: writers choose a format by it.
    return path.with_name(f".{word}-{os.getpid()}-{path.name}")
