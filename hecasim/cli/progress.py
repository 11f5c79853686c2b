"""Progress of many runs on stderr: a bar on a terminal, otherwise one line a minute."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress

SECONDS_BETWEEN_LINES = 60.0
LONGEST_RUNNING = 200


class RowProgress:
    """How many rows are there, how fast they come, how long it takes, and what runs.

    `heard` is called after every row; *running* says what is under way.
    """

    def __init__(self, total: int, running: Callable[[], list[str]], *, quiet: bool) -> None:
        self._total = total
        self._running = running
        self._quiet = quiet
        self._counts: Counter[str] = Counter()
        self._started_s = time.monotonic()
        self._bar: Progress | None = None
        self._over = threading.Event()

    def __enter__(self) -> Self:
        if self._quiet or not self._total:
            return self
        if sys.stderr.isatty():
            self._start_bar()
        else:
            threading.Thread(target=self._speak, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._over.set()
        if self._bar:
            self._bar.stop()

    def heard(self, status: str) -> None:
        """Count a row that has arrived."""
        self._counts[status] += 1
        if self._bar:
            task = self._bar.task_ids[0]
            self._bar.update(task, completed=self._counts.total(), rate=self._rate(), words=self._words())

    def line(self) -> str:
        """Everything in one line."""
        arrived = self._counts.total()
        left = f", {_clock((self._total - arrived) / arrived * self._elapsed_s())} left" if arrived else ""
        return f"{arrived} of {self._total} ({self._words()}), {self._rate()}{left}; runs: {self._what_runs()}"

    def _start_bar(self) -> None:
        from rich.console import Console, RenderableType
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.text import Text

        what_runs = self._what_runs

        class TwoLines(Progress):
            """The bar, and below it what runs at this moment."""

            def get_renderables(self) -> Iterable[RenderableType]:
                yield self.make_tasks_table(self.tasks)
                yield Text(what_runs(), style="dim", no_wrap=True, overflow="ellipsis")

        columns = (
            BarColumn(16),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[words]}"),
        )
        self._bar = TwoLines(*columns, console=Console(stderr=True), transient=True)
        self._bar.add_task("", total=self._total, rate="", words="starting")
        self._bar.start()

    def _speak(self) -> None:
        while not self._over.wait(SECONDS_BETWEEN_LINES):
            print(self.line(), file=sys.stderr, flush=True)

    def _words(self) -> str:
        return ", ".join(f"{self._counts[status]} {status}" for status in ("done", "infeasible", "failed"))

    def _rate(self) -> str:
        per_s = self._counts.total() / max(self._elapsed_s(), 1e-9)
        return f"{per_s:.1f}/s" if per_s >= 1 else f"{60 * per_s:.1f}/min"

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._started_s

    def _what_runs(self) -> str:
        text = " | ".join(self._running())
        return text if len(text) <= LONGEST_RUNNING else f"{text[: LONGEST_RUNNING - 3]}..."


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
