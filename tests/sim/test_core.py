"""A core runs one task at a time, in trace order of those that are ready."""

from hypothesis import given
from hypothesis import strategies as st

from hecasim.sim.core import Core
from tests.sim.parts import fresh


class Job:
    def __init__(self, name):
        self.name, self.began = name, None

    def begin(self, now):
        self.began = now


def played(requests):
    """(start, name) of every task; requests are (time, body, task, duration)."""
    clock, ended = fresh(), []
    core = Core(clock, lambda job: ended.append((clock.now, job.name)))
    jobs = []
    for at, body, task, duration in requests:
        job = Job((body, task))
        jobs.append(job)
        clock.at(at, lambda ask: core.request(*ask), (body, task, duration, job))
    clock.run()
    return core, sorted((job.began, job.name) for job in jobs), ended


@given(st.permutations([(0, 1), (1, 0), (0, 0), (2, 5)]))
def test_of_the_ready_tasks_the_first_in_trace_order_runs(order):
    _, starts, _ = played([(3, body, task, 10) for body, task in order])
    assert starts == [(3, (0, 0)), (13, (0, 1)), (23, (1, 0)), (33, (2, 5))]


def test_a_running_task_is_not_interrupted():
    _, starts, ended = played([(0, 1, 0, 100), (50, 0, 0, 10)])
    assert starts == [(0, (1, 0)), (100, (0, 0))]
    assert ended == [(100, (1, 0)), (110, (0, 0))]


def test_a_task_that_is_ready_when_another_ends_starts_at_that_moment():
    _, starts, _ = played([(0, 0, 0, 40), (40, 0, 1, 5)])
    assert starts == [(0, (0, 0)), (40, (0, 1))]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 3), st.integers(0, 5), st.integers(1, 30)), max_size=8,
                unique_by=lambda request: request[1:3]))  # fmt: skip
def test_a_core_wastes_no_time_and_counts_it_all(requests):
    core, _, ended = played(requests)
    free = 0
    for at, *_, duration in sorted(requests):
        free = max(free, at) + duration
    assert max((time for time, _ in ended), default=0) == free
    assert core.busy_ps == sum(duration for *_, duration in requests)
    assert len(ended) == len(requests)
