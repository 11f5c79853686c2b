"""Derive a block's exchanges and local shapes, forward, backward and update, from its operators and a method's table.

The rules (derived; checked against every closed form of Hecaton, arXiv 2407.05784, in the oracle tests):
an operand needs the cuts of its loop indices; an output is partial over factors that cut an index it lacks;
it rests as made, or, if partial, as its first reader needs it; a gradient is a nest over the same indices,
settles once at its last contribution, and keeps a factor partial where the product that made the value left
that factor unused; one exchange per tensor, needed layout and pass.

`sharding` knows cuts and resting layouts, `gradients` the layouts of gradients, `shapes` local work; `walk` writes a
pass down wave by wave: `forward`, `backward` and `update` are the three, and
`recompute` puts a forward in front of a backward; `traffic` is what DRAM brings and takes.
"""

from hecasim.parallel.backward import derive_backward
from hecasim.parallel.forward import derive_again, derive_forward
from hecasim.parallel.gradients import weight_gradient_layouts
from hecasim.parallel.shapes import core_gemms, model_product_flops, product_gemm
from hecasim.parallel.sharding import Setting, Sharding, value_name
from hecasim.parallel.traffic import gathered_activations, recomputes_whole, saved_values, stored_values, weight_values
from hecasim.parallel.update import derive_update

__all__ = [
    "Setting",
    "Sharding",
    "core_gemms",
    "derive_again",
    "derive_backward",
    "derive_forward",
    "derive_update",
    "gathered_activations",
    "model_product_flops",
    "product_gemm",
    "recomputes_whole",
    "saved_values",
    "stored_values",
    "value_name",
    "weight_gradient_layouts",
    "weight_values",
]
