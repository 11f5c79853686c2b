"""Where every expert lives: a chiplet for each, layer by layer, and chiplets in groups behind one switch each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hecasim.errors import ConfigError


@dataclass(frozen=True)
class Site:
    """Equal chiplets in equal groups: chiplet c belongs to group c // (chiplets / groups)."""

    chiplets: int
    groups: int

    def __post_init__(self) -> None:
        for name in ("chiplets", "groups"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}: found {getattr(self, name)}; expected a whole number above 0")
        if self.chiplets % self.groups:
            raise ConfigError(f"groups: found {self.groups}; expected a divisor of chiplets ({self.chiplets})")

    @property
    def per_group(self) -> int:
        return self.chiplets // self.groups

    def per_chiplet(self, experts: int) -> int:
        """Experts of a layer on each chiplet; ConfigError where they cannot be equally many."""
        if experts % self.chiplets:
            raise ConfigError(f"chiplets: found {self.chiplets}; expected a divisor of the experts ({experts})")
        return experts // self.chiplets


@dataclass(frozen=True, eq=False)
class Placement:
    """The chiplet of every expert, (expert layers, experts); `kind` is its name in PLACEMENTS."""

    kind: str
    site: Site
    chiplet_of: NDArray[np.int16]

    @property
    def chiplets(self) -> int:
        return self.site.chiplets

    @property
    def groups(self) -> int:
        return self.site.groups

    @property
    def group_of(self) -> NDArray[np.int16]:
        """The group of every expert, (expert layers, experts)."""
        groups: NDArray[np.int16] = self.chiplet_of // np.int16(self.site.per_group)
        return groups

    @property
    def layers(self) -> int:
        return int(self.chiplet_of.shape[0])

    @property
    def experts(self) -> int:
        return int(self.chiplet_of.shape[1])

    def members(self, layer: int) -> list[list[int]]:
        """Experts of each chiplet in one layer."""
        return [np.flatnonzero(self.chiplet_of[layer] == chiplet).tolist() for chiplet in range(self.chiplets)]
