"""The update of one block's weights, as far as exchanges go."""

from __future__ import annotations

from hecasim.parallel.gradients import weight_gradient_layouts
from hecasim.parallel.program import Program
from hecasim.parallel.sharding import Sharding
from hecasim.parallel.traffic import TABLE
from hecasim.parallel.walk import Walk, Wish


def derive_update(sharding: Sharding) -> Program:
    """Bring partial weight gradients to rest; the optimizer then works on what each tile holds."""
    walk = Walk(sharding, "update")
    walk.enter_section(tiled=False)
    shared = sharding.block.shared
    layouts = {name: layout for name, layout in weight_gradient_layouts(sharding).items() if name not in shared}
    if TABLE in layouts:  # rows' gradients are added where the table lies, in DRAM
        layouts[TABLE] = sharding.rest[TABLE]
    walk.bring(
        [Wish(name, layout, sharding.rest[name], gradient=True) for name, layout in layouts.items() if layout.partial]
    )
    walk.program.weights = [sharding.resting(name) for name in layouts]
    walk.program.gradients = [sharding.value(name, layout, gradient=True) for name, layout in layouts.items()]
    return walk.program
