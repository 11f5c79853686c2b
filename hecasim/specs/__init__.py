"""What the user says, validated and frozen: the package, the model, the plan, and the study that joins them."""

from hecasim.specs.loader import load_model, load_package, load_plan, load_study, memories, names, resolved
from hecasim.specs.memory import MemorySpec
from hecasim.specs.model import ModelSpec
from hecasim.specs.package import (
    ChipletSpec,
    CoreSpec,
    EnergySpec,
    IdealCoreSpec,
    LinkSpec,
    PackageSpec,
    SramSpec,
    SystolicCoreSpec,
    TopologySpec,
)
from hecasim.specs.plan import OptionsSpec, PlanSpec
from hecasim.specs.spec import Spec
from hecasim.specs.study import StudySpec

__all__ = [
    "ChipletSpec",
    "CoreSpec",
    "EnergySpec",
    "IdealCoreSpec",
    "LinkSpec",
    "MemorySpec",
    "ModelSpec",
    "OptionsSpec",
    "PackageSpec",
    "PlanSpec",
    "Spec",
    "SramSpec",
    "StudySpec",
    "SystolicCoreSpec",
    "TopologySpec",
    "load_model",
    "load_package",
    "load_plan",
    "load_study",
    "memories",
    "names",
    "resolved",
]
