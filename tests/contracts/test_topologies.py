"""What every topology of the table promises, whatever it is wired like."""

from collections import Counter, deque
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hecasim.errors import ConfigError
from hecasim.topologies import TOPOLOGIES, Topology, make

GRIDS = ("mesh", "torus")
SHAPES = [(1, 1), (1, 2), (2, 1), (1, 5), (6, 1), (2, 2), (2, 3), (3, 3), (4, 4), (3, 6), (5, 4)]
TREES = [(1, 1, 1), (1, 4, 4), (2, 1, 3), (2, 3, 2), (4, 4, 1), (4, 3, 2), (2, 5, 3)]
CASES = [(kind, shape) for kind in TOPOLOGIES for shape in (SHAPES if kind in GRIDS else TREES)]
every_case = pytest.mark.parametrize(("kind", "shape"), CASES)

kinds = st.sampled_from(GRIDS)
sides = st.integers(1, 7)
trees = st.tuples(st.sampled_from((1, 2, 4)), st.integers(1, 5), st.integers(1, 4))


@st.composite
def topologies(draw):
    kind = draw(st.sampled_from(sorted(TOPOLOGIES)))
    return make(kind, *draw(st.tuples(sides, sides) if kind in GRIDS else trees))


@st.composite
def groups(draw):
    """A topology and some of its tiles, in any order."""
    topology = draw(topologies())
    return topology, draw(st.lists(st.integers(0, topology.size - 1), min_size=1, unique=True))


def distances(topology: Topology, source: int) -> dict[int, int]:
    """Links to every tile, found by breadth-first search."""
    found, queue = {source: 0}, deque([source])
    while queue:
        here = queue.popleft()
        for a, b in topology.links:
            if a == here and b not in found:
                found[b] = found[here] + 1
                queue.append(b)
    return found


def test_an_unknown_topology_is_answered_with_the_nearest_name():
    with pytest.raises(ConfigError, match="did you mean 'mesh'"):
        make("mesch", 2, 2)


def test_every_topology_stands_in_the_cases():
    assert {kind for kind, _ in CASES} == set(TOPOLOGIES)


@every_case
def test_a_topology_without_tiles_is_refused(kind, shape):
    with pytest.raises(ConfigError, match="at least 1"):
        make(kind, *shape[:-1], 0)


@every_case
def test_every_tile_has_a_role_and_a_name_of_its_own(kind, shape):
    topology = make(kind, *shape)
    assert topology.size == topology.rows * topology.columns == len(topology.roles)
    assert len({topology.name_of(tile) for tile in range(topology.size)}) == topology.size


@every_case
def test_links_come_in_both_directions_once_and_in_order(kind, shape):
    topology = make(kind, *shape)
    assert list(topology.links) == sorted(set(topology.links))
    assert {(b, a) for a, b in topology.links} == set(topology.links)
    assert all(a != b for a, b in topology.links)
    assert [topology.link_number[link] for link in topology.links] == list(range(len(topology.links)))


@every_case
def test_a_route_is_a_shortest_chain_of_real_links_from_source_to_target(kind, shape):
    topology = make(kind, *shape)
    for source in range(topology.size):
        shortest = distances(topology, source)
        for target in range(topology.size):
            chain = [topology.links[number] for number in topology.route(source, target)]
            assert len(chain) == shortest[target]
            assert [source, *(b for _, b in chain)] == [*(a for a, _ in chain), target]


@given(groups())
def test_a_multicast_reaches_exactly_its_targets_over_each_link_once(case):
    topology, (source, *targets) = case
    tree = topology.multicast(source, targets)
    numbers = [number for leaving in tree.values() for number in leaving]
    assert len(numbers) == len(set(numbers))
    assert all(topology.links[number][0] == tile for tile, leaving in tree.items() for number in leaving)
    arrivals = Counter(topology.links[number][1] for number in numbers)
    assert set(arrivals.values()) <= {1}
    assert source not in arrivals
    reached, queue = {source}, deque([source])
    while queue:
        for number in tree.get(queue.popleft(), ()):
            reached.add(topology.links[number][1])
            queue.append(topology.links[number][1])
    assert reached == {source, *arrivals}  # nothing hangs in the air
    assert set(targets) <= reached
    leaves = reached - set(tree)
    assert leaves <= {source, *targets}  # every branch leads to a target


@given(groups())
def test_the_way_to_each_multicast_target_is_its_route(case):
    topology, (source, *targets) = case
    wanted = {number for target in targets for number in topology.route(source, target)}
    assert {number for leaving in topology.multicast(source, targets).values() for number in leaving} == wanted


@given(groups())
def test_orders_visit_each_member_once_and_do_not_depend_on_how_members_are_listed(case):
    topology, members = case
    for order in (topology.ring_order, topology.line_order):
        assert sorted(order(members)) == sorted(members)
        assert order(members) == order(sorted(members)) == order(members[::-1])
        assert order(members)[0] == min(members)


@pytest.mark.parametrize("kind", GRIDS)
@pytest.mark.parametrize("across", [True, False])
@pytest.mark.parametrize("n", range(2, 17))
def test_no_link_carries_two_steps_of_the_ring_of_a_whole_line(kind, across, n):
    topology = make(kind, 3, n) if across else make(kind, n, 3)
    line = [n + i for i in range(n)] if across else [3 * i + 1 for i in range(n)]
    ring = topology.ring_order(line)
    used = Counter(number for a, b in pairwise([*ring, ring[0]]) for number in topology.route(a, b))
    assert set(used.values()) == {1}


@settings(max_examples=200)
@given(kinds, st.sets(st.integers(0, 8), min_size=2), st.sets(st.integers(0, 8), min_size=2))
def test_the_ring_of_an_even_rectangle_is_a_hamiltonian_cycle(kind, rows, columns):
    if len(rows) * len(columns) % 2:
        return
    topology = make(kind, 9, 9)
    ring = topology.ring_order([9 * row + column for row in rows for column in columns])
    places = [(sorted(rows).index(tile // 9), sorted(columns).index(tile % 9)) for tile in ring]
    assert len(set(places)) == len(rows) * len(columns)
    assert all(abs(r - s) + abs(c - d) == 1 for (r, c), (s, d) in pairwise([*places, places[0]]))
