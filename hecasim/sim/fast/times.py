"""A tile's time, shared out as it passes: the rules of `hecasim.trace.log.TileTime`."""

from hecasim.sim.fast.jit import compiled

COMPUTING, EXCHANGING, MOVING = range(3)
BUBBLE = 3


@compiled
def pass_to(w, tile, now):
    """Share out the time since the last change."""
    elapsed = now - w.tiles[tile].last
    if not elapsed:
        return
    w.tiles[tile].last = now
    phase = w.tiles[tile].phase
    computing, exchanging, moving = w.tiles[tile].computing, w.tiles[tile].exchanging, w.tiles[tile].moving
    owner = BUBBLE
    if moving:
        w.hidden[tile, phase, MOVING] += elapsed
        owner = MOVING
    if exchanging:
        w.hidden[tile, phase, EXCHANGING] += elapsed
        owner = EXCHANGING
    if computing:
        w.hidden[tile, phase, COMPUTING] += elapsed
        owner = COMPUTING
    w.spent[tile, phase, owner] += elapsed


@compiled
def open_phase(w, tile, phase):
    """On-package work of a phase begins here, though it may wait for other tiles first."""
    now = w.clock[0].now
    pass_to(w, tile, now)
    w.tiles[tile].since = now
    w.tiles[tile].phase = phase


@compiled
def begin_activity(w, tile, activity, phase):
    """A task starts; loads and stores do not open a phase."""
    now = w.clock[0].now
    pass_to(w, tile, now)
    w.tiles[tile].since = now
    if activity == COMPUTING:
        w.tiles[tile].computing += 1
    elif activity == EXCHANGING:
        w.tiles[tile].exchanging += 1
    else:
        w.tiles[tile].moving += 1
    if activity != MOVING:
        w.tiles[tile].phase = phase


@compiled
def end_activity(w, tile, activity):
    """A task ends."""
    now = w.clock[0].now
    pass_to(w, tile, now)
    w.tiles[tile].since = now
    if activity == COMPUTING:
        w.tiles[tile].computing -= 1
    elif activity == EXCHANGING:
        w.tiles[tile].exchanging -= 1
    else:
        w.tiles[tile].moving -= 1
