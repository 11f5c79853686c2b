"""What a Trace remembers of the specs that made it: enough for a full Result at replay, and hashes to compare."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any

from hecasim.specs import ModelSpec, PackageSpec, PlanSpec, resolved
from hecasim.specs.spec import Spec

DIGEST_BYTES = 16


def options_of(plan: PlanSpec) -> dict[str, Any]:
    """What a replay must know of the plan."""
    return {"ring": plan.options.ring, "colours": plan.options.colours, "chunks": plan.options.chunks,
            "segment_bytes": plan.segment_bytes, "dram_map": plan.dram_map,
            "element_bytes": plan.bytes_per_element}  # fmt: skip


def spec_hash(spec: Spec) -> str:
    """The same for equal specs, whatever file they came from (blake2b of the resolved values)."""
    text = json.dumps(resolved(spec), sort_keys=True, separators=(",", ":"))
    return blake2b(text.encode("utf-8"), digest_size=DIGEST_BYTES).hexdigest()


def identity(package: PackageSpec, model: ModelSpec, plan: PlanSpec) -> dict[str, Any]:
    """Entries of a Trace's `about`: version, hashes, the package's name, and model and plan as resolved."""
    from hecasim import __version__

    return {
        "version": __version__,
        "hashes": {"package": spec_hash(package), "model": spec_hash(model), "plan": spec_hash(plan)},
        "package": package.name,
        "inputs": {"model": resolved(model), "plan": resolved(plan)},
    }
