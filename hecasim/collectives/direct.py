"""Direct all-to-all: every member sends every other member its block at once, the nearest in order first."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hecasim.collectives.options import Grid, Options, check_group, share
from hecasim.collectives.pattern import Pattern, Send, Stage


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


def all_to_all(grid: Grid, members: Sequence[int], size_bytes: int, options: Options) -> tuple[Stage, ...]:  # noqa: ARG001
    """Every member holds M/n of the *size_bytes* = M and sends ceil(M/n^2) of it to each other member."""
    check_group("direct.all_to_all", members, size_bytes)
    if len(members) == 1:
        return ()
    return ((Direct(tuple(members), share(size_bytes, len(members) ** 2)),),)
