"""Which hecasim computes: its version and a fingerprint of its source, so that changed code never reuses old rows."""

import hashlib
from functools import lru_cache
from pathlib import Path

import hecasim

MOVE_NO_ROW = ("cli", "report", "bench", "reproduce", "validate", "probe")
"""Packages that show or check rows and cannot change one."""
SOURCES = (".py", ".yaml")
DIGITS = 16


@lru_cache(maxsize=1)
def code_version() -> str:
    """VERSION+FINGERPRINT: equal wherever the same files are installed."""
    return f"{hecasim.__version__}+{fingerprint(Path(hecasim.__file__).parent)}"


def fingerprint(home: Path) -> str:
    """Of the names and bytes of all files below *home* that may move a row."""
    digest = hashlib.sha256()
    for file in sorted(home.rglob("*"), key=lambda one: one.relative_to(home).as_posix()):
        place = file.relative_to(home)
        if file.suffix in SOURCES and place.parts[0] not in (*MOVE_NO_ROW, "hw_configs"):
            content = file.read_bytes()
            digest.update(f"{place.as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:DIGITS]
