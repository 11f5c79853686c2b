"""Direct all-to-all: every member sends every other member its block at once, the nearest in order first.

Blocks are equal, or each pair has its own: then `tile_bytes` is a table of all tiles of the package, row by row what a
tile sends to tile 0, 1, ...; empty blocks are not sent.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from hecasim.collectives.options import Grid, Options, check_group, share
from hecasim.collectives.pattern import Pattern, Send, Stage
from hecasim.errors import ConfigError


@dataclass(frozen=True)
class Direct(Pattern):
    """Each member sends *chunk_bytes* to the members 1, 2, ... places further on; the step is that distance.

    Step 0 would be a member's block for itself, which stays where it is.
    """

    members: tuple[int, ...]
    chunk_bytes: int
    steps: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", len(self.members))

    def opening(self, position: int) -> Sequence[Send]:
        """One block to every other member."""
        size = self.steps
        return tuple(Send((position + step) % size, self.chunk_bytes, step) for step in range(1, size))

    def answer(self, position: int, step: int, source: int) -> Sequence[Send]:  # noqa: ARG002  the family's signature
        """Nothing: no block waits for another."""
        return ()

    def expected(self, position: int) -> int:  # noqa: ARG002  all members are alike
        """One message from every other member."""
        return self.steps - 1

    def sent(self, position: int) -> int:  # noqa: ARG002  all members are alike
        """One message to every other member."""
        return self.steps - 1

    def reduces(self, step: int) -> bool:  # noqa: ARG002  no step does
        """Never."""
        return False

    def flows(self) -> dict[tuple[int, int], int]:
        """One block for every ordered pair."""
        return {(a, b): self.chunk_bytes for a in self.members for b in self.members if a != b}

    def carries(self, position: int, step: int) -> int:
        """The sender's block for the member *step* places on."""
        return (position + step) % self.steps


@dataclass(frozen=True)
class Uneven(Pattern):
    """Each member sends the members 1, 2, ... places further on what *blocks* says; the step is that distance."""

    members: tuple[int, ...]
    blocks: tuple[tuple[int, ...], ...]
    """Bytes by position of the source, then of the target."""
    steps: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", len(self.members))

    def opening(self, position: int) -> Sequence[Send]:
        """Its blocks that are not empty."""
        row, size = self.blocks[position], self.steps
        around = [((position + step) % size, step) for step in range(1, size)]
        return tuple(Send(target, row[target], step) for target, step in around if row[target])

    def answer(self, position: int, step: int, source: int) -> Sequence[Send]:  # noqa: ARG002  the family's signature
        """Nothing: no block waits for another."""
        return ()

    def expected(self, position: int) -> int:
        """One message from everybody who has something for it."""
        return sum(row[position] > 0 for source, row in enumerate(self.blocks) if source != position)

    def sent(self, position: int) -> int:
        """One message to everybody for whom it has something."""
        return sum(size > 0 for target, size in enumerate(self.blocks[position]) if target != position)

    def reduces(self, step: int) -> bool:  # noqa: ARG002  no step does
        """Never."""
        return False

    def flows(self) -> dict[tuple[int, int], int]:
        """What the table says, without what stays."""
        return {(self.members[source], self.members[target]): size for source, row in enumerate(self.blocks)
                for target, size in enumerate(row) if size and source != target}  # fmt: skip

    def carries(self, position: int, step: int) -> int:
        """The sender's block for the member *step* places on."""
        return (position + step) % self.steps


def all_to_all(grid: Grid, members: Sequence[int], size_bytes: int, options: Options) -> tuple[Stage, ...]:  # noqa: ARG001
    """Every member holds M/n of the *size_bytes* = M and sends ceil(M/n^2) of it to each other member."""
    check_group("direct.all_to_all", members, size_bytes)
    if len(members) == 1:
        return ()
    return ((Direct(tuple(members), share(size_bytes, len(members) ** 2)),),)


def uneven_all_to_all(grid: Grid, members: Sequence[int], size_bytes: int, options: Options) -> tuple[Stage, ...]:  # noqa: ARG001
    """Every member sends every other member bytes of its own, as the table `tile_bytes` says (tokens to experts).

    *size_bytes*, their sum, says that there are any.
    """
    name = "direct.uneven_all_to_all"
    check_group(name, members, size_bytes)
    if len(members) == 1:
        return ()
    table = options.get("tile_bytes")
    tiles = math.isqrt(len(table)) if isinstance(table, tuple) else 0
    if not isinstance(table, tuple) or tiles**2 != len(table) or max(members) >= tiles:
        raise ConfigError(f"{name}: found no tile_bytes for all pairs; expected one number per source and target tile")
    blocks = tuple(tuple(table[source * tiles + target] for target in members) for source in members)
    pattern = Uneven(tuple(members), blocks)
    return ((pattern,),) if any(map(pattern.sent, range(len(members)))) else ()
