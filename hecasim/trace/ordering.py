"""The order of play of a trace file, read: passages, and which passage in which layer for which micro-batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hecasim.trace import runs
from hecasim.trace.checking import Fault, each, fields, items, keys, whole
from hecasim.trace.play import Order, Passage, Run
from hecasim.trace.repeats import Repeat, Stretch
from hecasim.trace.source import Source, names
from hecasim.trace.task import BodyKind

LARGEST_LAYER = 10**6
LARGEST_MICRO_BATCH = 10**9
LARGEST_RUN = 10**9
LARGEST_RUNS = 10**5
REMEMBERED_PLAYS = 8
"""Surroundings of a play that were found right are looked up again if they are no longer than this."""

Placed = tuple[Stretch, int]
"""A stretch of plays and the line it stands in."""


def read_passages(source: Source, kinds: int, count: int) -> list[Passage]:
    """All passages, numbered from 0, as runs of *kinds* kinds of body."""
    made: list[Passage] = []
    for number in range(count):
        line = source.next(f"passage {number} of {count}")
        if "passage" not in line:
            raise Fault("", f"expected passage {number} of {count}, found a line with {names(line)}")
        readers: dict[str, Callable[[Any], Any]] = {
            "passage": whole,
            "runs": lambda given: each(given, lambda one: _run(one, kinds), 1, LARGEST_RUNS),
        }
        read = fields(keys(line, tuple(readers)), readers)
        if read["passage"] != number:
            raise Fault("passage", f"found {read['passage']}; expected {number}, they count up")
        made.append(read["runs"])
    return made


def _run(value: object, kinds: int) -> Run:
    kind, times = items(value, 2, 2)
    return Run(whole(kind, 0, kinds - 1), whole(times, 1, LARGEST_RUN))


def read_plays(source: Source, passages: int, count: int) -> list[Placed]:
    """All plays, *count* of *passages* passages; the file must end with them."""
    stretches: list[Stretch] = []
    lines: list[int] = []
    played = 0
    while played < count:
        line = source.next(f"the order of play, plays {played} to {count - 1}")
        if "repeat" in line:
            new = _again(line, stretches, count - played)
        elif "play" in line:
            new = [_play(line, passages, count - played)]
        else:
            raise Fault("", f"expected the order of play, found a line with {names(line)}")
        played += sum(len(stretch.micro_batches) for stretch in new)
        stretches += new
        lines += [source.number] * len(new)
    if source.peek() is not None:
        raise Fault("", f"expected the end of the file after {count} plays")
    return list(zip(stretches, lines, strict=True))


def _play(line: dict[str, Any], passages: int, left: int) -> Stretch:
    readers = {
        "play": lambda passage: whole(passage, 0, passages - 1),
        "layer": lambda layer: whole(layer, -1, LARGEST_LAYER),
        "micro_batches": lambda numbers: runs.read_counted(numbers, left),
    }
    made = fields(keys(line, tuple(readers)), readers)
    return Stretch(made["play"], made["layer"], made["micro_batches"])


def _again(line: dict[str, Any], stretches: Sequence[Stretch], left: int) -> list[Stretch]:
    """The last stretches again, in other layers or with other micro-batches."""
    readers = {
        "repeat": lambda length: whole(length, 1, max(1, len(stretches))),
        "times": lambda times: whole(times, 1),
        "layer": lambda step: whole(step, -LARGEST_LAYER, LARGEST_LAYER),
        "micro_batch": lambda step: whole(step, -LARGEST_MICRO_BATCH, LARGEST_MICRO_BATCH),
    }
    made = fields(keys(line, tuple(readers)), readers)
    how = Repeat(made["repeat"], made["times"], made["layer"], made["micro_batch"])
    if how.length > len(stretches):
        raise Fault("repeat", "stands before any play")
    last = stretches[-how.length :]
    if sum(len(stretch.micro_batches) for stretch in last) * how.times > left:
        raise Fault("times", f"makes more plays than the {left} that are left")
    new = [one.moved(how.layer * turn, how.micro_batch * turn) for turn in range(1, how.times + 1) for one in last]
    for stretch in new[-how.length :]:  # what moves evenly from within the limits stays there if its end does
        if not -1 <= stretch.layer <= LARGEST_LAYER:
            raise Fault("layer", f"leads to layer {stretch.layer}; expected -1 to {LARGEST_LAYER}")
        if min(stretch.micro_batches) < 0 or max(stretch.micro_batches) > LARGEST_MICRO_BATCH:
            raise Fault("micro_batch", f"leads to one beyond 0 to {LARGEST_MICRO_BATCH}")
    return new


def check_outside(source: Source, kinds: Sequence[BodyKind], order: Order, plays: Sequence[Placed]) -> None:
    """What tasks wait for in earlier bodies must be there, wherever their body is played.

    What one offset reaches from all runs are stretches that do not overlap, so this takes no longer than the order is.
    """
    fewest = min(len(kind.tasks) for kind in kinds)
    reach = [{offset: task for offset, task in _reach(kind).items() if task >= fewest} for kind in kinds]
    far = [max((-offset for kind, _ in passage for offset in reach[kind]), default=0) for passage in order.passages]
    lengths = [sum(times for _, times in passage) for passage in order.passages]
    lines = (line for stretch, line in plays for _ in stretch.micro_batches)
    checked: set[tuple[int, ...]] = set()
    start = 0
    for number, (play, line) in enumerate(zip(order.plays, lines, strict=True)):
        before = _passages_before(order, lengths, number, far[play.passage])
        if before is None or before not in checked:
            source.number = line
            _check_play(kinds, order, reach, play.passage, start)
            if before is not None:
                checked.add(before)
        start += lengths[play.passage]


def _passages_before(order: Order, lengths: Sequence[int], number: int, far: int) -> tuple[int, ...] | None:
    """A play's passage and those before it, *far* bodies back; nothing where these are many."""
    found = [order.plays[number].passage]
    while far > 0 and len(found) <= number:
        if len(found) > REMEMBERED_PLAYS:
            return None
        found.append(order.plays[number - len(found)].passage)
        far -= lengths[found[-1]]
    return tuple(found)


def _check_play(
    kinds: Sequence[BodyKind], order: Order, reach: Sequence[dict[int, int]], passage: int, start: int
) -> None:
    for kind, times in order.passages[passage]:
        for offset, task in reach[kind].items():
            for run in order.kinds_between(max(0, start + offset), max(0, start + offset + times)):
                if task >= len(kinds[run.kind].tasks):
                    raise Fault("play", _missing(kinds[kind], kinds[run.kind], task, -offset))
        start += times


def _missing(kind: BodyKind, other: BodyKind, task: int, back: int) -> str:
    return (
        f"{kind.name} waits for task {task} of the body {back} before it, but that is {other.name} "
        f"with {len(other.tasks)} tasks"
    )


def _reach(kind: BodyKind) -> dict[int, int]:
    """Per body before this one, the last task in it that some task waits for."""
    found: dict[int, int] = {}
    for task in kind.tasks:
        for offset, before in task.after:
            if offset:
                found[offset] = max(before, found.get(offset, 0))
    return found
