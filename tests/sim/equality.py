"""Two Logs of one trace, number by number."""

from hecasim.results.breakdown import critical_path


def assert_same(plain, fast):
    """Everything that the engines must agree on."""
    assert fast.step_ps == plain.step_ps
    assert fast.tasks == plain.tasks
    assert fast.happenings == plain.happenings
    assert fast.lanes == plain.lanes
    assert fast.layers == plain.layers
    assert fast.core_wait_ps == plain.core_wait_ps
    assert fast.sram_wait_ps == plain.sram_wait_ps
    assert (fast.sram_peaks, fast.sram_peak_bytes) == (plain.sram_peaks, plain.sram_peak_bytes)
    for one, other in zip(plain.tiles, fast.tiles, strict=True):
        assert (one.spent, one.hidden) == (other.spent, other.hidden)
    assert critical_path(fast) == critical_path(plain)
