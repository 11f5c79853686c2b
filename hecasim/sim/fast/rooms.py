"""Space in the SRAM of a tile: pools, levels, peaks, and who is let in, as `hecasim.sim.sram` defines it."""

from hecasim.sim.fast.jit import compiled


@compiled
def change(w, number, kind, size):
    """Bytes of one class of buffer are taken, or given back (less than 0)."""
    tile = w.tiles[number]
    w.levels[number, kind] += size
    if w.pools[kind]:
        tile.activations += size
    else:
        tile.weights += size
    tile.total += size


@compiled
def look(w, number):
    """Take the levels for peaks and crests, if the picosecond in which they last changed is over."""
    now, tile = w.clock[0].now, w.tiles[number]
    if now > tile.changed_at:
        tile.changed_at = now
        take_peaks(w, number)


@compiled
def take_peaks(w, number):
    """The present levels count; the crests of both pools and of the whole stand behind those of the classes."""
    tile, levels, peaks, crests = w.tiles[number], w.levels, w.peaks, w.crests
    last = w.crests_width
    for kind in range(last - 3):
        peaks[number, kind] = max(peaks[number, kind], levels[number, kind])
        crests[number, kind] = max(crests[number, kind], levels[number, kind])
    tile.total_peak = max(tile.total_peak, tile.total)
    crests[number, last - 3] = max(crests[number, last - 3], tile.weights)
    crests[number, last - 2] = max(crests[number, last - 2], tile.activations)
    crests[number, last - 1] = max(crests[number, last - 1], tile.total)


@compiled
def take(w, number, task):
    """Occupy space when a task starts."""
    lists = w.lists
    look(w, number)
    for place in range(task.takes, task.takes_end, 2):
        change(w, number, lists[place], lists[place + 1])


@compiled
def give(w, number, task):
    """Free space when a task has ended; whoever waits for some is looked at again."""
    give_quietly(w, number, task)
    if w.tiles[number].waiting >= 0:
        enter(w, number)


@compiled
def give_quietly(w, number, task):
    """Free space, and look at nobody."""
    lists = w.lists
    look(w, number)
    for place in range(task.gives, task.gives_end, 2):
        change(w, number, lists[place], -lists[place + 1])


@compiled
def enter(w, number):
    """Let a tile look at the end of this half who fits."""
    tile = w.tiles[number]
    if not tile.entering:
        tile.entering = 1
        run = w.run[0]
        w.entering[run.entering] = number
        run.entering += 1


@compiled
def new_entrant(w):
    """The number of a free record."""
    run = w.run[0]
    number = run.free_entrant
    if number >= 0:
        run.free_entrant = w.entrants[number].following
    else:
        number = run.entrants
        run.entrants = number + 1
    return number


@compiled
def wait_for_space(w, row, tile_number):
    """A task is ready but for its space: it stands in the order of the trace."""
    tile, entrants, number = w.tiles[tile_number], w.entrants, new_entrant(w)
    entrant = entrants[number]
    entrant.row = row
    entrant.tile = tile_number
    entrant.ready_ps = w.clock[0].now
    last, here = -1, tile.waiting
    while here >= 0 and not stands_before(w, row, entrants[here].row):
        last, here = here, entrants[here].following
    entrant.following = here
    if last < 0:
        tile.waiting = number
    else:
        entrants[last].following = number
    enter(w, tile_number)


@compiled
def stands_before(w, row, other):
    """Whether a task in flight comes before another one in the trace."""
    per_body, slots = w.run[0].per_body, w.slots
    body, other_body = slots[row // per_body].index, slots[other // per_body].index
    return body < other_body or (body == other_body and row < other)


@compiled
def admit(w, tile_number, now, admitted):
    """Let in who fits, in trace order: puts them before the list *admitted* (its first, or -1) and gives that.

    Behind one who does not fit nobody takes of the pools that it needs.
    """
    tile, entrants, run = w.tiles[tile_number], w.entrants, w.run[0]
    tile.entering = 0
    rooms, frees = w.rooms, False
    shut_weights, shut_activations = False, False
    last, here = -1, tile.waiting
    while here >= 0:
        entrant = entrants[here]
        following, task = entrant.following, w.tasks[w.rows[entrant.row].task]
        no_weights = task.weights > 0 and (shut_weights or 0 <= rooms[0] < tile.weights + task.weights)
        no_activations = task.activations > 0 and (
            shut_activations or 0 <= rooms[1] < tile.activations + task.activations
        )
        if no_weights or no_activations:
            shut_weights = shut_weights or task.weights > 0
            shut_activations = shut_activations or task.activations > 0
            run.refusals += 1
            last = here
        else:
            if task.in_place:
                give_quietly(w, tile_number, task)
                frees = frees or min(task.weights, task.activations) < 0
            take(w, tile_number, task)
            tile.admission_ps += now - entrant.ready_ps
            if last < 0:
                tile.waiting = following
            else:
                entrants[last].following = following
            entrant.following = admitted
            admitted = here
        here = following
    if tile.waiting >= 0 and frees:
        enter(w, tile_number)
    return admitted
