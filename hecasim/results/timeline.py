"""The timeline: spans of some tiles in Chrome trace event format, which Perfetto opens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hecasim.trace.log import SPAN_LIMIT, SPAN_TILES, Log, Span

RESOURCES = ("compute", "nop", "dram")
PS_PER_US = 10**6


def timeline_json(log: Log, name_of: Mapping[int, str]) -> str:
    """Complete events in microseconds: a process per tile, called as *name_of* says, a thread per resource.

    Up to SPAN_TILES tiles, spread over the grid, and the first SPAN_LIMIT spans of theirs; the rule and the number
    of spans left out stand in the file.
    """
    events: list[dict[str, Any]] = []
    for tile in sorted(log.shown_tiles):
        events.append({"ph": "M", "pid": tile, "name": "process_name", "args": {"name": f"tile {name_of[tile]}"}})
        events += [
            {"ph": "M", "pid": tile, "tid": thread, "name": "thread_name", "args": {"name": resource}}
            for thread, resource in enumerate(RESOURCES)
        ]
    for number, span in enumerate(log.spans):
        events += _events(number, span)
    rule = f"at most {SPAN_TILES} tiles and {SPAN_LIMIT} spans; {log.spans_dropped} spans left out; "
    rule += f"{log.folded_bodies} bodies that repeat exactly are a gap (--engine plain draws them)"
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ns", "otherData": {"rule": rule}})


def _events(number: int, span: Span) -> list[dict[str, Any]]:
    """One complete event of the core; collectives and DRAM traffic may overlap, so they begin and end apart."""
    common = {
        "pid": span.tile, "tid": RESOURCES.index(span.resource), "name": span.label, "cat": span.phase,
        "args": {"layer": span.layer, "micro_batch": span.micro_batch},
    }  # fmt: skip
    start, end = span.start_ps / PS_PER_US, span.end_ps / PS_PER_US
    if span.resource == "compute":
        return [{**common, "ph": "X", "ts": start, "dur": end - start}]
    return [{**common, "ph": "b", "id": number, "ts": start}, {**common, "ph": "e", "id": number, "ts": end}]
