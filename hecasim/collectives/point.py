"""Point to point: one message from one tile to another."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hecasim.collectives.options import Grid, Options, check_group
from hecasim.collectives.pattern import Pattern, Send, Stage
from hecasim.errors import ConfigError


@dataclass(frozen=True)
class PointToPoint(Pattern):
    """*size_bytes* from tile *source* (position 0) to tile *target* (position 1)."""

    source: int
    target: int
    size_bytes: int
    members: tuple[int, ...] = field(init=False, repr=False, compare=False)
    steps: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "members", (self.source, self.target))
        object.__setattr__(self, "steps", 1)

    def opening(self, position: int) -> Sequence[Send]:
        """The source sends its one message."""
        return () if position else (Send(1, self.size_bytes, 0),)

    def answer(self, position: int, step: int, source: int) -> Sequence[Send]:  # noqa: ARG002  the family's signature
        """Nothing."""
        return ()

    def expected(self, position: int) -> int:
        """One message at the target."""
        return position

    def sent(self, position: int) -> int:
        """One message from the source."""
        return 1 - position

    def reduces(self, step: int) -> bool:  # noqa: ARG002  no step does
        """Never."""
        return False

    def flows(self) -> dict[tuple[int, int], int]:
        """The one message."""
        return {(self.source, self.target): self.size_bytes}

    def carries(self, position: int, step: int) -> int:  # noqa: ARG002  there is one message
        """The whole."""
        return 0


def send(grid: Grid, members: Sequence[int], size_bytes: int, options: Options) -> tuple[Stage, ...]:  # noqa: ARG001
    """*size_bytes* from the first of two members to the second; nothing if there is only one."""
    return _one("point.send", members, size_bytes)


def staged(grid: Grid, members: Sequence[int], size_bytes: int, options: Options) -> tuple[Stage, ...]:  # noqa: ARG001
    """The part of a DRAM transfer between a switch that stores and forwards and its chiplet: a message like `send`."""
    return _one("staged.send", members, size_bytes)


def _one(name: str, members: Sequence[int], size_bytes: int) -> tuple[Stage, ...]:
    check_group(name, members, size_bytes)
    if len(members) == 1:
        return ()
    if len(members) > 2:
        raise ConfigError(f"{name}: found {len(members)} members; expected the source and the target")
    return ((PointToPoint(members[0], members[1], size_bytes),),)
