"""Spoilt execution traces: each is read or refused in a sentence, never with a traceback."""

import numpy as np
import pytest

from hecasim.errors import HecasimError
from hecasim.replaying import replay_trace
from hecasim.topologies import topology_of
from hecasim.trace.chakra import read_chakra, write_chakra
from hecasim.trace.chakra.schema import schema
from hecasim.trace.chakra.stream import messages, put
from hecasim.trace.task import After
from tests.sim.parts import collective, compute, trace_of, tree

SIZES = (0, 30, 0, 10, 20, 40, 0)
PACKAGE = tree(1, 2, 2)


def written(folder):
    """Seven ranks with work, a dispatch, a send and a collective of all."""
    tasks = [
        compute(0, 0),
        collective(1, "tree.dispatch", 100, [After(0, 0)], tile_bytes=SIZES),
        collective(2, "point.send", 64, [After(0, 1)], group="pairs"),
        collective(3, "ring.all_reduce", 700, [After(0, 2)]),
    ]
    trace = trace_of(1, 7, [tasks])
    trace.groups["pairs"] = ((0, 3), (4, 6), (1,), (2,), (5,))
    write_chakra(trace, folder, None, None, topology_of(PACKAGE.topology))


def spoil_bytes(content, draw):
    changed = bytearray(content)
    for _ in range(int(draw.integers(1, 4))):
        at = int(draw.integers(0, max(1, len(changed))))
        how = int(draw.integers(0, 3))
        if how == 0 and changed:
            changed[at] = int(draw.integers(0, 256))
        elif how == 1:
            del changed[at : at + int(draw.integers(1, 40))]
        else:
            changed[at:at] = draw.bytes(int(draw.integers(1, 8)))
    return bytes(changed)


def spoil_nodes(path, draw):
    """One value of one node is another: still on the wire as the schema says."""
    found = [message for _, message in messages(path, schema())]
    node = found[int(draw.integers(1, len(found)))]
    attribute = node.attr[int(draw.integers(0, len(node.attr)))]
    number = int(draw.choice([0, 1, 2, 7, 64, 2**31 - 1]))
    how = int(draw.integers(0, 6))
    if how == 0:
        attribute.int64_val = number
    elif how == 1:
        attribute.string_val = str(draw.choice(["0", "pairs", "tree.combine", "ring.all_gather", "x"]))
    elif how == 2:
        node.id = number
    elif how == 3:
        node.type = number % 12
    elif how == 4:
        node.data_deps.append(number)
    else:
        node.attr.remove(attribute)
    with path.open("wb") as page:
        for message in found:
            put(page, message)


@pytest.mark.parametrize("quarter", range(4))
def test_two_thousand_spoilt_directories_end_in_a_sentence(tmp_path, quarter):
    written(tmp_path)
    whole = {path: path.read_bytes() for path in tmp_path.glob("*.et")}
    paths = sorted(whole)
    refused = 0
    for seed in range(500 * quarter, 500 * (quarter + 1)):
        draw = np.random.default_rng(seed)
        victim = paths[int(draw.integers(len(paths)))]
        if seed % 2:
            victim.write_bytes(spoil_bytes(whole[victim], draw))
        else:
            spoil_nodes(victim, draw)
        try:
            trace = read_chakra(tmp_path, 1, 7)
            replay_trace(trace, PACKAGE, fidelity="analytic")
        except HecasimError:
            refused += 1
        victim.write_bytes(whole[victim])
    assert 250 < refused < 500
