"""The lines of a trace file, one after another, each parsed when it is asked for."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hecasim.trace.checking import Fault, parse

LONGEST_LINE = 4 * 2**20
LARGEST_FILE = 2**30
"""Of text, after decompression."""


class Source:
    """A file under reading: `number` is the line that was looked at last."""

    def __init__(self, path: Path) -> None:
        self.path, self.number = path, 0
        self._lines = self._read()
        self._ahead: dict[str, Any] | None = None

    def peek(self) -> dict[str, Any] | None:
        """The next line, which stays the next; None at the end."""
        if self._ahead is None:
            self._ahead = next(self._lines, None)
        return self._ahead

    def next(self, expected: str) -> dict[str, Any]:
        """The next line, which must be there."""
        line = self.peek()
        if line is None:
            self.number += 1
            raise Fault("", f"the file ends here; expected {expected}")
        self._ahead = None
        return line

    def _read(self) -> Iterator[dict[str, Any]]:
        size = 0
        opened = gzip.open if self.path.suffix == ".gz" else open
        try:
            with opened(self.path, "rb") as page:
                while line := page.readline(LONGEST_LINE + 1):
                    self.number += 1
                    size += len(line)
                    if len(line) > LONGEST_LINE:
                        raise Fault("", f"longer than {LONGEST_LINE >> 20} MiB")
                    if size > LARGEST_FILE:
                        raise Fault("", f"the file is larger than {LARGEST_FILE >> 30} GiB")
                    if line.strip():
                        yield parse(_decoded(line))
        except (gzip.BadGzipFile, EOFError, zlib.error):
            raise Fault("", "not a whole gzip file") from None


def names(line: dict[str, Any]) -> str:
    """The first keys of a line, to say what was found in the place of another."""
    return ", ".join(ascii(name[:20]) for name in list(line)[:4]) or "nothing"


def _decoded(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        raise Fault("", "not UTF-8; save the file as UTF-8 text") from None
