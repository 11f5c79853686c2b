"""Dispatch and combine on a tree: every byte arrives once, whatever the order of events; nobody waits in vain."""

from collections import Counter, deque
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hecasim.collectives import COLLECTIVES, bytes_sent, transfers
from hecasim.errors import ConfigError
from hecasim.topologies import make

TREE = make("tree", 1, 2, 3)  # 0 | 1 2 | 3 4 5 | 6 7 8
MEMBERS = tuple(range(9))
NAMES = ("tree.dispatch", "tree.combine")
REPLICATED = (0, 50, 90, 50, 20, 0, 90, 90, 1)
DIRECT = (0, 0, 0, 50, 20, 0, 90, 90, 1)

sizes = st.one_of(st.just(0), st.integers(0, 12), st.integers(0, 10**6))
amounts = st.tuples(st.just(0), *[sizes] * 8)
names = st.sampled_from(NAMES)


def pattern_of(name, tile_bytes, chunks=8, tree=TREE, members=MEMBERS):
    stages = COLLECTIVES[name](tree, members, 1, {"tile_bytes": tuple(tile_bytes), "chunks": chunks})
    return stages[0][0] if stages else None


def links_wanted(tile_bytes, down):
    """(source, target) -> bytes as the entries say; a switch without an entry passes nothing on by itself."""
    wanted = {}
    for switch in (1, 2):
        hub = switch if tile_bytes[switch] else 0
        pairs = [(hub, chiplet, tile_bytes[chiplet]) for chiplet in TREE.chiplets_of(switch - 1)]
        for above, below, size in [(0, switch, tile_bytes[switch]), *pairs]:
            if size:
                wanted[(above, below) if down else (below, above)] = size
    return wanted


@pytest.mark.parametrize("name", NAMES)
@example(amounts=(0,) * 9, chunks=1)
@example(amounts=(0, 5, 0, 0, 0, 0, 0, 0, 0), chunks=3)
@example(amounts=(0, 0, 0, 0, 0, 0, 0, 0, 10**6), chunks=3)
@example(amounts=(0, 10, 1, 1, 2, 10, 1, 0, 0), chunks=4)
@given(amounts=amounts, chunks=st.integers(1, 9))
def test_what_is_dispatched_is_received_and_what_is_combined_too(name, amounts, chunks):
    pattern = pattern_of(name, amounts, chunks)
    if pattern is None:
        assert not any(amounts)
        return
    messages, carried = transfers(pattern), Counter()
    for message in messages:
        assert message.size_bytes > 0
        assert 0 <= message.step < pattern.steps
        carried[message.source_tile, message.target_tile] += message.size_bytes
    assert carried == pattern.flows() == links_wanted(amounts, down=name == "tree.dispatch")
    assert len({(m.source_tile, m.target_tile, m.step) for m in messages}) == len(messages)
    for position, tile in enumerate(pattern.members):
        assert pattern.sent(position) == sum(m.source_tile == tile for m in messages)
        assert pattern.expected(position) == sum(m.target_tile == tile for m in messages)


@given(amounts, st.integers(1, 9), st.integers(0, 10**6))
def test_combine_is_dispatch_turned_round(amounts, chunks, seed):
    down, up = (pattern_of(name, amounts, chunks) for name in NAMES)
    if down is not None:
        assert {(b, a): size for (a, b), size in down.flows().items()} == up.flows()
        assert sum(bytes_sent([(down,)]).values()) == sum(bytes_sent([(up,)]).values())


def play(pattern, random):
    """Run the messages in a random order, in order between two members; yields (source, send) as each arrives."""
    channels: dict[tuple[int, int], deque] = {}
    started, got, expected = set(), Counter(), {p: pattern.expected(p) for p in range(len(pattern.members))}
    together = Counter()

    def put(source, sends):
        for send in sends:
            channels.setdefault((source, send.target), deque()).append(send)

    while True:
        ready = [("start", p) for p in expected if p not in started]
        ready += [("message", key) for key, queue in channels.items() if queue and key[1] in started]
        if not ready:
            break
        what, which = random.choice(ready)
        if what == "start":
            started.add(which)
            put(which, pattern.opening(which))
            continue
        source, target = which
        send = channels[which].popleft()
        got[target] += 1
        yield source, send
        name, count = pattern.awaits(target, send.step)
        together[target, name] += 1
        if not pattern.joins or together[target, name] == count:
            put(target, pattern.answer(target, send.step, source))
    assert dict(got) == {p: count for p, count in expected.items() if count}


@given(amounts, st.integers(1, 9), st.integers(0, 10**6))
def test_a_switch_sends_a_chunk_once_it_has_come_and_been_added(amounts, chunks, seed):
    """Whatever the order: a switch's chunk goes up after that chunk of all its chiplets, and down after the root's."""
    for name in NAMES:
        pattern = pattern_of(name, amounts, chunks)
        if pattern is None:
            continue
        awaited = Counter((m.target_tile, m.step // pattern.links) for m in transfers(pattern))
        come = Counter()
        for source, send in play(pattern, Random(seed)):
            chunk = send.step // pattern.links
            if source in (1, 2):
                assert come[source, chunk] == awaited[source, chunk]
            come[send.target, chunk] += 1


@given(amounts)
def test_a_chunk_on_its_way_down_is_the_same_share_of_every_part(amounts):
    """Of parts of 0 to s bytes, f of 8 chunks are within a byte of f/8: a switch need not wait for more."""
    pattern = pattern_of("tree.dispatch", amounts)
    sums = Counter()
    for message in sorted(transfers(pattern) if pattern else (), key=lambda m: m.step):
        pair = (message.source_tile, message.target_tile)
        chunk = message.step // pattern.links
        sums[pair] += message.size_bytes
        branch = next(one for one in pattern.branches if message.target_tile in (
            pattern.members[one.switch], *(pattern.members[place] for place, _ in one.leaves)))  # fmt: skip
        assert 0 <= amounts[message.target_tile] * (chunk + 1) / branch.chunks - sums[pair] < 1


@pytest.mark.parametrize("name", NAMES)
def test_switches_without_entries_are_passed_through(name):
    pattern = pattern_of(name, DIRECT)
    assert {tile for pair in pattern.flows() for tile in pair} == {0, 3, 4, 6, 7, 8}
    assert not any(pattern.reduces(message.step) for message in transfers(pattern))


def test_only_what_a_switch_adds_reduces():
    for name, wanted in (("tree.dispatch", set()), ("tree.combine", {(3, 1), (4, 1), (6, 2), (7, 2), (8, 2)})):
        pattern = pattern_of(name, REPLICATED)
        reducing = {(m.source_tile, m.target_tile) for m in transfers(pattern) if pattern.reduces(m.step)}
        assert reducing == wanted


def test_chunks_are_no_more_than_bytes():
    assert len(transfers(pattern_of("tree.dispatch", (0, 0, 0, 3, 0, 0, 0, 0, 0)))) == 3
    assert len(transfers(pattern_of("tree.dispatch", (0, 2, 0, 2, 1, 0, 0, 0, 0), chunks=8))) == 2 + 2 + 1


def test_one_number_stands_for_all_tiles():
    assert pattern_of("tree.combine", (7,)).flows() == pattern_of("tree.combine", (7,) * 9).flows()


def test_each_attention_chiplet_has_an_exchange_of_its_own():
    two = make("tree", 2, 2, 1)  # 0 1 | 2 3 | 4 5
    for root in (0, 1):
        pattern = pattern_of("tree.dispatch", (9, 9, 5, 6, 5, 6), 1, two, (root, 2, 3, 4, 5))
        assert pattern.flows() == {(root, 2): 5, (root, 3): 6, (2, 4): 5, (3, 5): 6}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("grid", "members", "options", "said"),
    [
        (make("mesh", 3, 3), MEMBERS, {"tile_bytes": DIRECT}, "found a grid; expected a package whose topology is a"),
        (TREE, MEMBERS, {}, "found no tile_bytes"),
        (TREE, MEMBERS, {"tile_bytes": (1, 2, 3)}, r"expected one number per tile \(9\)"),
        (TREE, (1, 3), {"tile_bytes": DIRECT}, "expected one attention chiplet, switches, chiplets"),
        (TREE, (0, 3, 1), {"tile_bytes": DIRECT}, "expected one attention chiplet, switches, chiplets"),
        (TREE, (0, 1, 3, 6), {"tile_bytes": DIRECT}, "found chiplet 6 without its switch 2 among the members"),
        (TREE, MEMBERS, {"tile_bytes": DIRECT, "chunks": 0}, "options.chunks: found '0'"),
    ],
)
def test_what_makes_no_sense_is_refused(name, grid, members, options, said):
    with pytest.raises(ConfigError, match=said):
        COLLECTIVES[name](grid, members, 1, options)
