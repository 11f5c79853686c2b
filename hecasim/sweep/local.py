"""Points in processes of this machine: results as they arrive, and a killed worker costs nothing but its time."""

import multiprocessing
import signal
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from hecasim.sweep.point import FAILED, Outcome, Point
from hecasim.sweep.work import begin_worker

RUN_AGAIN = 2
"""How often a point whose worker died is run again."""
AHEAD = 2
"""Points in flight per worker, so that none waits for its next."""

Work = Callable[[Any], Outcome]
Finished = tuple[Point, Outcome]


def worker_died(times: int) -> Outcome:
    """What is said of a point that took its worker with it every time."""
    return Outcome(FAILED, f"its worker process died {times} times (killed, or out of memory)")


class LocalExecutor:
    """`jobs` spawned processes; *work* is a function of a module, called with each point's payload."""

    def __init__(self, work: Work, jobs: int) -> None:
        self._work = work
        self._jobs = jobs
        self._flying: dict[Future[Outcome], Point] = {}

    def running(self) -> list[str]:
        """What is under way, in a few words each."""
        return [point.label for point in list(self._flying.values())[: self._jobs]]

    def run(self, points: Sequence[Point]) -> Iterator[Finished]:
        """Every point with its outcome, in the order in which they end.

        When a worker dies, all that was in flight is under suspicion and runs again, one by one, so that only the
        point that kills its worker by itself is given up.
        """
        waiting, suspects = deque(points), deque[Point]()
        deaths: Counter[int] = Counter()
        while waiting or suspects:
            lost = yield from self._pool(suspects, 1, 1) if suspects else self._pool(waiting, self._jobs, AHEAD)
            for point in lost:
                deaths[point.number] += 1
                if deaths[point.number] > RUN_AGAIN:
                    yield point, worker_died(deaths[point.number])
                else:
                    suspects.append(point)

    def _pool(self, points: deque[Point], jobs: int, ahead: int) -> Generator[Finished, None, list[Point]]:
        """Run *points* until none is left or a worker dies; give what was lost with it."""
        with _processes(min(jobs, len(points))) as pool:
            flying: dict[Future[Outcome], Point] = {}
            self._flying = flying
            while points or flying:
                while points and len(flying) < jobs * ahead:
                    with _sigint_held():
                        try:
                            future = pool.submit(self._work, points[0].payload)
                        except BrokenProcessPool:
                            return self._landed()
                    flying[future] = points.popleft()
                ended, _ = wait(flying, return_when=FIRST_COMPLETED)
                for future in ended:
                    if isinstance(future.exception(), BrokenProcessPool):
                        continue
                    yield flying.pop(future), future.result()
                if any(future in flying for future in ended):
                    return self._landed()
        return []

    def _landed(self) -> list[Point]:
        lost = list(self._flying.values())
        self._flying.clear()
        return lost


@contextmanager
def _processes(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """A pool of spawned workers; when the block is left early they are ended at once."""
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=begin_worker)
    try:
        yield pool
        pool.shutdown()
    except BaseException:
        for worker in set(multiprocessing.active_children()) - others:
            worker.terminate()
        pool.shutdown(cancel_futures=True)  # waits for its thread, which else may stumble over the end of the program
        raise


@contextmanager
def _sigint_held() -> Iterator[None]:
    """A process started here never hears Ctrl-C: it would answer with a traceback while it is still starting."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
