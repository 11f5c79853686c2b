"""Small traces and packages at random: everything that can meet on a package does, at times a few picoseconds apart."""

from dataclasses import replace

from hecasim.mapping.buffers import Buffer
from hecasim.mapping.work import Work
from hecasim.specs import load_package
from hecasim.trace.play import Body, order_of
from hecasim.trace.task import COLLECTIVE, COMPUTE, DRAM_READ, DRAM_WRITE, TOGETHER, After, Task
from tests.sim.parts import trace_of

TOGETHER_OR_NOT = ("", *TOGETHER)

GRIDS = ((1, 2), (1, 3), (1, 5), (1, 6), (2, 2), (2, 3), (2, 4), (3, 3), (3, 4), (4, 4))
ALGORITHMS = ("ring.all_gather", "ring.reduce_scatter", "ring.all_reduce", "torus_2d.all_reduce", "direct.all_to_all",
              "rounds.all_gather", "chain.broadcast")  # fmt: skip


def random_case(rng):
    """A package, a trace for it and the sizes of its SRAM pools, from a `random.Random`."""
    rows, columns = rng.choice(GRIDS)
    package = load_package("oracle_8x8", _changes(rng, rows, columns))
    kinds = [_tasks(rng, rows * columns) for _ in range(rng.randint(1, 2))]
    if rng.random() < 0.5:
        _wait_for_the_body_before(rng, kinds)
    count = rng.randint(1, 12)
    bodies = [rng.randrange(len(kinds)) for _ in range(1 if rng.random() < 0.7 else count)]
    trace = trace_of(
        rows, columns, kinds, (bodies * count)[:count], segment_bytes=rng.choice([1 << 40, 64, 200, 1000]),
        ring=rng.choice(["unidirectional", "bidirectional"]), colours=rng.choice(["sequential", "two"]),
        chunks=rng.choice([1, 3]), lead=rng.choice([1, 2, 7]),
    )  # fmt: skip
    return package, replace(trace, groups=_groups(rows, columns)), (None, rng.choice([None, None, 150, 250]))


def drifting_case(rng):
    """A package and a trace on it of one body played many times, whose tiles run apart: no collective holds them up."""
    rows, columns = rng.choice(((1, 2), (1, 3), (1, 5), (2, 2), (2, 3)))
    package = load_package("oracle_8x8", _changes(rng, rows, columns) | {
        "memory.kind": "hbm2_2000", "memory.attached": rng.choice(["edge", "edge", "every_die"]),
        "memory.bandwidth": f"{rng.choice([30, 500, 501, 4000])} GB/s",
        "memory.latency": f"{rng.choice([1, 100, 9000])} ps",
    })  # fmt: skip
    tasks = [_behind_itself(rng, rows * columns, number) for number in range(rng.randint(1, 4))]
    times, in_one = rng.choice([60, 150, 300]), rng.random() < 0.5
    trace = trace_of(rows, columns, [tasks], segment_bytes=rng.choice([1 << 40, 200, 1000]),
                     lead=rng.choice([1, 3, 7, 20]))  # fmt: skip
    bodies = [Body(0, 0, 0 if in_one else place, place if in_one else 0) for place in range(times)]
    trace = replace(trace, groups=_groups(rows, columns), bodies=order_of(bodies))
    return package, trace, (None, rng.choice([None, None, 150, 250]))


def _behind_itself(rng, tiles, number):
    after = {After(0, rng.randrange(number)) for _ in range(rng.randint(0, 2)) if number and rng.random() < 0.6}
    after |= {After(-offset, number) for offset, share in ((1, 0.7), (2, 0.2)) if rng.random() < share}
    common = {"id": number, "label": f"task {number}", "block": "ffn", "phase": rng.choice(["forward", "backward"]),
              "after": tuple(sorted(after)), **_space(rng)}  # fmt: skip
    return rng.choice([_computation, _computation, _load, _store])(rng, tiles, common)


def _groups(rows, columns):
    tiles = range(rows * columns)
    return {
        "all": (tuple(tiles),),
        "rows": tuple(tuple(tiles[row * columns : (row + 1) * columns]) for row in range(rows)),
        "columns": tuple(tuple(tiles[column::columns]) for column in range(columns)),
    }


def _changes(rng, rows, columns):
    changes = {
        "topology.rows": rows, "topology.columns": columns, "topology.kind": rng.choice(["mesh", "torus"]),
        "link.bandwidth": f"{rng.choice([32, 33, 100, 1000, 5000])} GB/s",
        "link.latency": f"{rng.choice([1, 3, 50, 500, 10_000])} ps",
    }  # fmt: skip
    limits = (("chiplet.sram.nop_bandwidth", 0.4, (20, 100, 1500)),
              ("chiplet.sram.dram_bandwidth", 0.3, (20, 100, 1500)),
              ("chiplet.sram.reduction_bandwidth", 0.4, (10, 100, 3000)))  # fmt: skip
    if rng.random() < 0.2:
        rate = rng.choice([20, 100, 1500])
        changes |= {"chiplet.sram.ports": "shared", "chiplet.sram.port_bandwidth": f"{rate} GB/s"}
    if rng.random() < 0.2:
        changes |= {"chiplet.reduction": "vector"}
    changes |= {key: f"{rng.choice(rates)} GB/s" for key, share, rates in limits if rng.random() < share}
    if rng.random() < 0.7:
        changes |= {"memory.kind": "hbm2_2000", "memory.attached": rng.choice(["edge", "edge", "every_die"]),
                    "memory.bandwidth": f"{rng.choice([30, 500, 4000])} GB/s",
                    "memory.latency": f"{rng.choice([1, 100, 9000])} ps"}  # fmt: skip
    return changes


def _tasks(rng, tiles):
    tasks = []
    for number in range(rng.randint(2, 7)):
        after = {After(0, rng.randrange(number)) for _ in range(rng.randint(0, 2)) if number and rng.random() < 0.6}
        common = {"id": number, "label": f"task {number}", "block": "ffn", "phase": rng.choice(["forward", "backward"]),
                  "after": tuple(sorted(after)), **_space(rng)}  # fmt: skip
        make = rng.choice([_computation, _collective, _collective, _collective, _load, _store])
        tasks.append(make(rng, tiles, common))
    return tasks


def _space(rng):
    """Most tasks give back what they take, some at once."""
    if rng.random() < 0.6:
        return {}
    taken = (Buffer(rng.choice(["activations", "gathered"]), rng.choice([10, 60, 100])),)
    return {"takes": taken, "gives": taken if rng.random() < 0.9 else (), "in_place": rng.random() < 0.1}


def _computation(rng, tiles, common):
    classes = rng.randint(1, 3)
    work = tuple(Work(((1, rng.choice([0, 1, 5, 50, 500, 5000]), 1, 1),), 0) for _ in range(classes))
    return Task(kind=COMPUTE, work=work, work_of=tuple(rng.randrange(classes) for _ in range(tiles)), **common)


def _collective(rng, tiles, common):
    return Task(kind=COLLECTIVE, group=rng.choice(["all", "rows", "columns"]), algorithm=rng.choice(ALGORITHMS),
                size_bytes=rng.choice([1, 7, 64, 300, 2000, 20_000]), **common)  # fmt: skip


def _load(rng, tiles, common):
    stream = rng.choice(["weights", "load"])
    if rng.random() < 0.5:
        bytes_of = _uneven(rng, tiles)
        return Task(kind=DRAM_READ, stream=stream, tile_bytes=bytes_of, together=rng.choice(TOGETHER_OR_NOT), **common)
    return Task(kind=DRAM_READ, stream=stream, tile_bytes=(rng.choice([64, 500]),),
                group=rng.choice(["", "rows", "columns", "all"]), **common)  # fmt: skip


def _store(rng, tiles, common):
    return Task(
        kind=DRAM_WRITE, stream="store", tile_bytes=_uneven(rng, tiles), together=rng.choice(TOGETHER_OR_NOT), **common
    )


def _uneven(rng, tiles):
    return tuple(rng.choice([0, 1, 64, 500, 3000]) for _ in range(tiles))


def _wait_for_the_body_before(rng, kinds):
    shortest = min(len(tasks) for tasks in kinds)
    for tasks in kinds:
        for number, task in enumerate(tasks):
            if rng.random() < 0.4:
                tasks[number] = replace(task, after=tuple(sorted({*task.after, After(-1, rng.randrange(shortest))})))
