"""A World is only made of the tables that functions were compiled for."""

import numpy as np
import pytest

from hecasim.sim.fast.tables import FIELDS
from hecasim.sim.fast.world import World


def tables():
    return {name: np.zeros((1,) * dimensions, kind) for name, (kind, dimensions) in FIELDS.items()}


def test_a_world_keeps_its_tables_alive_and_knows_where_they_stand():
    arrays = tables()
    world = World(arrays)
    assert world.arrays["lanes"] is arrays["lanes"]
    assert world.address


@pytest.mark.parametrize("wrong", [np.zeros((1, 1, 1), np.int32), np.zeros((1, 1), np.int64),
                                   np.zeros((4, 4, 4), np.int64)[::2, ::2, ::2]])  # fmt: skip
def test_other_kinds_dimensions_and_orders_are_refused(wrong):
    with pytest.raises(TypeError, match="table spent"):
        World(tables() | {"spent": wrong})
