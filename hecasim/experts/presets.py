"""Routers for the models hecasim ships: fitted to published copies per token, or assumed.

Fitted to Table 4 of Mozart (arXiv 2603.07006) with 16 chiplets: C_T of the contiguous layout (its variant B) and of its
clustering (variant C), with the skew of loads near public counts (allenai/OLMoE on instruction text: Gini 0.21 to 0.38,
max/mean 3.2 to 4.5; DODOCO, arXiv 2605.20982: DeepSeek-MoE flatter on average).
"""

from hecasim.errors import ConfigError, nearest
from hecasim.experts.synthetic import UNIFORM, Router
from hecasim.registry import Registry

ROUTERS: Registry[Router] = Registry(
    "routing preset",
    {
        "uniform": UNIFORM,
        # published C_T 6.58 contiguous, 5.77 clustered
        "qwen3-30b-a3b": Router(8, 1.8, 0.3, about="preset qwen3-30b-a3b"),
        # 6.84 and 5.63
        "olmoe-1b-7b": Router(6, 3.0, 0.4, about="preset olmoe-1b-7b"),
        # 5.56 and 4.32. The first is above uniform routing (5.32): the released order keeps co-active experts apart, so
        # the labels are spread; how many of them (28) is fitted.
        "deepseek-moe-16b": Router(6, 5.0, 0.15, spread_parts=16, spread_hottest=28, about="preset deepseek-moe-16b"),
        # assumed: few factors, weak, so that loads are as even as public counts of 8 experts (Gini 0.05 to 0.08,
        # max/mean 1.1 to 1.3)
        "mixtral-8x7b": Router(6, 0.6, 0.1, about="preset mixtral-8x7b (assumed)"),
        # assumed: as DeepSeek-MoE, without its order; DODOCO finds a larger Gini (above 0.24)
        "deepseek-v2-lite": Router(6, 5.0, 0.15, about="preset deepseek-v2-lite (assumed)"),
        # assumed: structure of Qwen3 without its popularity term, which the bias of the gate would take out
        "deepseek-v3": Router(8, 1.8, 0.0, about="preset deepseek-v3 (assumed)"),
    },
)


def router_for(word: str, model_name: str) -> Router:
    """The router that *word* means: `preset` (the model's own), or a name of ROUTERS."""
    if word != "preset":
        return ROUTERS[word]
    if model_name not in ROUTERS:
        raise ConfigError(
            f"routing: there is no preset for {model_name}; {nearest(model_name, ROUTERS)}; "
            "name one of them, 'uniform', or a file of recorded routing"
        )
    return ROUTERS[model_name]
