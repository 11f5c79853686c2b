"""What the user says about the network to train; no hardware in it."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from hecasim.specs.mixture import MlaSpec, MoeSpec
from hecasim.specs.spec import Count, Name, Spec, broken_rule

Dropout = Annotated[float, Field(ge=0, lt=1)]


def _same_as_heads(given: dict[str, Any]) -> Any:
    return given["heads"]


def _of_a_head(given: dict[str, Any]) -> Any:
    latent = given["mla"]
    return latent.query_dim if latent else max(given["hidden"] // given["heads"], 1)


class ModelSpec(Spec):
    """A decoder-only transformer: equal layers, or with `moe` some dense ones and then equal expert layers.

    `inner` is the width of a dense FFN; a mixture without dense layers has no use for it.
    """

    is_file = True

    name: Name
    description: str = ""
    layers: Count
    hidden: Count
    heads: Count
    mla: MlaSpec | None = None
    kv_heads: Count = Field(default_factory=_same_as_heads)
    head_dim: Count = Field(default_factory=_of_a_head)
    inner: Count
    vocab: Count
    positions: Literal["rotary", "learned"]
    max_positions: Count
    norm: Literal["rms", "layer"]
    activation: Literal["silu", "gelu", "relu"]
    gated: bool
    qkv_bias: bool
    output_bias: bool
    ffn_bias: bool
    tied_embeddings: bool
    dropout: Dropout
    qk_norm: bool = False
    qk_norm_over: Literal["head", "all_heads"] = "head"
    moe: MoeSpec | None = None

    @model_validator(mode="after")
    def _heads_fit(self) -> Self:
        if self.heads % self.kv_heads:
            raise broken_rule("kv_heads", f"expected a divisor of heads ({self.heads})")
        if "head_dim" not in self.model_fields_set and self.mla is None and self.hidden % self.heads:
            raise broken_rule("heads", f"expected a divisor of hidden ({self.hidden}), or the key head_dim")
        if self.positions == "rotary" and self.head_dim % 2:
            raise broken_rule(
                "head_dim", f"expected an even number: rotary positions turn pairs ({self.head_dim} here)"
            )
        return self

    @model_validator(mode="after")
    def _mixture_fits(self) -> Self:
        if self.mla is not None and self.kv_heads != self.heads:
            raise broken_rule(
                "kv_heads", f"expected as many as heads ({self.heads}): latent attention shares the latent"
            )
        if self.mla is not None and self.head_dim != self.mla.query_dim:
            raise broken_rule("head_dim", f"expected nope_dim + rope_dim of mla ({self.mla.query_dim})")
        if self.mla is not None and (self.qkv_bias or self.qk_norm):
            raise broken_rule("mla", "expected qkv_bias and qk_norm to be false beside it")
        if self.moe is not None and self.moe.dense_first >= self.layers:
            raise broken_rule("moe.dense_first", f"expected fewer than layers ({self.layers})")
        return self

    @property
    def moe_layers(self) -> int:
        """How many layers have experts; 0 for a dense model."""
        return self.layers - self.moe.dense_first if self.moe else 0

    @property
    def dense_layers(self) -> int:
        """How many layers have a dense FFN."""
        return self.layers - self.moe_layers

    @property
    def parameter_parts(self) -> dict[str, int]:
        """Parameters by class (a mixture has three more); the final norm is under norms, a tied head is nothing."""
        one_norm = self.hidden * (2 if self.norm == "layer" else 1)
        embedding = self.vocab * self.hidden
        parts = {
            "attention": self.layers * self._attention,
            "ffn": self.dense_layers * self._ffn(self.inner),
            "norms": self.layers * (2 * one_norm + self._norms_of_attention) + one_norm,
            "embedding": embedding,
            "positions": self.max_positions * self.hidden if self.positions == "learned" else 0,
            "head": 0 if self.tied_embeddings else embedding,
        }
        if self.moe is not None:
            moe = self.moe
            parts["router"] = self.moe_layers * moe.experts * (self.hidden + moe.gate_bias)
            parts["experts"] = self.moe_layers * moe.experts * self._ffn(moe.expert_inner)
            parts["shared_experts"] = self.moe_layers * moe.shared_experts * self._ffn(moe.shared_inner)
        return parts

    @property
    def parameters(self) -> int:
        """The exact count, with biases and the final norm."""
        return sum(self.parameter_parts.values())

    @property
    def active_parameters(self) -> int:
        """Those that one token meets: all but the experts it does not choose (the whole embedding is counted)."""
        if self.moe is None:
            return self.parameters
        return self.parameters - self.moe_layers * (self.moe.experts - self.moe.top_k) * self.expert_parameters

    @property
    def expert_parameters(self) -> int:
        """One routed expert; 0 for a dense model."""
        return self._ffn(self.moe.expert_inner) if self.moe else 0

    @property
    def _attention(self) -> int:
        query, key_value = self.heads * self.head_dim, 2 * self.kv_heads * self.head_dim
        if self.mla is not None:
            return self.mla.matrices(self.hidden, self.heads) + self.output_bias * self.hidden
        attention = self.hidden * (query + key_value) + query * self.hidden
        return attention + self.qkv_bias * (query + key_value) + self.output_bias * self.hidden

    @property
    def _norms_of_attention(self) -> int:
        gains = 2 * self.head_dim
        if self.qk_norm_over == "all_heads":
            gains = (self.heads + self.kv_heads) * self.head_dim
        of_heads = gains * (2 if self.norm == "layer" else 1) if self.qk_norm else 0
        return of_heads + (self.mla.norm_gains if self.mla is not None else 0)

    def _ffn(self, inner: int) -> int:
        """One FFN, or one expert, of this width."""
        widened = (2 if self.gated else 1) * inner
        return self.hidden * widened + inner * self.hidden + self.ffn_bias * (widened + self.hidden)
