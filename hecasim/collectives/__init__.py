"""How a group of tiles exchanges data: schedules as messages with dependencies, no time and no wires in them.

To add one: write its schedule, add its line to the table. A name is algorithm.collective; the contract tests read the
collective from it and check that the schedule really computes it. A group of one tile has nothing to do: ().
"""

from hecasim.collectives import chain, direct, point, ring, torus_2d, tree
from hecasim.collectives.chain import BroadcastRounds, ReduceRounds
from hecasim.collectives.closed_forms import bytes_sent_per_member
from hecasim.collectives.direct import Direct, Uneven
from hecasim.collectives.options import Schedule
from hecasim.collectives.pattern import Pattern, Send, Stage, Transfer, bytes_sent, transfers
from hecasim.collectives.point import PointToPoint
from hecasim.collectives.ring import RingPass
from hecasim.registry import Registry

__all__ = [
    "COLLECTIVES",
    "PER_PAIR",
    "UNEQUAL",
    "BroadcastRounds",
    "Direct",
    "Pattern",
    "PointToPoint",
    "ReduceRounds",
    "RingPass",
    "Schedule",
    "Send",
    "Stage",
    "Transfer",
    "Uneven",
    "bytes_sent",
    "bytes_sent_per_member",
    "transfers",
]

PER_PAIR = "direct.uneven_all_to_all"
"""The collective whose `tile_bytes` are a table of all pairs of tiles."""
UNEQUAL = ("tree.dispatch", "tree.combine", PER_PAIR)
"""Collectives whose members say by themselves how much they exchange."""

COLLECTIVES: Registry[Schedule] = Registry(
    "collective",
    {
        "ring.all_gather": ring.all_gather,
        "ring.reduce_scatter": ring.reduce_scatter,
        "ring.all_reduce": ring.all_reduce,
        "torus_2d.all_reduce": torus_2d.all_reduce,
        "direct.all_to_all": direct.all_to_all,
        "direct.uneven_all_to_all": direct.uneven_all_to_all,
        "rounds.all_gather": chain.all_gather_rounds,
        "rounds.reduce_scatter": chain.reduce_scatter_rounds,
        "chain.broadcast": chain.broadcast,
        "chain.reduce": chain.reduce,
        "point.send": point.send,
        "staged.send": point.staged,
        "tree.dispatch": tree.dispatch,
        "tree.combine": tree.combine,
    },
)
