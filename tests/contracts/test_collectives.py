"""What every collective of the table promises: it computes what its name says, whatever the order of events.

Data is followed symbolically. A tensor is a number of units; a member holds for each unit how often each member's
contribution is in it. Members start, and messages arrive, in an order drawn at random, except that messages between
the same two members keep their order. Which piece a message holds is what `carries` says.
"""

from collections import Counter, deque
from random import Random

import numpy as np
import pytest

from hecasim.analytic.census import add_sums
from hecasim.collectives import COLLECTIVES, UNEQUAL, Pattern, bytes_sent, bytes_sent_per_member, transfers
from hecasim.errors import ConfigError
from hecasim.topologies import make

CHUNKS = 3
GROUPS = {  # on a grid of 4 x 6 tiles
    "pair": (7, 1),
    "row": (6, 7, 8, 9, 10, 11),
    "part of a row, listed backwards": (11, 10, 9, 8, 7),
    "column": (2, 8, 14, 20),
    "every second column": (12, 14, 16),
    "rectangle": (7, 8, 9, 13, 14, 15),
    "odd rectangle": (0, 1, 2, 6, 7, 8, 12, 13, 14),
    "strided rectangle": (0, 3, 12, 15),
    "all": tuple(range(24)),
}
OPTIONS = {
    "default": {"chunks": CHUNKS},
    "bidirectional": {"chunks": CHUNKS, "ring": "bidirectional"},
    "two colours": {"chunks": CHUNKS, "colours": "two"},
    "one chunk": {"chunks": 1},
}
SIZES = (1, 1000, 72 * 24 * 24)

ALIKE = [name for name in COLLECTIVES if name not in UNEQUAL]
"""Collectives of equal members on any grid; the others have promises of their own (tests/collectives)."""

cases = pytest.mark.parametrize(
    ("name", "group", "option", "kind"),
    [
        (name, group, option, kind)
        for name in ALIKE
        for group in GROUPS
        for option in OPTIONS
        for kind in ("mesh", "torus")
        if not name.endswith(".send") or group == "pair"
    ],
)


def stages_of(name, group, option, kind, size_bytes):
    return COLLECTIVES[name](make(kind, 4, 6), GROUPS[group], size_bytes, OPTIONS[option])


def all_patterns(*case):
    return [pattern for size in SIZES for stage in stages_of(*case, size) for pattern in stage]


# The symbolic tensor ---------------------------------------------------------------------------------------------


class Holding:
    """What one member has of one part of the data: which units are in use, and who contributed to each."""

    def __init__(self, live, counts):
        self.live = live
        self.counts = counts


def begin(collective, members, units):
    """What each tile holds before the collective: everything, its own shard, or all of it at the first member only."""
    holdings = {}
    for index, tile in enumerate(members):
        counts = np.zeros((units, len(members)), dtype=int)
        if collective in {"reduce_scatter", "all_reduce", "reduce"}:
            live = np.arange(units)
        elif collective == "all_gather":
            live = np.arange(units).reshape(len(members), -1)[index]
        else:  # broadcast, send
            live = np.arange(units if index == 0 else 0)
        counts[live, index] = 1
        holdings[tile] = Holding(live, counts)
    return holdings


def pieces_of(pattern: Pattern, held):
    """Piece number -> units, and position -> pieces it never sends."""
    messages = transfers(pattern)
    position = {tile: index for index, tile in enumerate(pattern.members)}
    sent = [(position[m.source_tile], pattern.carries(position[m.source_tile], m.step), m.step) for m in messages]
    count = max(piece for _, piece, _ in sent) + 1
    first = {}
    for source, piece, _ in sent:
        first.setdefault(piece, source)
    if any(pattern.reduces(step) for _, _, step in sent):
        live = held[0].live  # all members hold partial sums of the same units
        assert all(np.array_equal(live, other.live) for other in held)
        units = dict(enumerate(np.split(live, count)))
    else:
        units = {}
        for origin in set(first.values()):
            own = sorted(piece for piece in range(count) if first[piece] == origin)
            units |= dict(zip(own, np.split(held[origin].live, len(own)), strict=True))
    unsent = {p: set(range(count)) - {piece for source, piece, _ in sent if source == p} for p in range(len(held))}
    return units, unsent


def run_pattern(pattern: Pattern, held, random):
    """Run the messages of *pattern* in a random order and leave the members' new Holdings in *held*."""
    units, unsent = pieces_of(pattern, held)
    channels: dict[tuple[int, int], deque] = {}
    started, got, said = set(), Counter(), Counter()

    def put(source, sends):
        for send in sends:
            said[source] += 1
            piece = units[pattern.carries(source, send.step)]
            channels.setdefault((source, send.target), deque()).append((send, piece, held[source].counts[piece].copy()))

    while True:
        ready = [("start", p) for p in range(len(held)) if p not in started]
        ready += [("message", key) for key, queue in channels.items() if queue and key[1] in started]
        if not ready:
            break
        what, which = random.choice(ready)
        if what == "start":
            started.add(which)
            put(which, pattern.opening(which))
            continue
        source, target = which
        send, piece, counts = channels[which].popleft()
        got[target] += 1
        if pattern.reduces(send.step):
            held[target].counts[piece] += counts
        else:
            held[target].counts[piece] = counts
        put(target, pattern.answer(target, send.step, source))

    for p, holding in enumerate(held):
        assert got[p] == pattern.expected(p)
        assert said[p] == pattern.sent(p)
        settle(pattern, holding, [units[piece] for piece in sorted(unsent[p])])


def settle(pattern, holding, kept):
    """What a member holds for good afterwards."""
    reducing = {pattern.reduces(step) for step in range(pattern.steps)}
    if reducing == {True}:  # reduce-scatter: only the sums that did not go on are complete
        holding.live = np.sort(np.concatenate([np.zeros(0, dtype=int), *kept]))
    elif reducing == {False}:  # gather: everything that is known
        holding.live = np.flatnonzero(holding.counts.any(axis=1))


def run_stages(stages, collective, members, random):
    """The Holdings of all members after all stages, part of the data by part."""
    parts = max(sum(tile in pattern.members for pattern in stage) for stage in stages for tile in members)
    holdings = [begin(collective, members, len(members) * CHUNKS) for _ in range(parts)]
    for stage in stages:
        turn = Counter()
        for pattern in stage:
            part = turn[pattern.members[0]]
            assert all(turn[tile] == part for tile in pattern.members)
            turn.update(pattern.members)
            run_pattern(pattern, [holdings[part][tile] for tile in pattern.members], random)
    return holdings


# What must come out ----------------------------------------------------------------------------------------------


def check_all_reduce(held, members):
    for tile in members:
        assert len(held[tile].live) == len(held[tile].counts)
        assert (held[tile].counts == 1).all()


def check_reduce_scatter(held, members):
    for tile in members:
        assert len(held[tile].live) * len(members) == len(held[tile].counts)
        assert (held[tile].counts[held[tile].live] == 1).all()
    assert len({unit for tile in members for unit in held[tile].live}) == len(held[members[0]].counts)


def check_all_gather(held, members):
    owner = np.eye(len(members), dtype=int).repeat(CHUNKS, axis=0)
    for tile in members:
        assert (held[tile].counts == owner).all()


def check_broadcast(held, members):
    for tile in members:
        assert (held[tile].counts == held[members[0]].counts).all()
        assert (held[tile].counts[:, 0] == 1).all()


def check_reduce(held, members):
    assert (held[members[0]].counts == 1).all()
    assert len(held[members[0]].live) == len(held[members[0]].counts)


CHECKS = {
    "all_reduce": check_all_reduce,
    "reduce_scatter": check_reduce_scatter,
    "all_gather": check_all_gather,
    "broadcast": check_broadcast,
    "send": check_broadcast,
    "reduce": check_reduce,
}


@cases
def test_a_schedule_computes_its_collective_in_whatever_order_things_happen(name, group, option, kind):
    collective, members = name.split(".")[1], GROUPS[group]
    stages = stages_of(name, group, option, kind, len(members) * CHUNKS)
    if collective == "all_to_all":
        blocks = Counter()
        for pattern in stages[0]:
            place = {tile: position for position, tile in enumerate(pattern.members)}
            for m in transfers(pattern):
                block = pattern.members[pattern.carries(place[m.source_tile], m.step)]
                assert block == m.target_tile
                blocks[m.source_tile, block] += 1
        assert blocks == Counter((a, b) for a in members for b in members if a != b)
        return
    for seed in range(3):
        for held in run_stages(stages, collective, members, Random(seed)):
            CHECKS[collective](held, members)


@cases
def test_every_message_is_real_and_named_once(name, group, option, kind):
    for pattern in all_patterns(name, group, option, kind):
        messages = transfers(pattern)
        assert len({(m.source_tile, m.target_tile, m.step) for m in messages}) == len(messages)
        for index, message in enumerate(messages):
            assert message.source_tile != message.target_tile
            assert message.size_bytes > 0
            assert 0 <= message.step < pattern.steps
            assert all(before < index for before in message.after)
            assert all(messages[before].target_tile == message.source_tile for before in message.after)


@cases
def test_counts_and_flows_agree_with_the_expansion(name, group, option, kind):
    for pattern in all_patterns(name, group, option, kind):
        messages, flows = transfers(pattern), Counter()
        for message in messages:
            flows[message.source_tile, message.target_tile] += message.size_bytes
        assert pattern.flows() == flows
        for position, tile in enumerate(pattern.members):
            assert pattern.sent(position) == sum(m.source_tile == tile for m in messages)
            assert pattern.expected(position) == sum(m.target_tile == tile for m in messages)


@cases
def test_the_busiest_member_sends_what_the_closed_form_says(name, group, option, kind):
    members, rows = GROUPS[group], len({tile // 6 for tile in GROUPS[group]})
    for size in SIZES:
        stages = stages_of(name, group, option, kind, size)
        closed = bytes_sent_per_member(name, len(members), size, OPTIONS[option], rows=rows)
        assert max(bytes_sent(stages).values()) == closed


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("name", COLLECTIVES)
def test_one_member_has_nothing_to_do(name, option):
    assert COLLECTIVES[name](make("mesh", 4, 6), [9], 1000, OPTIONS[option]) == ()
    if name in ALIKE:
        assert bytes_sent_per_member(name, 1, 1000, OPTIONS[option], rows=1) == 0


@pytest.mark.parametrize("name", COLLECTIVES)
def test_an_exchange_that_makes_no_sense_is_refused(name):
    for members, size in [([], 8), ([1, 1], 8), ([1, 2], 0)]:
        with pytest.raises(ConfigError, match=name):
            COLLECTIVES[name](make("mesh", 4, 6), members, size, {})


def test_an_unknown_collective_is_answered_with_the_nearest_name():
    with pytest.raises(ConfigError, match=r"did you mean 'ring\.all_gather'"):
        COLLECTIVES["ring.allgather"]


@cases
def test_the_sums_of_a_collective_are_counted_without_expanding_it(name, group, option, kind):
    for size in SIZES:
        stages = stages_of(name, group, option, kind, size)
        counted: dict[tuple[int, int], int] = {}
        add_sums(stages, counted)
        expanded = Counter(
            (message.target_tile, message.size_bytes)
            for stage in stages for pattern in stage for message in transfers(pattern) if pattern.reduces(message.step)
        )  # fmt: skip
        assert counted == expanded
