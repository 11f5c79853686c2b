"""What the user says about the training step: method, batch, tiling, overlap, precision; no behaviour."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from hecasim.specs.spec import Count, CountOrAuto, Name, Spec, broken_rule
from hecasim.units import Bytes

BYTES_PER_ELEMENT = {"bf16": 2, "fp16": 2, "fp32": 4, "fp8": 1}


def _one_word(value: Any) -> Any:
    """Refuse a list of operator names in words of its own."""
    if isinstance(value, list | tuple):
        raise PydanticCustomError(
            "recompute_list", "expected none, selective or full: a list of operator names is not modelled"
        )
    return value


class OptionsSpec(Spec):
    """How the method's collectives are realised."""

    ring: Literal["unidirectional", "bidirectional"] = "unidirectional"
    colours: Literal["sequential", "two"] = "sequential"
    regather: bool = True
    kv: Literal["replicate", "gather"] = "replicate"
    realise: Literal["whole", "rounds"] | None = None  # None: as the method itself says
    chunks: Count = 8


class PlanSpec(Spec):
    """How one training step is carried out."""

    is_file = True

    method: Name = "hecaton"
    options: OptionsSpec = OptionsSpec()
    grid: dict[str, Count] | None = None  # axis -> size; None: the package's own
    batch: Count = 8
    micro_batch: CountOrAuto = "auto"
    sequence: Count = 4096
    token_tile: CountOrAuto = "auto"
    attention: Literal["streamed", "materialised"] = "streamed"
    causal_skip: bool = False
    schedule: Literal["fused", "layerwise", "reload_weights"] = "fused"
    overlap: Literal["none", "micro_batch", "chunk"] = "micro_batch"
    lead: Annotated[int, Field(ge=1, le=64)] = 1  # bodies a tile may run ahead of the slowest
    recompute: Annotated[Literal["none", "selective", "full"], BeforeValidator(_one_word)] = "none"
    precision: Literal["bf16", "fp16", "fp32", "fp8"] = "bf16"
    optimizer: Literal["adam", "sgd", "none"] = "adam"
    optimizer_traffic: bool = True
    dram_map: Literal["row", "nearest"] = "row"
    routing: str = "preset"  # the model's own router, one by name, `uniform`, or a file of recorded routing
    routing_step: Annotated[int, Field(ge=0, lt=2**31)] = 0  # other tokens through the same experts
    routing_drift: Annotated[float, Field(ge=0, le=1)] = 0.0
    expert_placement: Name = "contiguous"
    profile_tokens: Count = 4096  # on which the placement is fitted
    dispatch_copies: Literal["per_expert", "per_chiplet"] = "per_chiplet"
    dispatch_point: Literal["attention", "switch"] = "attention"  # where copies of a token are made
    combine_point: Literal["attention", "switch"] = "switch"  # where the outputs of a token are added
    shared_expert_placement: Literal["attention", "chiplets"] = "attention"
    stream_tokens: bool = True
    stream_experts: bool = True
    tokens_ahead: CountOrAuto = "auto"  # micro-batches of a layer whose tokens may wait at their experts at once
    weights_ahead: Literal["chiplet", "block"] = "chiplet"  # expert weights come when a chiplet, or the block, is done
    stash: Literal["lean", "full"] = "lean"  # what experts save: inputs and what enters activations; outputs too
    weight_passes: Annotated[int, Field(ge=3, le=16)] = 3
    segment_bytes: Bytes = 256 * 1024
    capacity: Literal["refuse", "warn"] = "refuse"
    fidelity: Literal["message", "analytic"] = "message"
    engine: Literal["fast", "plain"] = "fast"  # the same integers
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0

    @model_validator(mode="after")
    def _micro_batch_fits(self) -> Self:
        if isinstance(self.micro_batch, int) and self.micro_batch > self.batch:
            raise broken_rule("micro_batch", f"expected at most batch ({self.batch})")
        return self

    @property
    def bytes_per_element(self) -> int:
        """Bytes of one weight or activation."""
        return BYTES_PER_ELEMENT[self.precision]
