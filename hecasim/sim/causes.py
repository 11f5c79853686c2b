"""Why a task of the plain engine started when it did: the links of the longest chain."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Cause:
    """A task on the longest chain: when its last tile could start, and that of the task whose end let it."""

    label: str
    resource: str
    released_ps: int
    before: Cause | None


def chain(last: Cause | None, end_ps: int) -> dict[tuple[str, str], int]:
    """Picoseconds of each task, by label and resource, on the chain that led to the end of the step."""
    spans: dict[tuple[str, str], int] = {}
    cause = last
    while cause is not None:
        key = (cause.label, cause.resource)
        spans[key] = spans.get(key, 0) + end_ps - cause.released_ps
        end_ps, cause = cause.released_ps, cause.before
    return spans
