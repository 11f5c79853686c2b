"""Points on a Dask cluster: the same work function, results as they arrive, workers may die (extra `distributed`)."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from hecasim.errors import ConfigError
from hecasim.sweep.code import code_version
from hecasim.sweep.local import AHEAD, RUN_AGAIN, Finished, Work, worker_died
from hecasim.sweep.point import Point

PATIENCE_S = 20
"""How long a scheduler may take to answer."""


class DaskExecutor:
    """The cluster at *scheduler*, or `jobs` processes of this machine where none is named."""

    def __init__(self, work: Work, jobs: int, scheduler: str | None) -> None:
        self._work = work
        self._jobs = jobs
        self._scheduler = scheduler
        self._flying: dict[Any, Point] = {}

    def running(self) -> list[str]:
        """What is under way, in a few words each."""
        return [point.label for point in list(self._flying.values())[: self._jobs]]

    def run(self, points: Sequence[Point]) -> Iterator[Finished]:
        """Every point with its outcome, in the order in which they end."""
        with ExitStack() as stack:
            client = self._client(stack)
            yield from self._through(client, deque(points))

    def _client(self, stack: ExitStack) -> Any:
        """A client whose workers run this very hecasim."""
        try:
            import dask
            from distributed import Client, LocalCluster
        except ImportError:
            raise ConfigError(
                "--executor dask: the library distributed is missing; `pip install 'hecasim[distributed]'` brings it"
            ) from None
        # The scheduler gives a task up when more workers than these have died on it.
        stack.enter_context(dask.config.set({"distributed.scheduler.allowed-failures": RUN_AGAIN}))
        if self._scheduler is None:
            address: Any = stack.enter_context(
                LocalCluster(
                    n_workers=self._jobs, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
                )
            )
        else:
            address = self._scheduler
        try:
            client = stack.enter_context(Client(address, timeout=PATIENCE_S))
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(f"--scheduler {address}: no scheduler answers ({error})") from None
        versions = client.run(code_version)
        if not versions:
            raise ConfigError(f"--scheduler {address}: the cluster has no workers")
        for worker, version in versions.items():
            if version != code_version():
                raise ConfigError(f"--scheduler {address}: {worker} has hecasim {version}, expected {code_version()}")
        self._jobs = max(1, sum(client.nthreads().values()))
        return client

    def _through(self, client: Any, waiting: deque[Point]) -> Iterator[Finished]:
        from distributed import KilledWorker, as_completed

        arriving = as_completed()
        self._flying = {}

        def submit() -> None:
            while waiting and len(self._flying) < self._jobs * AHEAD:
                point = waiting.popleft()
                future = client.submit(self._work, point.payload, pure=False, key=f"{point.number}-{point.key}")
                self._flying[future] = point
                arriving.add(future)

        submit()
        for future in arriving:
            point = self._flying.pop(future)
            submit()
            if future.cancelled():
                raise ConfigError("the connection to the scheduler was lost; what is done is kept, --resume goes on")
            error = future.exception()
            if isinstance(error, KilledWorker):
                yield point, worker_died(RUN_AGAIN + 1)
            elif error is not None:
                raise error
            else:
                yield point, future.result()
