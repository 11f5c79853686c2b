"""Random small packages, models and plans: every one of them must run, and every law must hold on it."""

from typing import Any, NamedTuple

from hypothesis import assume
from hypothesis import strategies as st

from hecasim.parallel import METHODS
from hecasim.specs import ModelSpec, OptionsSpec, PackageSpec, PlanSpec

GIGA, KIB = 10**9, 1024
RATES = st.sampled_from([1, 3, 7, 32, 100]).map(lambda rate: rate * GIGA)
PORTS = st.none() | RATES
ROOMS = st.none() | st.sampled_from([2, 16, 256]).map(lambda size: size * KIB)


class Case(NamedTuple):
    """The three inputs of a run."""

    package: PackageSpec
    model: ModelSpec
    plan: PlanSpec

    def with_plan(self, **changes: Any) -> "Case":
        return self._replace(plan=changed(self.plan, changes))

    def with_package(self, **changes: Any) -> "Case":
        return self._replace(package=changed(self.package, changes))

    def with_options(self, **changes: Any) -> "Case":
        return self.with_plan(**{f"options.{key}": value for key, value in changes.items()})


def changed(spec: Any, changes: dict[str, Any]) -> Any:
    """A validated copy of *spec* with fields changed; keys are dotted field names."""
    tree = spec.model_dump(by_alias=False)
    for dotted, value in changes.items():
        *path, last = dotted.split(".")
        place = tree
        for key in path:
            place = place[key]
        place[last] = value
    return type(spec).model_validate(tree, by_name=True, by_alias=False)


@st.composite
def cores(draw):
    if draw(st.booleans()):
        return {"kind": "ideal", "peak_flop_per_s": draw(st.sampled_from([3 * 10**9, 10**11, 10**13]))}
    return {
        "kind": "systolic",
        "clock_hz": draw(st.sampled_from([10**9, 700 * 10**6, 333_333_333])),
        "arrays": draw(st.integers(1, 3)),
        "rows": draw(st.integers(2, 9)),
        "columns": draw(st.integers(2, 9)),
        "dataflow": draw(st.sampled_from(["ws", "os", "is"])),
        "fold_overlap": draw(st.booleans()),
        "vector_lanes": draw(st.integers(1, 16)),
    }


@st.composite
def memories(draw):
    attached = draw(st.sampled_from(["edge", "every_die"]))
    common = {"attached": attached, "energy_j_per_bit": 1.5e-11, "capacity_bytes": None}
    if draw(st.booleans()):
        return common | {"kind": "ideal", "bandwidth_bytes_per_s": None, "latency_ps": 0}
    capacity = draw(st.none() | st.just(1000))
    return common | {
        "kind": "made up",
        "bandwidth_bytes_per_s": draw(PORTS),
        "latency_ps": draw(st.sampled_from([1, 777, 90_000])),
        "capacity_bytes": capacity,
    }


@st.composite
def packages(draw):
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    return PackageSpec.model_validate(
        {
            "name": "random",
            "topology": {"kind": draw(st.sampled_from(["mesh", "torus"])), "rows": rows, "columns": columns},
            "chiplet": {
                "tile_core": draw(cores()),
                "tile_sram": {
                    "weights_bytes": draw(ROOMS),
                    "activations_bytes": draw(ROOMS),
                    "core_bandwidth_bytes_per_s": draw(PORTS),
                    "nop_bandwidth_bytes_per_s": draw(PORTS),
                    "dram_bandwidth_bytes_per_s": draw(PORTS),
                    "reduction_bandwidth_bytes_per_s": draw(PORTS),
                    "ports": draw(st.sampled_from(["separate", "separate", "shared"])),
                    "port_bandwidth_bytes_per_s": draw(RATES),
                },
                "reduction": draw(st.sampled_from(["unit", "vector"])),
            },
            "link": {
                "bandwidth_bytes_per_s": draw(RATES),
                "latency_ps": draw(st.sampled_from([1, 999, 10_000])),
                "adapter_latency_ps": draw(st.sampled_from([0, 1_501])),
                "payload_efficiency": draw(st.sampled_from([1.0, 0.75])),
                "energy_j_per_bit": 5e-13,
            },
            "memory": draw(memories()),
            "energy": {
                "mac_j": 5e-13,
                "vector_op_j": 5e-13,
                "sram_j_per_bit": 1.6e-13,
                "static_w_per_chiplet": draw(st.sampled_from([0.0, 0.25])),
            },
        },
        by_name=True,
        by_alias=False,
    )


@st.composite
def models(draw):
    kv_heads = draw(st.integers(1, 3))
    biases = draw(st.booleans())
    return ModelSpec.model_validate(
        {
            "name": "random",
            "layers": draw(st.integers(1, 3)),
            "hidden": draw(st.integers(3, 26)),
            "heads": kv_heads * draw(st.integers(1, 4)),
            "kv_heads": kv_heads,
            "head_dim": 2 * draw(st.integers(1, 4)),
            "inner": draw(st.integers(3, 40)),
            "vocab": draw(st.integers(5, 30)),
            "positions": draw(st.sampled_from(["rotary", "learned"])),
            "max_positions": 64,
            "norm": draw(st.sampled_from(["rms", "layer"])),
            "activation": draw(st.sampled_from(["silu", "gelu", "relu"])),
            "gated": draw(st.booleans()),
            "qkv_bias": biases,
            "output_bias": biases,
            "ffn_bias": draw(st.booleans()),
            "tied_embeddings": draw(st.booleans()),
            "dropout": draw(st.sampled_from([0.0, 0.1])),
            "qk_norm": draw(st.booleans()),
        },
        by_name=True,
        by_alias=False,
    )


@st.composite
def plans(draw, rows: int, columns: int):
    fitting = [name for name, make in METHODS.items() if make(OptionsSpec()).objection(rows, columns) is None]
    micro_batch = draw(st.sampled_from([1, 2, 3, "auto"]))
    batch = draw(st.integers(1, 4)) * (1 if micro_batch == "auto" else micro_batch)
    return PlanSpec.model_validate(
        {
            "method": draw(st.sampled_from(sorted(fitting))),
            "options": {
                "ring": draw(st.sampled_from(["unidirectional", "bidirectional"])),
                "colours": draw(st.sampled_from(["sequential", "two"])),
                "regather": draw(st.booleans()),
                "kv": draw(st.sampled_from(["replicate", "gather"])),
                "realise": draw(st.sampled_from(["whole", "rounds", None])),
                "chunks": draw(st.integers(1, 3)),
            },
            "batch": batch,
            "micro_batch": micro_batch,
            "sequence": draw(st.integers(3, 21)),
            "token_tile": draw(st.sampled_from(["auto", 4, 7, 16])),
            "attention": draw(st.sampled_from(["streamed", "materialised"])),
            "causal_skip": draw(st.booleans()),
            "overlap": draw(st.sampled_from(["none", "micro_batch", "chunk"])),
            "schedule": draw(st.sampled_from(["fused", "layerwise", "reload_weights"])),
            "recompute": draw(st.sampled_from(["none", "selective", "full"])),
            "precision": draw(st.sampled_from(["bf16", "fp32", "fp8"])),
            "optimizer": draw(st.sampled_from(["adam", "sgd", "none"])),
            "optimizer_traffic": draw(st.booleans()),
            "dram_map": draw(st.sampled_from(["row", "nearest"])),
            "segment_bytes": draw(st.sampled_from([333, 4096, 256 * KIB])),
            "capacity": "warn",
        },
        by_name=True,
        by_alias=False,
    )


@st.composite
def cases(draw):
    """A run: a package, a model and a plan that suits its grid."""
    package = draw(packages())
    plan = draw(plans(package.topology.rows, package.topology.columns))
    return Case(package, draw(models()), plan)


@st.composite
def cases_of_several_tiles(draw):
    case = draw(cases())
    assume(case.package.topology.rows * case.package.topology.columns > 1)
    return case
