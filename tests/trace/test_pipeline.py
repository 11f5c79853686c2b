"""The maker of the pipeline sample: its schedule is 1F1B, its bubble that of the closed form, its file the sample."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hecasim.replaying import replay_trace
from hecasim.trace.file import lines, read, write
from tests.sim.parts import oracle
from traces.pipeline import BACKWARD, FORWARD, SAMPLE, Job, in_one_line, one_forward_one_backward, pipeline, sources_of

JOBS = st.builds(Job, stages=st.integers(1, 6), micro_batches=st.integers(1, 9))


@given(JOBS)
def test_every_stage_plays_every_pass_once_and_keeps_few_micro_batches(job):
    for stage in range(job.stages):
        order = one_forward_one_backward(job, stage)
        assert sorted(order) == sorted(
            (stage, way, number) for way in (FORWARD, BACKWARD) for number in range(job.micro_batches)
        )
        kept = most = 0
        for one in order:
            kept += 1 if one.way == FORWARD else -1
            most = max(most, kept)
        assert (kept, most) == (0, min(job.stages - stage, job.micro_batches))


@given(JOBS)
def test_in_one_line_every_pass_follows_what_it_needs_and_stages_keep_their_order(job):
    order = in_one_line(job)
    place = {one: number for number, one in enumerate(order)}
    assert len(place) == len(order) == 2 * job.stages * job.micro_batches
    assert all(place[source] < place[one] for one in order for source in sources_of(job, one))
    for stage in range(job.stages):
        assert [one for one in order if one.stage == stage] == one_forward_one_backward(job, stage)


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 4), st.integers(1, 6), st.sampled_from(["fast", "plain"]))
def test_the_step_is_that_of_the_closed_form_where_messages_cost_next_to_nothing(stages, micro_batches, engine):
    """(m + p - 1) (forward + backward), and at most two messages for each pass in a row of them."""
    job = Job(1, stages, stages, 1, micro_batches, tokens=64, hidden=64, inner=128)
    package = oracle(1, stages, **{"link.latency": "1 ps", "link.bandwidth": "1000 TB/s"})
    result = replay_trace(pipeline(job, package.name), package, engine=engine)
    flops = 2 * (64 * 64 * 64 * 4 + 2 * 64 * 64 * 64 + 3 * 64 * 128 * 64)
    rate = package.chiplet.core.peak_flop_per_s
    forward_ps = -(-2 * (6 * 64**3) * 10**12 // rate) + -(-2 * 3 * 64 * 128 * 64 * 10**12 // rate)
    assert flops * 10**12 // rate <= forward_ps <= flops * 10**12 // rate + 2
    ideal = (micro_batches + stages - 1) * 3 * forward_ps
    message_ps = 1 + -(-job.boundary_bytes * 10**12 // 10**15)
    slack = (micro_batches + stages) * (2 * message_ps + 4)
    assert ideal - slack <= result["step_time_ps"] <= ideal + slack
    assert result["flops"]["executed"] == 3 * flops * stages * micro_batches


def test_the_sample_is_what_the_generator_writes(tmp_path):
    trace = pipeline(Job(), "hecaton_4x4_standard")
    write(trace, tmp_path / "step.jsonl")
    assert (tmp_path / "step.jsonl").read_bytes() == SAMPLE.read_bytes()
    assert read(SAMPLE) == trace


def test_messages_are_sends_in_the_file_and_collectives_of_pairs_in_memory():
    trace = pipeline(Job(stages=4, micro_batches=2), "hecaton_4x4_standard")
    sends = [task for kind in trace.kinds for task in kind.tasks if task.algorithm == "point.send"]
    assert sends
    written = [line for line in lines(trace) if '"kind":"send"' in line]
    assert len(written) == len(sends)
    assert not any("point.send" in line for line in lines(trace))


def test_more_stages_have_more_bubble():
    """On one package: of two and of four stages, the one with more waits longer for others."""
    package = oracle(4, 4)
    bubbles = []
    for stages in (1, 2, 4):
        job = Job(stages=stages, layers_per_stage=4 // stages)
        bubbles.append(replay_trace(pipeline(job, package.name), package)["breakdown"]["bubble_s"])
    assert bubbles == sorted(bubbles)
    assert bubbles[0] == pytest.approx(0, abs=1e-9)
