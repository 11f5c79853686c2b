"""Where words go: answers to stdout, everything else to stderr."""

import json
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress

SECONDS_BETWEEN_LINES = 3.0
WIDTH_OF_A_FILE = 120
LEAST_WIDTH = 104


def print_json(document: object) -> None:
    """Print the one document a `--json` answer is."""
    print(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


def console() -> "Console":
    """The console of the answers; a file or a pipe gets lines wide enough for every table."""
    from rich.console import Console

    class Answers(Console):
        """Rich leaves with 1 when a reader closes the pipe; here that reader has what it wanted."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    screen = Answers(highlight=False)
    # A number cut short would be a wrong number: lines of a narrow terminal wrap instead.
    return Answers(width=max(screen.width, LEAST_WIDTH) if sys.stdout.isatty() else WIDTH_OF_A_FILE, highlight=False)


def show(*parts: "RenderableType") -> None:
    """Print tables and text for people."""
    screen = console()
    for part in parts:
        # Plain text stays plain: rich would read [name] as markup and break long paths.
        screen.print(part, markup=False, soft_wrap=isinstance(part, str))


def note(text: str, *, as_json: bool, quiet: bool) -> None:
    """Print a line beside the answer: to stdout below a table, to stderr where stdout is one document."""
    if not quiet:
        print(text, file=sys.stderr if as_json else sys.stdout)


class ProgressReport:
    """Progress of long work on stderr: a bar on a terminal, a plain line every few seconds otherwise, or nothing.

    `report(label)` gives the callback that the simulation calls with a fraction and a text.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Progress | None = None
        self._last_line_s = time.monotonic()

    def __enter__(self) -> Self:
        if not self._quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

            columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def report(self, label: str) -> Any:
        """Give the callback for one piece of work."""
        from rich.markup import escape

        task = self._bar.add_task(escape(label), total=1.0) if self._bar else None

        def tell(fraction: float, text: str) -> None:
            if self._bar and task is not None:
                self._bar.update(task, completed=fraction, description=escape(f"{label}  {text}"))
            elif not self._quiet and time.monotonic() - self._last_line_s >= SECONDS_BETWEEN_LINES:
                self._last_line_s = time.monotonic()
                print(f"{label}: {100 * fraction:3.0f} %  {text}", file=sys.stderr, flush=True)

        return tell
