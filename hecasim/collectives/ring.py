"""Ring collectives: every member speaks only to the next one in the ring.

A tensor of M bytes over n members moves in n chunks, so that each member sends (n - 1)/n * M per pass, the least any
algorithm can send (Thakur, Rabenseifner, Gropp 2005; times of it in Hecaton arXiv 2407.05784, our algebra). A bypass
ring is this same pattern on the folded order of a row or column, whose every directed link it then uses once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hecasim.collectives.options import Grid, Options, check_group, choice, share
from hecasim.collectives.pattern import Pattern, Send, Stage

# What Send(...) does in the end. Straight away, answer() takes 0.16 us instead of 0.23, and it runs by the million.
_new = tuple.__new__


@dataclass(frozen=True)
class RingPass(Pattern):
    """*steps* steps round the ring of *members*; the first *reduce_steps* of them bring partial sums."""

    members: tuple[int, ...]
    steps: int
    chunk_bytes: int
    reduce_steps: int
    size: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", len(self.members))

    def opening(self, position: int) -> Sequence[Send]:
        """Chunk number *position* goes to the next member."""
        return (Send((position + 1) % self.size, self.chunk_bytes, 0),) if self.steps else ()

    def answer(self, position: int, step: int, source: int) -> Sequence[Send]:  # noqa: ARG002  the family's signature
        """What arrived goes on to the next member, until the last step."""
        step += 1
        if step == self.steps:
            return ()
        position += 1
        return (_new(Send, (position if position < self.size else 0, self.chunk_bytes, step)),)

    def expected(self, position: int) -> int:  # noqa: ARG002  all members are alike
        """One message per step."""
        return self.steps

    def sent(self, position: int) -> int:  # noqa: ARG002  all members are alike
        """One message per step."""
        return self.steps

    def reduces(self, step: int) -> bool:
        """Whether *step* belongs to the reduce-scatter."""
        return step < self.reduce_steps

    def flows(self) -> dict[tuple[int, int], int]:
        """Every member sends *steps* chunks to the next one."""
        if not self.steps:
            return {}
        following = (*self.members[1:], self.members[0])
        return dict.fromkeys(zip(self.members, following, strict=True), self.steps * self.chunk_bytes)

    def carries(self, position: int, step: int) -> int:
        """Chunk (position - step) mod n: each member hands on what it got one step ago.

        A reduce-scatter therefore leaves the sum of chunk (position + 1) mod n at *position*.
        """
        return (position - step) % self.size


def all_gather_pass(ring: tuple[int, ...], chunk_bytes: int) -> RingPass:
    """After its n - 1 steps every member holds every member's chunk."""
    return RingPass(ring, len(ring) - 1, chunk_bytes, 0)


def reduce_scatter_pass(ring: tuple[int, ...], chunk_bytes: int) -> RingPass:
    """After its n - 1 steps every member holds the full sum of one chunk."""
    return RingPass(ring, len(ring) - 1, chunk_bytes, len(ring) - 1)


def all_reduce_pass(ring: tuple[int, ...], chunk_bytes: int) -> RingPass:
    """A reduce-scatter and an all-gather in one pass of 2(n - 1) steps: every member holds every sum."""
    return RingPass(ring, 2 * (len(ring) - 1), chunk_bytes, len(ring) - 1)


def all_gather(grid: Grid, members: Sequence[int], size_bytes: int, options: Options) -> tuple[Stage, ...]:
    """Ring all-gather; *size_bytes* is the gathered tensor. Each member sends (n - 1) ceil(M/n) bytes."""
    check_group("ring.all_gather", members, size_bytes)
    chunk = share(size_bytes, len(members))
    return _stages([all_gather_pass(ring, size) for ring, size in _rings(grid, members, chunk, options)])


def reduce_scatter(grid: Grid, members: Sequence[int], size_bytes: int, options: Options) -> tuple[Stage, ...]:
    """Ring reduce-scatter; *size_bytes* is the tensor before it is cut. Each member sends (n - 1) ceil(M/n) bytes."""
    check_group("ring.reduce_scatter", members, size_bytes)
    chunk = share(size_bytes, len(members))
    return _stages([reduce_scatter_pass(ring, size) for ring, size in _rings(grid, members, chunk, options)])


def all_reduce(grid: Grid, members: Sequence[int], size_bytes: int, options: Options) -> tuple[Stage, ...]:
    """Ring all-reduce of *size_bytes* per member. Each member sends 2(n - 1) ceil(M/n) bytes."""
    check_group("ring.all_reduce", members, size_bytes)
    chunk = share(size_bytes, len(members))
    return _stages([all_reduce_pass(ring, size) for ring, size in _rings(grid, members, chunk, options)])


def _rings(grid: Grid, members: Sequence[int], chunk_bytes: int, options: Options) -> list[tuple[tuple[int, ...], int]]:
    """One ring, or two in opposite directions with half of each chunk: (order, chunk bytes) of each."""
    ring = grid.ring_order(members)
    if choice(options, "ring", ("unidirectional", "bidirectional")) == "unidirectional":
        return [(ring, chunk_bytes)]
    half = share(chunk_bytes, 2)
    return [(ring, half), ((ring[0], *reversed(ring[1:])), half)]


def _stages(passes: list[RingPass]) -> tuple[Stage, ...]:
    return (tuple(passes),) if passes[0].steps else ()
