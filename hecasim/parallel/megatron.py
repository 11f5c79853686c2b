"""Megatron tensor parallelism in one dimension: flat ring, sequence-parallel, and on a 2-D torus."""

from dataclasses import replace

from hecasim.parallel.method import HEADS, RING, TOKENS, Method, key_features, on
from hecasim.specs import OptionsSpec

ALL = ("r", "c")


def megatron(options: OptionsSpec) -> Method:
    """First GEMM cut by output feature, second by input feature, activations whole on every tile."""
    features, keys = (*HEADS, "e"), key_features(options)
    return Method(
        name="megatron",
        summary="1-D tensor parallelism, all-reduce on one flat ring",
        cuts={
            "rows": (),
            "query": on(ALL, features),
            "key": on(ALL, keys),
            "core": on(ALL, (*HEADS, *TOKENS)),
            "attention_output": on(ALL, features),
            "expand": on(ALL, ("f",)),
            "activation": on(ALL, ("f",)),
            "contract": on(ALL, ("f",)),
            "head": on(ALL, ("v",)),
            "loss": on(ALL, ("v",)),
        },
    )


def megatron_sp(options: OptionsSpec) -> Method:
    """Sequence parallelism: norms and residuals cut by tokens, so all-reduces become scatter and gather."""
    base = megatron(options)
    return replace(
        base,
        name="megatron_sp",
        summary="1-D tensor parallelism with sequence parallelism, reduce-scatter and all-gather on one flat ring",
        cuts={**base.cuts, "rows": on(ALL, TOKENS)},
    )


def megatron_torus(options: OptionsSpec) -> Method:
    """The same partition; all-reduces over the whole grid run on its rows and columns."""
    return replace(
        megatron(options),
        name="megatron_torus",
        summary="1-D tensor parallelism, all-reduce on rows and columns (2-D torus)",
        whole_grid={**RING, "all_reduce": "torus_2d.all_reduce"},
    )
