"""What a worker does with a point: it simulates or replays it, and turns whatever happens into an outcome."""

import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING

from hecasim.errors import HecasimError, InfeasiblePlan
from hecasim.sweep.point import DONE, FAILED, INFEASIBLE, Outcome, compact

if TYPE_CHECKING:
    from collections.abc import Callable

    from hecasim.results import Result
    from hecasim.specs import ModelSpec, PackageSpec, PlanSpec


def simulate_point(payload: "tuple[PackageSpec, ModelSpec, PlanSpec]") -> Outcome:
    """Simulate one step; the document is that of the Result without `host`."""
    from hecasim.run import simulate

    return _outcome(lambda: simulate(*payload))


def replay_point(payload: "tuple[str, PackageSpec, str | None, str | None]") -> Outcome:
    """Replay a trace (its path) on a package, with the engine and fidelity given or those of the trace."""
    from hecasim.replaying import read_trace, replay_trace

    path, package, engine, fidelity = payload
    return _outcome(lambda: replay_trace(read_trace(Path(path), package), package, engine=engine, fidelity=fidelity))


def _outcome(run: "Callable[[], Result]") -> Outcome:
    try:
        document = run().to_json()
    except InfeasiblePlan as error:
        return Outcome(INFEASIBLE, str(error))
    except HecasimError as error:
        return Outcome(FAILED, str(error))
    except Exception as error:  # a defect of hecasim costs one row, not the sweep
        return Outcome(FAILED, f"a defect of hecasim: {type(error).__name__}: {error}")
    document.pop("host", None)
    return Outcome(DONE, document=compact(document))


def begin_worker() -> None:
    """Prepare a worker process once: Ctrl-C is for its parent, without whom it ends, and imports are done here."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    import hecasim.run  # noqa: F401 (so that the first point is as quick as the others)


def _end_with(parent: int) -> None:
    """A worker whose parent was killed would wait for work for ever."""
    wait([parent])
    os._exit(1)
