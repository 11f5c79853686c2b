"""Many runs into one store: what is missing is run, and every outcome is kept the moment it arrives."""

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

from hecasim.errors import ConfigError
from hecasim.sweep.point import Outcome, Point
from hecasim.sweep.recovery import recover
from hecasim.sweep.store import FILE, DamagedStore, Store

OURS = (f".partial-{FILE}", "store.damaged-")
"""What a process that was killed while it made or recovered a store leaves behind."""


class Executor(Protocol):
    """Who runs points: LocalExecutor, DaskExecutor."""

    def run(self, points: Sequence[Point]) -> Any:
        """Give every point with its outcome, in the order in which they end."""

    def running(self) -> list[str]:
        """Say what is under way."""


@contextmanager
def store_for_writing(folder: Path, *, resume: bool, say: Callable[[str], None]) -> Iterator[Store]:
    """The store of *folder*, new or (with *resume*) as it was left; nobody else may write there meanwhile.

    A damaged store is recovered with *resume*, and *say* hears about it. Raises ConfigError.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ConfigError(f"{folder}: a file or a link stands there; expected the name of a directory")
    there = (folder / FILE).exists() or (folder / FILE).is_symlink()
    if there and not resume:
        raise ConfigError(f"{folder / FILE}: already there; --resume goes on with it, or name another --out")
    if not there and folder.exists() and any(not one.name.startswith(OURS) for one in folder.iterdir()):
        raise ConfigError(f"{folder}: holds files but no {FILE}; expected a new directory, or that of a sweep")
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder), _opened(folder, there, say) as store:
        yield store


def _opened(folder: Path, there: bool, say: Callable[[str], None]) -> Store:
    if not there:
        return Store.create(folder)
    try:
        return Store.open(folder)
    except DamagedStore as error:
        kept, damaged = recover(folder)
        say(f"{str(error).partition(';')[0]}: {kept} rows check and are kept; the damaged file is now {damaged}")
        return Store.open(folder)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the directory; the system lets go of it when this process ends, however it ends."""
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        raise ConfigError(f"{folder}: another hecasim writes there now") from None
    try:
        yield
    finally:
        os.close(held)


def missing(points: Sequence[Point], store: Store) -> list[Point]:
    """The points whose outcome the store does not have; of several that are the same run, the first."""
    known = store.known()
    first = {point.key: point for point in reversed(points) if point.key not in known}
    return sorted(first.values(), key=lambda point: point.number)


def run_points(points: Sequence[Point], store: Store, executor: Executor, heard: Callable[[Outcome], None]) -> None:
    """Run *points* and keep every outcome as it arrives; *heard* is told after each."""
    with closing(executor.run(points)) as arriving:
        for point, outcome in arriving:
            store.put(point, outcome)
            heard(outcome)
