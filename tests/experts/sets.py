"""Small mixtures and routings that the tests of the room share."""

from typing import Any

import numpy as np

from hecasim.experts import Options, Routing, Weights
from hecasim.specs import ModelSpec, load_model
from tests.tiny import MODEL

OPTIONS = Options(Weights(copy_s=1e-9, chiplet_s=5e-9, group_s=4e-9))


def small_model(experts: int = 16, top_k: int = 4, layers: int = 2, **moe: Any) -> ModelSpec:
    """The tiny model with experts in every layer."""
    import yaml

    keys = {"experts": experts, "top_k": top_k, "expert_inner": 32, **moe}
    return load_model(yaml.safe_load(MODEL) | {"layers": layers, "moe": keys})


def routing_of(tokens: list[list[int]], experts: int) -> Routing:
    """One layer of routing, written out token by token."""
    return Routing(np.array([sorted(one) for one in tokens], np.int16)[None], experts)


def random_routing(experts: int, top_k: int, tokens: int, layers: int = 2, seed: int = 0) -> Routing:
    """Uniform routing by a way of its own: the first of a shuffled list."""
    source = np.random.default_rng(seed)
    order = np.argsort(source.random((layers, tokens, experts)), axis=2)[:, :, :top_k]
    return Routing(np.sort(order, axis=2).astype(np.int16), experts)
