"""The door to numba: functions are compiled once per version of all sources here, and kept in a cache.

numba looks at the file of a function alone when it asks whether its compiled form is still good; a function compiled
into another one would go stale there. So the cache is one folder per digest of all files of this folder.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numba

SOURCES = Path(__file__).parent
PREFIX = "compiled-"


def _digest() -> str:
    digest = blake2b(digest_size=8)
    for file in sorted(SOURCES.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _cache_folder() -> Path | None:
    """The folder of these sources' compiled forms, beside them or in the user's cache; older ones there are removed."""
    name = PREFIX + _digest()
    homes = (SOURCES / "__pycache__", Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "hecasim")
    for home in homes:
        try:
            (home / name).mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(home / name, os.W_OK):
            for old in home.glob(f"{PREFIX}*"):
                if old.name != name:
                    shutil.rmtree(old, ignore_errors=True)
            return home / name
    return None


CACHE = _cache_folder()


def is_compiled() -> bool:
    """Whether the engine was compiled before, so that nobody waits for it now."""
    return CACHE is not None and any(CACHE.rglob("loop.run-*.nbc"))


def compiled(function: Callable[..., Any]) -> Any:
    """*function*, compiled when it is first called, and not again until a source here changes; for compiled callers."""
    return _jit(function, no_cpython_wrapper=True, no_cfunc_wrapper=True, no_rewrites=True)


def entry(function: Callable[..., Any]) -> Any:
    """The same for a function that Python calls: its arguments are unpacked and its answer is packed."""
    return _jit(function, no_cfunc_wrapper=True)


def _jit(function: Callable[..., Any], **options: Any) -> Any:
    if CACHE is None:
        return numba.njit(error_model="numpy", **options)(function)
    settings: Any = numba.config  # has its names at run time
    before, settings.CACHE_DIR = settings.CACHE_DIR, str(CACHE)
    try:
        return numba.njit(cache=True, error_model="numpy", **options)(function)
    finally:
        settings.CACHE_DIR = before
