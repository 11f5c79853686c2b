"""Hecaton: weights tiled in two dimensions, bypass rings inside rows and columns (arXiv 2407.05784, our algebra)."""

from hecasim.parallel.method import HEADS, TOKENS, Method, key_features
from hecasim.specs import OptionsSpec


def hecaton(options: OptionsSpec) -> Method:
    """Row-type activations rest as (tokens over columns, features over rows); weight tiles never move."""
    features = (*HEADS, "e")
    keys = key_features(options)
    return Method(
        name="hecaton",
        summary="2-D weight tiling, bypass rings in rows and columns, any R x C",
        cuts={
            "rows": (("c", TOKENS), ("r", ("h",))),
            "query": (("c", features), ("r", ("h",))),
            "key": (("c", keys), ("r", ("h",))),
            "core": (("c", (*HEADS, "s")), ("r", ("b", *HEADS, "s"))),
            "attention_output": (("c", features), ("r", ("h",))),
            "expand": (("c", ("f",)), ("r", ("h",))),
            "activation": (("c", ("f",)), ("r", TOKENS)),
            "contract": (("c", ("f",)), ("r", ("h",))),
            "head": (("c", ("v",)), ("r", ("h",))),
            "loss": (("c", ("v",)), ("r", TOKENS)),
        },
        # K and V are scattered over their rows' tokens too, and gathered only where rows share a head.
        rests=dict.fromkeys(("key", "value"), (("c", keys), ("r", ("b", "kv", "s")))),
    )
