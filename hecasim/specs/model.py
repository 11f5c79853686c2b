"""What the user says about the network to train; no hardware in it."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from hecasim.specs.spec import Count, Name, Spec, broken_rule

Dropout = Annotated[float, Field(ge=0, lt=1)]


def _same_as_heads(given: dict[str, Any]) -> Any:
    return given["heads"]


def _hidden_over_heads(given: dict[str, Any]) -> Any:
    return max(given["hidden"] // given["heads"], 1)


class ModelSpec(Spec):
    """A decoder-only transformer with equal layers."""

    is_file = True

    name: Name
    description: str = ""
    layers: Count
    hidden: Count
    heads: Count
    kv_heads: Count = Field(default_factory=_same_as_heads)
    head_dim: Count = Field(default_factory=_hidden_over_heads)
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

    @model_validator(mode="after")
    def _heads_fit(self) -> Self:
        if self.heads % self.kv_heads:
            raise broken_rule("kv_heads", f"expected a divisor of heads ({self.heads})")
        if "head_dim" not in self.model_fields_set and self.hidden % self.heads:
            raise broken_rule("heads", f"expected a divisor of hidden ({self.hidden}), or the key head_dim")
        if self.positions == "rotary" and self.head_dim % 2:
            raise broken_rule(
                "head_dim", f"expected an even number: rotary positions turn pairs ({self.head_dim} here)"
            )
        return self

    @property
    def parameter_parts(self) -> dict[str, int]:
        """Parameters by class; the final norm is under norms, a tied head is nothing."""
        query, key_value = self.heads * self.head_dim, 2 * self.kv_heads * self.head_dim
        attention = self.hidden * (query + key_value) + query * self.hidden
        attention += self.qkv_bias * (query + key_value) + self.output_bias * self.hidden
        widened = (2 if self.gated else 1) * self.inner
        ffn = self.hidden * widened + self.inner * self.hidden + self.ffn_bias * (widened + self.hidden)
        one_norm = self.hidden * (2 if self.norm == "layer" else 1)
        norms = 2 * one_norm + (2 * self.head_dim * (2 if self.norm == "layer" else 1) if self.qk_norm else 0)
        embedding = self.vocab * self.hidden
        return {
            "attention": self.layers * attention,
            "ffn": self.layers * ffn,
            "norms": self.layers * norms + one_norm,
            "embedding": embedding,
            "positions": self.max_positions * self.hidden if self.positions == "learned" else 0,
            "head": 0 if self.tied_embeddings else embedding,
        }

    @property
    def parameters(self) -> int:
        """The exact count, with biases and the final norm."""
        return sum(self.parameter_parts.values())
