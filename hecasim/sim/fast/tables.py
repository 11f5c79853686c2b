"""The tables of a live package: one record per lane, segment, tile, task in flight, and what never changes beside them.

A `World` is a handle to these arrays that compiled functions pass around. Two worlds play one run: the package itself
and a stage on which one collective is played alone (`claims`); they share everything but lanes, agenda and clock.

Rows of tasks in flight: row = (slot + 1) * tasks per body + task; the rows before those of slot 0 belong to the stage.
-1 stands for none.
"""

from __future__ import annotations

from typing import Any

import numpy as np

STREAMS = 5
"""Of traffic on a lane: those of `hecasim.trace.task.STREAMS`, and the core's own at a shared port."""
PHASES, CLASSES, ACTIVITIES = 4, 5, 3


def _numbers(count: int) -> tuple[Any, ...]:
    """0, 1, 2, ... as plain 64-bit numbers: numba compiles a function anew for every Python number it is given."""
    return tuple(np.int64(number) for number in range(count))


ZERO, NONE = np.int64(0), np.int64(-1)
ARRIVES, LANDS, ROUSES, COMPUTED, REACHES, LEAVES = _numbers(6)
"""What happens, in the low bits of an agenda entry."""
WHAT_BITS = 3
COMPUTE, COLLECTIVE, READ, WRITE = _numbers(4)
"""Kinds of task, as in `hecasim.trace.task`."""
TO_TILE, TO_MEMBER, TO_CORE = (np.int64(-number) for number in range(1, 4))
"""Who hears that a segment has landed, in place of the pattern that others belong to."""
GATHERING, CLAIMED, DISTURBED, PLAYED, REHEARSED, REPLAYED = _numbers(6)
"""How a collective in flight goes on: its members gather, it is claimed, played, or played on the stage."""
RING, CHAIN, GRAPH = _numbers(3)
"""Kinds of pattern."""
FINISHED, ISSUE, BOUNDARY, DRAIN = _numbers(4)
"""Why the loop returns."""


def _record(names: str) -> np.dtype[Any]:
    return np.dtype([(name, np.int64) for name in names.split()])


LINE_BYTES = 64
"""What a processor fetches at once."""
LANE = _record(
    "owner arrivals asking waiting free_at alarmed rate pointer"
    " latency_ps wait_ps busy_ps bytes_carried segments started_at owned_until place"
)
"""What is read and written together stands within a line; likewise below."""
SEGMENT = _record(
    "route hop following asked_ps cut stream stops held_ps extra_ps owner pattern note row step number source"
)
FLIGHT = _record("row schedule joined mode started_at leaver")
SLOT = _record("index kind first_micro tasks_left leading alive led_ps led_number led_cause")
ROW = _record("task left first_ps cause earlier outside lowered_ps before body number")
TASK = _record(
    "kind activity phase stream leads in_place takes takes_end gives gives_end space weights activations"
    " readers readers_end waits outside outside_end amount operands table schedules party trees"
)
KIND = _record("tasks count leading shape")
"""Kinds of one shape differ only in what they wait for in other bodies: once issued, they are alike."""
SIZE = _record("cuts count bytes")
GROUP = _record("members members_end number")
SCHEDULE = _record("task members members_end stages stages_end lanes lanes_end outcome claimable")
STAGE = _record("patterns patterns_end parts owed")
PATTERN = _record(
    "kind number stage members count edges size extra_ps steps reduce_steps sums opening messages joins counters"
    " roots chunks"
)
MESSAGE = _record("source target step size extra_ps adds edge join")
JOIN = _record("needs counter emits emits_end")
OUTCOME = _record("known ends order lanes happenings")
COUNTS = 6
"""Numbers kept per lane of an outcome: wait, busy, bytes, segments, when it falls free, when the last one starts."""
FORK = _record("tile fill member branches branches_end")
TREE = _record("route share source")
PORT = _record("tiles tiles_end")
CAUSE = _record("task released_ps before")
JOB = _record("following row asked_ps duration_ps operands flight pattern message stage number step source position")
ENTRANT = _record("following row tile ready_ps")
START = _record("row tile")
NOTE = _record("slot task first_ps end_ps")
SPAN = _record("slot task tile start_ps end_ps")
PARKED = _record("following pattern message")
OUTSIDE = _record("following row")
HEAPED = _record("time instant")
INSTANT = _record("time first")
EVENT = _record("what following")
RECENT_BITS = 10
"""Of the table of instants asked for lately."""
TILE = _record(
    "busy job free_at operands_left starved ready asking busy_ps wait_ps port"
    " weights activations total total_peak changed_at entering admission_ps waiting"
    " computing exchanging moving phase opened last since"
)
CLOCK = _record("now agenda instants free_instant events free_event lanes_asked cores_asked happenings free")
"""`free`: lanes carry everybody at once."""
RUN = _record(
    "segments free_segment jobs free_job entrants free_entrant outsiders free_outsider parkings free_parking"
    " starts notes spans causes disturbed entering"
    " tasks end_ps last_cause ended_body ended_number gate_cause gate_body gate_number gate_ps"
    " led next_body bodies issue_due boundary_due refusals claimed disturbances keep_spans shown_tiles tiles"
    " per_body groups short recording recorded_from digest gaps moments"
)

WHOLE, HALF, BYTE = np.dtype(np.int64), np.dtype(np.int32), np.dtype(np.uint8)
Field = tuple[np.dtype[Any], int]
"""What a table's entries are, and in how many dimensions they stand."""

SHARED: dict[str, Field] = {
    "run": (RUN, 1), "segments": (SEGMENT, 1), "flights": (FLIGHT, 1), "slots": (SLOT, 1), "rows": (ROW, 1),
    "waits": (HALF, 2), "done": (BYTE, 2), "started": (WHOLE, 2), "stage": (HALF, 2), "owed": (HALF, 2),
    "counters": (HALF, 2), "tiles": (TILE, 1), "levels": (WHOLE, 2), "peaks": (WHOLE, 2), "crests": (WHOLE, 2),
    "spent": (WHOLE, 3), "hidden": (WHOLE, 3), "causes": (CAUSE, 1), "jobs": (JOB, 1), "entrants": (ENTRANT, 1),
    "outsiders": (OUTSIDE, 1), "starts": (START, 1), "notes": (NOTE, 1), "spans": (SPAN, 1), "parkings": (PARKED, 1),
    "parked": (WHOLE, 2), "ready": (HALF, 2), "led": (WHOLE, 1), "outcomes": (OUTCOME, 1), "results": (WHOLE, 1),
    "disturbed": (WHOLE, 1), "entering": (WHOLE, 1), "gaps": (WHOLE, 2), "moments": (WHOLE, 2),
}  # fmt: skip
"""What changes, and both worlds see."""
FIXED: dict[str, Field] = {
    "lists": (WHOLE, 1), "tasks": (TASK, 1), "kinds": (KIND, 1), "sizes": (SIZE, 1), "cut_bytes": (WHOLE, 1),
    "holds": (WHOLE, 2), "amounts": (WHOLE, 2), "group_of": (WHOLE, 2), "position_of": (WHOLE, 2),
    "groups": (GROUP, 1), "schedules": (SCHEDULE, 1), "stages": (STAGE, 1), "patterns": (PATTERN, 1),
    "messages": (MESSAGE, 1), "joins": (JOIN, 1), "forks": (FORK, 1), "trees": (TREE, 1), "ports": (PORT, 1),
    "port_of": (WHOLE, 1), "party": (WHOLE, 2), "ways": (WHOLE, 2), "rooms": (WHOLE, 1), "pools": (WHOLE, 1),
    "shown": (WHOLE, 1), "sum_costs": (WHOLE, 2),
}  # fmt: skip
"""What never changes."""
OWN: dict[str, Field] = {
    "clock": (CLOCK, 1), "lanes": (LANE, 1), "queues": (WHOLE, 3), "agenda": (HEAPED, 1), "instants": (INSTANT, 1),
    "events": (EVENT, 1), "recent": (WHOLE, 1), "lanes_asked": (WHOLE, 1), "cores_asked": (WHOLE, 1),
}  # fmt: skip
"""What each world has for itself."""
FIELDS = SHARED | FIXED | OWN
