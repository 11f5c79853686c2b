"""Everything about a run or a sweep in one zip: inputs, version, results, and a script that runs it again.

The same directory gives the same bytes: times in the zip are fixed, and what may differ between machines (`host`) is
left out, so that the bundle of a rerun equals the bundle it came from.
"""

import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hecasim.errors import ConfigError
from hecasim.report.compare import read_result
from hecasim.report.files import json_text

OLDEST = (1980, 1, 1, 0, 0, 0)  # the first moment a zip can hold
TABLES = ("inputs.yaml", "layers.csv", "links.csv", "timeline.json")
IDEAL = "ideal: "
"""How an approximation of a result begins that names resources which cost nothing."""


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    """A zip of *files* (name, content), byte for byte the same for the same contents."""
    page = io.BytesIO()
    with zipfile.ZipFile(page, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, OLDEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system, entry.external_attr = 3, 0o644 << 16  # Unix, whatever this machine is
            archive.writestr(entry, files[name])
    return page.getvalue()


def run_files(folder: Path, script: str, version: str) -> dict[str, str]:
    """What is bundled of a run directory, or of one with a directory per method; *script* runs one again."""
    if (folder / "study.json").is_file():
        study = read_result(folder / "study.json")
        rows = [_without_host(row) for row in study.get("rows", [])]
        files = {"study.json": json_text(study | {"rows": rows})}
        for one in sorted(folder.iterdir()):
            if (one / "result.json").is_file():
                files |= {f"{one.name}/{name}": text for name, text in _one_run(one, script).items()}
        return files | _about(version)
    if not (folder / "result.json").is_file():
        raise ConfigError(f"{folder}: holds no result.json, study.json or store.sqlite; expected what --out wrote")
    return _one_run(folder, script) | _about(version)


def _one_run(folder: Path, script: str) -> dict[str, str]:
    files = {name: _text(folder / name) for name in TABLES if (folder / name).is_file()}
    if "inputs.yaml" not in files:
        raise ConfigError(f"{folder}: inputs.yaml: missing; expected the directory that `hecasim run --out` wrote")
    document = read_result(folder / "result.json")
    flags = json.dumps(_flags(document))
    files["rerun.py"] = script.replace("FLAGS: list[str] = []", f"FLAGS: list[str] = {flags}")
    return files | {"result.json": json_text(_without_host(document))}


def _flags(document: Mapping[str, Any]) -> list[str]:
    """The flags of `run` that inputs.yaml does not hold."""
    flags = ["--what-if"] if "what_if" in document else []
    for line in document.get("simulation", {}).get("approximations", []):
        if str(line).startswith(IDEAL):
            names = str(line).removeprefix(IDEAL).removesuffix(" free").split(", ")
            flags += [word for name in names for word in ("--ideal", name)]
    return flags


def sweep_files(
    rows: Iterable[Mapping[str, Any]], about: Mapping[str, Any], csv: str, script: str, version: str
) -> dict[str, str]:
    """What is bundled of a sweep; every row holds its resolved inputs, so nothing else is needed to run it again."""
    lines = [json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows]
    return {
        "rows.jsonl": "".join(f"{line}\n" for line in lines),
        "rows.csv": csv,
        "study.json": json_text(about),
        "rerun.py": script,
    } | _about(version)


def _about(version: str) -> dict[str, str]:
    return {
        "VERSION": f"{version}\n",
        "README.txt": f"Made by hecasim {version}. `python rerun.py`, with that hecasim installed,\n"
        "runs everything again and leaves with 0 when every byte is the same, else with 5.\n",
    }


def _without_host(document: Any) -> Any:
    return {key: value for key, value in document.items() if key != "host"} if isinstance(document, dict) else document


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: not UTF-8; expected a file that hecasim wrote") from None
