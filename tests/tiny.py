"""The smallest inputs worth simulating: 2 x 2 dies and a model of two layers, as files and as specs."""

from pathlib import Path
from typing import Any

PACKAGE = """\
name: tiny_2x2
description: Four small dies
topology: {kind: mesh, rows: 2, columns: 2}
chiplet:
  core: {kind: systolic, clock: 1 GHz, arrays: 1, rows: 16, columns: 16, dataflow: ws, vector_lanes: 64}
  sram:
    weights: 1 MiB
    activations: 1 MiB
    core_bandwidth: 256 GB/s
    nop_bandwidth: 128 GB/s
    dram_bandwidth: 128 GB/s
    reduction_bandwidth: 128 GB/s
link: {bandwidth: 32 GB/s, latency: 10 ns, energy: 0.5 pJ/b}
memory: {kind: ddr5_6400, attached: edge, background_per_channel: 0 W}
energy: {mac: 0.5 pJ, vector_op: 0.5 pJ, sram: 0.16 pJ/b, static_per_chiplet: 0 W}
"""

MODEL = """\
name: tiny
layers: 2
hidden: 64
heads: 4
inner: 128
vocab: 256
positions: rotary
max_positions: 128
norm: rms
activation: silu
gated: true
qkv_bias: false
output_bias: false
ffn_bias: false
tied_embeddings: false
dropout: 0.0
"""

PLAN = "{batch: 4, sequence: 64}"


def write_inputs(folder: Path, methods: list[str] | None = None) -> Path:
    """Write package, model and study into *folder*; give the path of the study."""
    (folder / "package.yaml").write_text(PACKAGE)
    (folder / "model.yaml").write_text(MODEL)
    study = folder / "study.yaml"
    lines = ["name: tiny", "package: ./package.yaml", "model: ./model.yaml", f"plan: {PLAN}"]
    lines += [f"methods: [{', '.join(methods)}]"] if methods else []
    study.write_text("\n".join(lines) + "\n")
    return study


def tiny_inputs(folder: Path, **plan: Any) -> tuple[Any, Any, Any]:
    """Load the tiny package and model, and their plan with changes."""
    from hecasim.specs import load_model, load_package, load_plan, load_study

    study = load_study(write_inputs(folder))
    return load_package(study.package), load_model(study.model), load_plan(study.plan, plan)
