"""One training step, prepared and written down: by a table of cuts on a grid, module by module on a tree.

A mixture of experts on a grid is written module by module too.
"""

from __future__ import annotations

from hecasim.parallel import EXPERTS_ON_GRIDS
from hecasim.specs import ModelSpec, PackageSpec, PlanSpec
from hecasim.trace import build, grid_mixture, mixture
from hecasim.trace.grid_mixed import GridMixedStep, prepare_grid_mixed
from hecasim.trace.mixed import MixedStep, prepare_mixed
from hecasim.trace.prepare import Prepared
from hecasim.trace.prepare import prepare as prepare_grid
from hecasim.trace.task import Trace

Step = Prepared | MixedStep | GridMixedStep


def prepare(package: PackageSpec, model: ModelSpec, plan: PlanSpec) -> Step:
    """Resolve what is `auto` and check that it fits.

    Raises ConfigError where package, model and plan do not suit each other, InfeasiblePlan where they do not fit.
    """
    if package.topology.kind == "tree":
        return prepare_mixed(package, model, plan)
    if plan.method in EXPERTS_ON_GRIDS:
        return prepare_grid_mixed(package, model, plan)
    return prepare_grid(package, model, plan)


def assemble(prepared: Step) -> Trace:
    """The Tasks of the step."""
    if isinstance(prepared, GridMixedStep):
        return grid_mixture.assemble_grid_mixed(prepared)
    return mixture.assemble_mixed(prepared) if isinstance(prepared, MixedStep) else build.assemble(prepared)


def build_trace(package: PackageSpec, model: ModelSpec, plan: PlanSpec) -> Trace:
    """The Tasks of one training step of *model* on *package* the way *plan* says; raises what `prepare` does."""
    return assemble(prepare(package, model, plan))
