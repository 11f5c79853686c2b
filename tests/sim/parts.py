"""Hand-made parts of a live package: a sink that remembers, lanes on a clock, and Traces of a few tasks."""

from hecasim.mapping.work import Work
from hecasim.sim.clock import Clock
from hecasim.sim.lane import Segment, segments_of
from hecasim.sim.station import Station
from hecasim.specs import load_package
from hecasim.trace.play import Body, order_of
from hecasim.trace.task import COLLECTIVE, COMPUTE, BodyKind, Task, Trace

NS = 1000


class Sink:
    """Remembers when each of its segments landed."""

    def __init__(self, clock, body=0, task=0):
        self.clock, self.body, self.task = clock, body, task
        self.landings = []

    def landed(self, segment):
        self.landings.append((self.clock.now, segment.number))


def lanes(clock, *rates, latency_ps=10):
    """Lanes in a row, each of its own rate in bytes per picosecond (None: unlimited)."""
    station = Station(clock, "station")
    return [
        station.lane(f"lane {number}", None if rate is None else rate * 10**12, latency_ps)
        for number, rate in enumerate(rates)
    ]


def send(clock, route, size_bytes, sink, *, at=0, stream=0, segment_bytes=10**9, source=0, step=0):
    """Ask for the first lane of *route* at a time, for every segment of a message."""
    for number, span in enumerate(segments_of(size_bytes, segment_bytes)):
        segment = Segment(tuple(route), span, stream, sink, step, number, source)
        clock.at(at, route[0].request, segment)


def fresh():
    return Clock()


def oracle(rows, columns, **changes):
    """A package on which only links take time."""
    return load_package("oracle_8x8", {"topology.rows": rows, "topology.columns": columns, **changes})


def compute(number, flops, after=(), **more):
    return Task(id=number, kind=COMPUTE, label=f"compute {number}", block="ffn", phase="forward",
                after=tuple(after), work=(Work(((1, flops // 2, 1, 1),), 0),), **more)  # fmt: skip


def collective(number, algorithm, size_bytes, after=(), group="all", **more):
    return Task(id=number, kind=COLLECTIVE, label=f"{algorithm} {number}", block="ffn", phase="forward",
                after=tuple(after), group=group, algorithm=algorithm, size_bytes=size_bytes, **more)  # fmt: skip


def trace_of(rows, columns, kinds, bodies=None, **options):
    """A Trace whose bodies play *kinds* (lists of tasks) in turn."""
    made = tuple(BodyKind(f"kind {number}", "ffn", "forward", tuple(tasks)) for number, tasks in enumerate(kinds))
    played = order_of([Body(kind, 0, place) for place, kind in enumerate(bodies or range(len(made)))])
    chosen = {"ring": "unidirectional", "colours": "sequential", "chunks": 8, "segment_bytes": 1 << 40,
              "dram_map": "row", "element_bytes": 2} | options  # fmt: skip
    return Trace(rows, columns, {"all": (tuple(range(rows * columns)),)}, chosen, made, played)


def tree(attention, groups, chiplets, **changes):
    """A tree on which only links take time."""
    shape = {"topology.kind": "tree", "topology.attention": attention, "topology.groups": groups,
             "topology.chiplets": chiplets}  # fmt: skip
    parts = {"memory.attached": "tree", "switch.reduction_bandwidth": "unlimited"}
    return load_package("oracle_8x8", shape | parts | changes)
