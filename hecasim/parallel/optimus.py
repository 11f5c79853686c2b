"""Optimus: SUMMA matrix products on a square grid; activations and weights both move (arXiv 2104.05343)."""

from hecasim.parallel.method import HEADS, RING, TOKENS, Method
from hecasim.specs import OptionsSpec


def _square(rows: int, columns: int) -> str | None:
    return None if rows == columns else f"optimus needs a square grid, this one is {rows}x{columns}"


def optimus(options: OptionsSpec) -> Method:
    """Output-stationary SUMMA: X tiles are broadcast along rows, W tiles down columns, in n rounds."""
    features = (*HEADS, "e")
    keys = features if options.kv == "replicate" else ("kv", "e")
    tokens = ("r", TOKENS)
    hidden_rows = ("r", ("h",))
    return Method(
        name="optimus",
        summary="2-D SUMMA, broadcast and reduce rounds, square grids",
        cuts={
            "rows": (tokens, ("c", ("h",))),
            "query": (tokens, ("c", features)),
            "key": (tokens, ("c", keys)),
            "core": (tokens, ("c", (*HEADS, "s"))),
            "attention_output": (tokens, ("c", ("h",))),
            "expand": (tokens, ("c", ("f",))),
            "activation": (tokens, ("c", ("f",))),
            "contract": (tokens, ("c", ("h",))),
            "head": (tokens, ("c", ("v",))),
            "loss": (tokens, ("c", ("v",))),
        },
        rests={
            "query_weight": (hidden_rows, ("c", features)),
            "key_weight": (hidden_rows, ("c", keys)),
            "value_weight": (hidden_rows, ("c", keys)),
            "output_weight": (("r", features), ("c", ("h",))),
            "gate_weight": (hidden_rows, ("c", ("f",))),
            "up_weight": (hidden_rows, ("c", ("f",))),
            "down_weight": (("r", ("f",)), ("c", ("h",))),
            "head_weight": (hidden_rows, ("c", ("v",))),
        },
        algorithms={**RING, "all_gather": "rounds.all_gather", "reduce_scatter": "rounds.reduce_scatter"},
        rounds=True,
        weight_gradients_settle="backward",
        objection=_square,
    )
