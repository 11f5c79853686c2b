"""A tile's time, shared out as it passes: the rules of `hecasim.trace.log.TileTime`."""

import numpy as np

from hecasim.sim.fast.jit import compiled, inlined

COMPUTING, EXCHANGING, MOVING = np.int64(0), np.int64(1), np.int64(2)
BUBBLE = np.int64(3)
ONE = np.int64(1)


@inlined
def pass_to(w, number, now):
    """Share out the time since the last change."""
    tile = w.tiles[number]
    elapsed = now - tile.last
    if not elapsed:
        return
    tile.last = now
    owner = BUBBLE
    if tile.moving:
        w.hidden[number, tile.phase, MOVING] += elapsed
        owner = MOVING
    if tile.exchanging:
        w.hidden[number, tile.phase, EXCHANGING] += elapsed
        owner = EXCHANGING
    if tile.computing:
        w.hidden[number, tile.phase, COMPUTING] += elapsed
        owner = COMPUTING
    w.spent[number, tile.phase, owner] += elapsed


@compiled
def open_phase(w, number, phase):
    """On-package work of a phase begins here, though it may wait for other tiles first."""
    now, tile = w.clock[0].now, w.tiles[number]
    pass_to(w, number, now)
    tile.since = now
    if now > tile.opened or phase > tile.phase:
        tile.phase = phase
        tile.opened = now


@inlined
def count_activity(w, number, activity, change):
    """A task starts (+1) or ends (-1)."""
    now, tile = w.clock[0].now, w.tiles[number]
    pass_to(w, number, now)
    tile.since = now
    if activity == COMPUTING:
        tile.computing += change
    elif activity == EXCHANGING:
        tile.exchanging += change
    else:
        tile.moving += change


@compiled
def begin_activity(w, number, activity, phase):
    """A task starts; loads and stores do not open a phase."""
    if activity != MOVING:
        open_phase(w, number, phase)
    count_activity(w, number, activity, ONE)


@inlined
def end_activity(w, number, activity):
    """A task ends."""
    count_activity(w, number, activity, -ONE)
