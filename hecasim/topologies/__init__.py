"""Package topologies: which tiles are wired to each other, and the routes between them.

To add one: write its file, add its line to the table.
"""

from hecasim.registry import Registry
from hecasim.topologies.grid import Topology
from hecasim.topologies.mesh import Mesh
from hecasim.topologies.torus import Torus

__all__ = ["TOPOLOGIES", "Mesh", "Topology", "Torus", "make"]

TOPOLOGIES: Registry[type[Topology]] = Registry(
    "topology",
    {
        "mesh": Mesh,
        "torus": Torus,
    },
)


def make(kind: str, rows: int, columns: int) -> Topology:
    """The topology named *kind* with rows x columns tiles."""
    return TOPOLOGIES[kind](rows, columns)
