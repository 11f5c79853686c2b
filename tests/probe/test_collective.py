"""A collective alone: closed forms, equal answers of both engines, and what is said where words do not suit."""

import pytest

from hecasim.errors import ConfigError
from hecasim.probe import probe_collective
from hecasim.specs import load_plan
from tests.sim.parts import NS, oracle

RATE = 32  # bytes per nanosecond
HOP = 10 * NS


def probed(collective, algorithm, size, package=None, members=None, **plan):
    return probe_collective(package or oracle(4, 4), collective, algorithm, size, load_plan({}, plan), members)


@pytest.mark.parametrize("members", [2, 4, 16])
def test_a_ring_takes_its_steps_times_hop_and_chunk(members):
    size = members * 6400
    answer = probed("all_reduce", "ring", size, members=members)
    steps = 2 * (members - 1)
    assert answer["time_ps"] == steps * (HOP + 6400 * NS // RATE)
    assert answer["bytes_sent_per_member"] == steps * 6400
    assert answer["transfers"] == steps * members
    assert answer["members"] == members
    assert answer["wall_s"] > 0


def test_a_bypass_ring_lies_in_one_line_and_uses_each_of_its_links_once_a_step():
    answer = probed("all_gather", "bypass_ring", 4 * 6400)
    assert answer["members"] == 4
    assert answer["transfers"] == 3 * 2 * (4 - 1)


@pytest.mark.parametrize(("collective", "algorithm"), [
    ("all_reduce", "ring"), ("all_reduce", "torus_2d"), ("reduce_scatter", "bypass_ring"), ("all_to_all", "direct"),
    ("broadcast", "chain"), ("all_gather", "rounds"),
])  # fmt: skip
def test_both_engines_answer_alike(collective, algorithm):
    answers = [probed(collective, algorithm, 100_000, engine=name, segment_bytes="2 KiB") for name in ("plain", "fast")]
    for answer in answers:
        del answer["wall_s"], answer["engine"]
    assert answers[0] == answers[1]


def test_one_member_has_nothing_to_do():
    answer = probed("all_reduce", "ring", 1000, members=1)
    assert (answer["time_ps"], answer["bytes_sent_per_member"], answer["transfers"]) == (0, 0, 0)


@pytest.mark.parametrize(("words", "said"), [
    (("all_reduce", "rung", 1), "did you mean 'ring'"),
    (("all_redoce", "ring", 1), "did you mean 'all_reduce'"),
    (("broadcast", "ring", 1), "broadcast goes by chain"),
    (("all_reduce", "tree", 1), "not built yet"),
    (("all_reduce", "direct", 1), "all_reduce goes by ring, torus_2d, bypass_ring"),
])  # fmt: skip
def test_what_does_not_suit_is_refused(words, said):
    with pytest.raises(ConfigError, match=said):
        probed(*words)


@pytest.mark.parametrize(("algorithm", "members"), [("ring", 17), ("ring", 7), ("bypass_ring", 5)])
def test_members_must_form_the_shape(algorithm, members):
    with pytest.raises(ConfigError, match=f"--members {members}"):
        probed("all_reduce", algorithm, 1000, members=members)
