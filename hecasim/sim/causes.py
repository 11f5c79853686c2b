"""Why a task of the plain engine started when it did: the links of the longest chain."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Cause:
    """A task on the longest chain: when its last tile could start, and the task whose end let it.

    Of several that let it in the same picosecond, the last in the order of the trace.
    """

    label: str
    resource: str
    released_ps: int
    before: Cause | None
    by: tuple[int, int]
    """(body, task) of the one before."""

    def also(self, before: Cause | None, by: tuple[int, int]) -> None:
        """Another task let it in the same picosecond; nothing depends on which of them is told first."""
        if (by, before.released_ps if before else -1) > (self.by, self.before.released_ps if self.before else -1):
            self.before, self.by = before, by


def chain(last: Cause | None, end_ps: int) -> dict[tuple[str, str], int]:
    """Picoseconds of each task, by label and resource, on the chain that led to the end of the step."""
    spans: dict[tuple[str, str], int] = {}
    cause = last
    while cause is not None:
        key = (cause.label, cause.resource)
        spans[key] = spans.get(key, 0) + end_ps - cause.released_ps
        end_ps, cause = cause.released_ps, cause.before
    return spans
