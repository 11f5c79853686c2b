"""Traces on packages as points: every one on every other, keyed by the trace's bytes and the resolved package."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hecasim.errors import ConfigError
from hecasim.replaying import package_of, read_trace
from hecasim.specs import PackageSpec, resolved
from hecasim.sweep.point import Point, content_key

BLOCK = 1 << 20


def replay_points(
    traces: Sequence[Path],
    packages: Sequence[PackageSpec],
    version: str,
    engine: str | None = None,
    fidelity: str | None = None,
) -> list[Point]:
    """A point for every trace on every package; without packages, each on the shipped one that it names.

    Raises ConfigError for a trace that cannot be read; what is wrong inside it becomes a row, unless its package is
    asked of it.
    """
    points: list[Point] = []
    for trace in traces:
        digest = content_of(trace)
        for package in packages or [package_of(read_trace(trace), trace)]:
            inputs = {"trace": digest, "package": resolved(package), "engine": engine, "fidelity": fidelity}
            labels = {"trace": str(trace), "package": package.name}
            key = content_key(inputs, version)
            points.append(Point(len(points), labels, inputs, key, (str(trace), package, engine, fidelity)))
    return points


def content_of(trace: Path) -> str:
    """SHA-256 of a trace file, or of all files of a directory with their names."""
    digest = hashlib.sha256()
    try:
        for file in sorted(one for one in trace.iterdir() if one.is_file()) if trace.is_dir() else [trace]:
            if trace.is_dir():
                digest.update(f"{file.name}\0{file.stat().st_size}\0".encode())
            with file.open("rb") as content:
                while block := content.read(BLOCK):
                    digest.update(block)
    except OSError as error:
        raise ConfigError(f"{trace}: cannot be read: {error.strerror or error}") from None
    return digest.hexdigest()


def trace_files(rows: Iterable[Mapping[str, Any]]) -> dict[str, bytes]:
    """The traces that *rows* replay, under their digests; ConfigError where one is gone or no longer the same."""
    files: dict[str, bytes] = {}
    for digest, place in {row["inputs"]["trace"]: Path(str(row["labels"]["trace"])) for row in rows}.items():
        if content_of(place) != digest:
            raise ConfigError(f"{place}: is not the trace that was replayed; expected the file as it was then")
        for one in sorted(place.iterdir()) if place.is_dir() else [place]:
            if one.is_file():
                inside = f"{place.name}/{one.name}" if place.is_dir() else one.name
                files[f"traces/{digest}/{inside}"] = one.read_bytes()
    return files
