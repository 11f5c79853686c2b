"""What a mixture of experts and latent attention add to a model: sizes and rules of routing, and their parameters."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from hecasim.specs.spec import LARGEST_COUNT, Count, Spec, broken_rule

Several = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
Factor = Annotated[float, Field(gt=0, le=1e6)]
ExpertCount = Annotated[int, Field(gt=1, le=4096)]  # ids are 16-bit numbers, and no model has had more


def _same_as_expert(given: dict[str, Any]) -> Any:
    return given["expert_inner"]


class MoeSpec(Spec):
    """The expert layers: those after the first `dense_first`, whose FFN is the dense one of the model.

    Every token goes to `top_k` of `experts` and through all `shared_experts`. With `groups` above 1 a token chooses
    `top_groups` groups first, by `group_score` of the scores in them, then experts inside these.
    """

    experts: ExpertCount
    top_k: Count
    expert_inner: Count
    shared_experts: Several = 0
    shared_inner: Count = Field(default_factory=_same_as_expert)
    dense_first: Several = 0
    gate: Literal["softmax", "sigmoid"] = "softmax"
    renormalise: bool = False
    gate_bias: bool = False
    routed_scale: Factor = 1.0
    groups: Count = 1
    top_groups: Count = Field(default_factory=lambda given: given["groups"])
    group_score: Literal["max", "top_two"] = "max"
    capacity_factor: Factor | None = None

    @model_validator(mode="after")
    def _routing_fits(self) -> Self:
        if self.top_k > self.experts:
            raise broken_rule("top_k", f"expected at most experts ({self.experts})")
        if self.experts % self.groups:
            raise broken_rule("groups", f"expected a divisor of experts ({self.experts})")
        if self.top_groups > self.groups:
            raise broken_rule("top_groups", f"expected at most groups ({self.groups})")
        reachable = self.experts // self.groups * self.top_groups
        if self.top_k > reachable:
            raise broken_rule("top_groups", f"expected more: they hold {reachable} experts, fewer than top_k")
        if self.group_score == "top_two" and self.experts // self.groups < 2:
            raise broken_rule("group_score", "expected 'max' where a group is one expert")
        return self

    @property
    def is_limited_to_groups(self) -> bool:
        """Whether a token may not reach every expert."""
        return self.top_groups < self.groups


class MlaSpec(Spec):
    """Multi-head latent attention: K and V (and Q, where `q_rank` is given) come from a small latent vector."""

    q_rank: Count | None = None
    kv_rank: Count
    nope_dim: Count
    rope_dim: Count
    v_dim: Count

    @model_validator(mode="after")
    def _rotary_pairs(self) -> Self:
        if self.rope_dim % 2:
            raise broken_rule("rope_dim", "expected an even number: rotary positions turn pairs")
        return self

    @property
    def query_dim(self) -> int:
        """Of one head's query and key: the part without and the part with positions."""
        return self.nope_dim + self.rope_dim

    def matrices(self, hidden: int, heads: int) -> int:
        """Weights of the projections of one layer, down to the latents, up from them, and out."""
        query = heads * self.query_dim
        down_and_up = hidden * query if self.q_rank is None else self.q_rank * (hidden + query)
        latent = hidden * (self.kv_rank + self.rope_dim) + self.kv_rank * heads * (self.nope_dim + self.v_dim)
        return down_and_up + latent + heads * self.v_dim * hidden

    @property
    def norm_gains(self) -> int:
        """Both latents are normed."""
        return (self.q_rank or 0) + self.kv_rank
