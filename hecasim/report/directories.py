"""A directory that appears whole or not at all, for writers that fill it file by file."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hecasim.errors import ConfigError
from hecasim.report.files import _beside, refuse_dash


@contextmanager
def whole_directory(path: Path, *, ours: str, force: bool = False) -> Iterator[Path]:
    """Give a directory to fill; it becomes *path* when the block ends well.

    What stands there is replaced only with *force*, and only if every name in it matches the pattern *ours*.
    """
    refuse_directory(path, ours=ours, force=force)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial, replaced = _beside(path, "partial"), _beside(path, "replaced")
    try:
        partial.mkdir()
        yield partial
        if path.exists():
            path.rename(replaced)
        partial.rename(path)
    finally:
        for leftover in (partial, replaced):
            shutil.rmtree(leftover, ignore_errors=True)


def refuse_directory(path: Path, *, ours: str, force: bool) -> None:
    """Complain before any work is done if *path* could not be written at its end."""
    refuse_dash(path)
    if path.is_symlink() or path.is_file():
        raise ConfigError(f"{path}: a file or a link stands there; expected the name of a directory")
    if not path.exists():
        return
    entries = sorted(path.iterdir())
    if entries and not force:
        raise ConfigError(f"{path}: already there; name another directory, or --force to replace it")
    foreign = next((entry for entry in entries if not re.fullmatch(ours, entry.name)), None)
    if foreign:
        raise ConfigError(f"{path}: not replaced, because it holds {foreign}, which is none of the files written there")
