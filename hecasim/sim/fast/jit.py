"""The door to numba: functions are compiled once per version of all sources here, and kept in a cache.

numba looks at the file of a function alone when it asks whether its compiled form is still good; a function compiled
into another one would go stale there. So the cache is one folder per digest of all files of this folder, and holds the
functions that Python calls, with all that they call.

By itself numba optimises a function together with all that it calls, then its callers with all of that again, and so on
up (measured: 130 s with the small functions written into their callers). Here only what Python calls is optimised, with
all that it calls, once. The method of numba that this steps around is no public one: where it is missing, compiling
takes longer, and nothing else changes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numba
from numba.core.codegen import JITCodeLibrary

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


PARTS: set[str] = set()
"""Names of the functions that only compiled ones call."""
MANGLED = "7hecasim3sim4fast"
"""What the compiled names of all functions here have in common."""


def compiled(function: Callable[..., Any], **options: Any) -> Any:
    """*function*, compiled as part of the compiled functions that call it."""
    PARTS.add(function.__qualname__)
    leave_out: Any = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "no_rewrites": True}
    return numba.njit(error_model="numpy", **leave_out, **options)(function)


def inlined(function: Callable[..., Any]) -> Any:
    """The same for a function that is called all the time: its code stands in that of each caller."""
    return compiled(function, forceinline=True)


def entry(function: Callable[..., Any]) -> Any:
    """*function*, which Python calls, compiled when it first does, and not again until a source here changes.

    Other threads of Python run meanwhile.
    """
    if CACHE is None:
        return numba.njit(error_model="numpy", nogil=True)(function)
    settings: Any = numba.config  # has its names at run time
    before, settings.CACHE_DIR = settings.CACHE_DIR, str(CACHE)
    try:
        return numba.njit(cache=True, error_model="numpy", nogil=True)(function)
    finally:
        settings.CACHE_DIR = before


def _optimise_entries_alone() -> None:
    """Let numba leave the parts as they are: they are optimised where they have become part of an entry."""
    method = "_optimize_final_module"
    optimise = getattr(JITCodeLibrary, method, None)
    if optimise is None:
        return

    def unless_part(library: Any) -> None:
        if library.name not in PARTS or not any(MANGLED in part.name for part in library._final_module.functions):
            optimise(library)

    setattr(JITCodeLibrary, method, unless_part)


_optimise_entries_alone()
