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
    SwitchSpec,
    SystolicCoreSpec,
)
from hecasim.specs.plan import OptionsSpec, PlanSpec
from hecasim.specs.spec import Spec
from hecasim.specs.study import StudySpec
from hecasim.specs.topology import GridSpec, TopologySpec, TreeSpec

__all__ = [
    "ChipletSpec",
    "CoreSpec",
    "EnergySpec",
    "GridSpec",
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
    "SwitchSpec",
    "SystolicCoreSpec",
    "TopologySpec",
    "TreeSpec",
    "load_model",
    "load_package",
    "load_plan",
    "load_study",
    "memories",
    "names",
    "resolved",
]
