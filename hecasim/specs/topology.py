"""What the user says about who is wired to whom: a grid of equal chiplets, or a tree with attention at its root."""

from typing import Annotated, Literal

from pydantic import Field

from hecasim.specs.spec import Side, Spec

Few = Annotated[int, Field(gt=0, le=256)]


class GridSpec(Spec):
    """Rows x columns equal chiplets."""

    kind: Literal["mesh", "torus"]
    rows: Side
    columns: Side

    @property
    def shape(self) -> tuple[int, ...]:
        """What `hecasim.topologies.make` asks for."""
        return self.rows, self.columns

    @property
    def size(self) -> int:
        """Tiles in all."""
        return self.rows * self.columns

    @property
    def cores(self) -> int:
        """Tiles that compute."""
        return self.size

    @property
    def switches(self) -> int:
        """Dies that only route: none."""
        return 0


class TreeSpec(Spec):
    """Attention chiplets at the root, a switch per group below them, expert chiplets below each switch."""

    kind: Literal["tree"] = "tree"
    attention: Literal[1, 2, 4]
    groups: Few
    chiplets: Few
    """Expert chiplets per group."""

    @property
    def shape(self) -> tuple[int, ...]:
        """What `hecasim.topologies.make` asks for."""
        return self.attention, self.groups, self.chiplets

    @property
    def size(self) -> int:
        """Tiles in all: attention chiplets, switches, expert chiplets."""
        return self.cores + self.groups

    @property
    def cores(self) -> int:
        """Tiles that compute: all but the switches."""
        return self.attention + self.groups * self.chiplets

    @property
    def switches(self) -> int:
        """Dies that only route and add."""
        return self.groups

    @property
    def rows(self) -> int:
        """A tree counts its tiles in one row."""
        return 1

    @property
    def columns(self) -> int:
        """A tree counts its tiles in one row."""
        return self.size


TopologySpec = Annotated[GridSpec | TreeSpec, Field(discriminator="kind")]
