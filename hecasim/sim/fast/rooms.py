"""Space in the SRAM of a tile: pools, levels, peaks, and who is let in, as `hecasim.sim.sram` defines it."""

from hecasim.sim.fast.jit import compiled

POOL_COUNT = 2


@compiled
def change(w, tile, kind, size, sign):
    """Bytes of one class of buffer are taken (+1) or given back (-1)."""
    level = w.levels[tile, kind] + sign * size
    w.levels[tile, kind] = level
    if w.pools[kind]:
        w.tiles[tile].activations += sign * size
    else:
        w.tiles[tile].weights += sign * size
    w.tiles[tile].total += sign * size
    if sign > 0:
        w.peaks[tile, kind] = max(w.peaks[tile, kind], level)
        w.crests[tile, kind] = max(w.crests[tile, kind], level)


@compiled
def take(w, tile, task):
    """Occupy space when a task starts."""
    for place in range(w.tasks[task].takes, w.tasks[task].takes_end, 2):
        change(w, tile, w.lists[place], w.lists[place + 1], 1)
    crest_of_all(w, tile)


@compiled
def crest_of_all(w, tile):
    """The largest level of a pool and of the whole, since the last boundary and in all."""
    total = w.tiles[tile].total
    w.tiles[tile].total_peak = max(w.tiles[tile].total_peak, total)
    last = w.crests.shape[1]
    w.crests[tile, last - 3] = max(w.crests[tile, last - 3], w.tiles[tile].weights)
    w.crests[tile, last - 2] = max(w.crests[tile, last - 2], w.tiles[tile].activations)
    w.crests[tile, last - 1] = max(w.crests[tile, last - 1], total)


@compiled
def give(w, tile, task):
    """Free space when a task has ended; whoever waits for some is looked at again."""
    give_quietly(w, tile, task)
    if w.tiles[tile].waiting >= 0:
        enter(w, tile)


@compiled
def give_quietly(w, tile, task):
    """Free space, and look at nobody."""
    for place in range(w.tasks[task].gives, w.tasks[task].gives_end, 2):
        change(w, tile, w.lists[place], w.lists[place + 1], -1)


@compiled
def enter(w, tile):
    """Let a tile look at the end of this half who fits."""
    if not w.tiles[tile].entering:
        w.tiles[tile].entering = 1
        w.entering[w.run[0].entering] = tile
        w.run[0].entering += 1


@compiled
def lacks(w, tile, pool, net):
    """Whether a pool has no room for so many bytes more."""
    room = w.rooms[pool]
    held = w.tiles[tile].activations if pool else w.tiles[tile].weights
    return room >= 0 and held + net > room


@compiled
def wait_for_space(w, row, tile):
    """A task is ready but for its space: it stands in the order of the trace."""
    run = w.run[0]
    entrant = run.free_entrant
    if entrant >= 0:
        w.run[0].free_entrant = w.entrants[entrant].following
    else:
        entrant = run.entrants
        w.run[0].entrants = entrant + 1
    w.entrants[entrant].row = row
    w.entrants[entrant].tile = tile
    w.entrants[entrant].ready_ps = w.clock[0].now
    last, here = -1, w.tiles[tile].waiting
    while here >= 0 and not stands_before(w, row, w.entrants[here].row):
        last, here = here, w.entrants[here].following
    w.entrants[entrant].following = here
    if last < 0:
        w.tiles[tile].waiting = entrant
    else:
        w.entrants[last].following = entrant
    enter(w, tile)


@compiled
def stands_before(w, row, other):
    """Whether a task in flight comes before another one in the trace."""
    per_body = w.run[0].per_body
    body, other_body = w.slots[row // per_body].index, w.slots[other // per_body].index
    return body < other_body or (body == other_body and row < other)


@compiled
def admit(w, tile, now, admitted):
    """Let in who fits, in trace order: moves them to the list *admitted* (its first, or -1), and gives the new list.

    Behind one who does not fit nobody takes of the pools that it needs.
    """
    w.tiles[tile].entering = 0
    shut_weights, shut_activations, frees = False, False, False
    last, here = -1, w.tiles[tile].waiting
    while here >= 0:
        following = w.entrants[here].following
        task = w.rows[w.entrants[here].row].task
        weights, activations = w.tasks[task].weights, w.tasks[task].activations
        if (weights > 0 and (shut_weights or lacks(w, tile, 0, weights))) or (
            activations > 0 and (shut_activations or lacks(w, tile, 1, activations))
        ):
            shut_weights = shut_weights or weights > 0
            shut_activations = shut_activations or activations > 0
            w.run[0].refusals += 1
            last = here
        else:
            if w.tasks[task].in_place:
                give_quietly(w, tile, task)
                frees = frees or min(weights, activations) < 0
            take(w, tile, task)
            w.tiles[tile].admission_ps += now - w.entrants[here].ready_ps
            if last < 0:
                w.tiles[tile].waiting = following
            else:
                w.entrants[last].following = following
            w.entrants[here].following = admitted
            admitted = here
        here = following
    if w.tiles[tile].waiting >= 0 and frees:
        enter(w, tile)
    return admitted
