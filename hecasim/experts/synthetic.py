"""A synthetic router with skewed loads and co-activation: latent factors of tokens and experts, plus noise.

Per layer, logits = s z·U + b n + Gumbel: z is the token's latent vector (r numbers, N(0, 1)), U the expert's
(N(0, 1) / sqrt(r)), n its popularity (N(0, 1)); a token takes the experts of its top_k logits. s = b = 0 is uniform
routing. Everything is rounded to multiples of 2^-10 or 2^-16 before it is compared, and ties go by number, so that
the same seed gives the same experts on any machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hecasim.errors import ConfigError
from hecasim.experts.routing import LARGEST, Ids, Routing
from hecasim.experts.statistics import co_activation
from hecasim.specs import ModelSpec
from hecasim.specs.mixture import MoeSpec

COARSE = 1 << 10  # parts of latent numbers: their products and sums are exact in float64
FINE = 1 << 16  # parts of logits
LIMIT = 1 << 40  # beyond any logit; keys stay within 63 bits
QUANTILES = 1 << 16  # of the Gumbel distribution: the noise reaches from -2.5 to 11.8
STRUCTURE, SHIFTED, TOKENS, PROFILE = range(4)  # what a seed is for
AT_ONCE = 512  # tokens whose keys stay in a cache
PROFILE_TOKENS = 1024  # from which a router's labels are spread

Keys = NDArray[np.int64]
Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Router:
    """How strongly routing is structured: latent `rank` r, `strength` s of co-activation, `skew` b of popularity.

    With `spread_parts` the experts are relabelled: the `spread_hottest` hottest ones, hottest first, go where they are
    least co-active with those already there, when the labels are cut into so many contiguous parts.
    """

    rank: int = 1
    strength: float = 0.0
    skew: float = 0.0
    spread_parts: int = 0
    spread_hottest: int = 0
    about: str = "uniform"


UNIFORM = Router()


@dataclass(frozen=True)
class _Layer:
    """The experts of one layer in parts of 1 / COARSE: `factors` (experts, rank), `popularity` (experts,)."""

    factors: Reals
    popularity: Reals

    def mixed_with(self, other: _Layer, share: float) -> _Layer:
        """A share of *other* put in, spread unchanged: both are normal and independent."""
        scale = ((1 - share) ** 2 + share**2) ** 0.5
        mixes = (
            np.rint(((1 - share) * own + share * new) / scale)
            for own, new in ((self.factors, other.factors), (self.popularity, other.popularity))
        )
        return _Layer(*mixes)

    def relabelled(self, order: Keys) -> _Layer:
        return _Layer(self.factors[order], self.popularity[order])


def draw(model: ModelSpec, router: Router, tokens: int, *, seed: int, step: int = 0, drift: float = 0.0) -> Routing:
    """Routing of *tokens* tokens through every expert layer of *model*; the last few are remembered.

    Another *step* draws other tokens for the same experts; *drift* (0 to 1) mixes every expert's character with a
    fresh one, as a shifted set of texts would.
    """
    return _drawn(model, router, tokens, seed, step, drift)


@lru_cache(maxsize=2)
def _drawn(model: ModelSpec, router: Router, tokens: int, seed: int, step: int, drift: float) -> Routing:
    moe = experts_of(model)
    if not 0 <= drift <= 1:
        raise ConfigError(f"drift: found {drift:g}; expected a share from 0 to 1")
    if not 0 < tokens * model.moe_layers * moe.top_k <= LARGEST:
        raise ConfigError(f"tokens: found {tokens}; expected 1 to {LARGEST // (model.moe_layers * moe.top_k)}")
    chosen = np.empty((model.moe_layers, tokens, moe.top_k), np.int16)
    for layer in range(model.moe_layers):
        experts = _experts(moe, router, seed, layer, drift)
        chosen[layer] = _choose(experts, router, moe, tokens, np.random.default_rng([seed, layer, TOKENS, step]))
    chosen.flags.writeable = False
    words = (
        [router.about, f"seed {seed}"] + ([f"step {step}"] if step else []) + ([f"drift {drift:g}"] if drift else [])
    )
    return Routing(chosen, moe.experts, ", ".join(words))


def experts_of(model: ModelSpec) -> MoeSpec:
    """The expert layers of *model*; ConfigError where it has none."""
    if model.moe is None:
        raise ConfigError(f"model: {model.name} is dense; expected a mixture of experts, with the key moe")
    return model.moe


def _experts(moe: MoeSpec, router: Router, seed: int, layer: int, drift: float) -> _Layer:
    own = _fresh(moe, router, np.random.default_rng([seed, layer, STRUCTURE]))
    order = np.arange(moe.experts)
    if router.spread_parts:
        profile = _choose(own, router, moe, PROFILE_TOKENS, np.random.default_rng([seed, layer, PROFILE]))
        order = _spread(co_activation(profile, moe.experts), router.spread_parts, router.spread_hottest)
    if drift:
        own = own.mixed_with(_fresh(moe, router, np.random.default_rng([seed, layer, SHIFTED])), drift)
    return own.relabelled(order)


def _fresh(moe: MoeSpec, router: Router, source: np.random.Generator) -> _Layer:
    factors = source.standard_normal((moe.experts, router.rank)) / router.rank**0.5
    return _Layer(np.rint(factors * COARSE), np.rint(source.standard_normal(moe.experts) * COARSE))


def _spread(together: Keys, parts: int, hottest: int) -> Keys:
    """Old number of every new label: the hottest experts apart from those they are active with, the rest in order."""
    experts = len(together)
    size = experts // parts
    by_load = np.argsort(-together.diagonal(), kind="stable")
    met = np.zeros((experts, parts), np.int64)  # co-activation of an expert with those in a part
    members: list[list[int]] = [[] for _ in range(parts)]
    for expert in by_load[:hottest]:
        room = np.array([len(one) < size for one in members])
        part = int(np.argmin(np.where(room, met[expert], np.iinfo(np.int64).max)))
        members[part].append(int(expert))
        met[:, part] += together[:, expert]
    rest = iter(sorted(int(expert) for expert in by_load[hottest:]))
    for one in members:
        one.extend(next(rest) for _ in range(size - len(one)))
    return np.array([expert for one in members for expert in one])


@lru_cache(maxsize=1)
def _gumbel() -> Keys:
    """Quantiles of the Gumbel distribution in parts of 1 / FINE."""
    shares = (np.arange(QUANTILES) + 0.5) / QUANTILES
    quantiles: Keys = np.rint(-np.log(-np.log(shares)) * FINE).astype(np.int64)
    return quantiles


def _choose(layer: _Layer, router: Router, moe: MoeSpec, tokens: int, source: np.random.Generator) -> Ids:
    """The experts of *tokens* tokens, (tokens, top_k) in rising order."""
    latent = np.rint(source.standard_normal((tokens, router.rank)) * COARSE)
    noise = source.integers(0, QUANTILES, size=(tokens, moe.experts), dtype=np.uint16)
    weights = np.ascontiguousarray(layer.factors.T)
    popularity = layer.popularity * (router.skew * FINE / COARSE)
    chosen = np.empty((tokens, moe.top_k), np.int16)
    for first in range(0, tokens, AT_ONCE):
        part = slice(first, first + AT_ONCE)
        logits = latent[part] @ weights
        logits *= router.strength * FINE / COARSE**2
        logits += popularity
        np.clip(logits, -LIMIT, LIMIT, out=logits)
        keys = np.rint(logits, out=logits).astype(np.int64)
        keys += _gumbel()[noise[part]]
        chosen[part] = _best(keys, moe)
    return chosen


def _best(keys: Keys, moe: MoeSpec) -> Ids:
    """The experts of the highest keys, in rising order; of equal ones the higher numbers."""
    keys *= moe.experts
    keys += np.arange(moe.experts)
    if moe.is_limited_to_groups:
        keys = np.where(_reachable(keys, moe), keys, np.iinfo(np.int64).min)
    keys.partition(moe.experts - moe.top_k, axis=1)
    # A key ends in the number of its expert.
    return np.sort(keys[:, moe.experts - moe.top_k :] % moe.experts, axis=1).astype(np.int16)


def _reachable(keys: Keys, moe: MoeSpec) -> NDArray[np.bool_]:
    """Which experts lie in the groups a token chooses: those of the best score, ties by number."""
    by_group = keys.reshape(len(keys), moe.groups, -1)
    best = 2 if moe.group_score == "top_two" else 1
    scores = np.partition(by_group, -best, axis=2)[:, :, -best:].sum(axis=2)
    order = np.argsort(-scores, axis=1, kind="stable")[:, : moe.top_groups]
    chosen = np.zeros(scores.shape, bool)
    np.put_along_axis(chosen, order, True, axis=1)
    return np.repeat(chosen, moe.experts // moe.groups, axis=1)
