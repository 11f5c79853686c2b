"""Package topologies: which tiles are wired to each other, and the routes between them.

To add one: write its file, add its line to the table.
"""

from hecasim.registry import Registry
from hecasim.specs import TopologySpec
from hecasim.topologies.grid import Grid
from hecasim.topologies.mesh import Mesh
from hecasim.topologies.topology import ATTENTION, COMPUTE, EXPERT, SWITCH, Topology
from hecasim.topologies.torus import Torus
from hecasim.topologies.tree import Tree

__all__ = [
    "ATTENTION",
    "COMPUTE",
    "EXPERT",
    "SWITCH",
    "TOPOLOGIES",
    "Grid",
    "Mesh",
    "Topology",
    "Torus",
    "Tree",
    "make",
    "topology_of",
]

TOPOLOGIES: Registry[type[Grid] | type[Tree]] = Registry(
    "topology",
    {
        "mesh": Mesh,
        "torus": Torus,
        "tree": Tree,
    },
)


def make(kind: str, *shape: int) -> Topology:
    """The topology named *kind*: rows, columns of a grid; attention chiplets, groups, chiplets per group of a tree."""
    return TOPOLOGIES[kind](*shape)


def topology_of(spec: TopologySpec) -> Topology:
    """The topology of a package."""
    return make(spec.kind, *spec.shape)
