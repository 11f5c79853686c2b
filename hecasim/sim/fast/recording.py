"""The record of a stretch: its picoseconds, what happened in each, and when lanes that were asked for were to be free.

Nothing else in the engine compares picoseconds: of two events it only matters which comes first, and of a lane whether
it is free when it is asked for. So two stretches with equal records but for the times went the same way.
"""

from hecasim.sim.fast.fingerprint import FIRST, event_sum
from hecasim.sim.fast.jit import compiled
from hecasim.sim.fast.tables import ZERO


@compiled
def note_event(w, entry):
    """Something happens while it is recorded."""
    run = w.run[0]
    run.digest += event_sum(w, ZERO, entry, ZERO, run.recorded_from, FIRST, ZERO)


@compiled
def note_instant(w):
    """A picosecond is over."""
    run = w.run[0]
    if run.moments == w.moments_length:
        run.recording = 0
        return
    w.moments[run.moments, 0] = w.clock[0].now
    w.moments[run.moments, 1] = run.digest
    w.moments[run.moments, 2] = run.gaps
    run.moments += 1
    run.digest = 0
