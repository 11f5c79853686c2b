"""Pipelined chains: tiles of data go down a line of members, or are summed on their way up it, chunk by chunk.

A round has a root. In a broadcast round the root's tile travels to both ends of the line; in a reduce round partial
sums travel from both ends to the root. With every member as root in turn these are the broadcasts and reductions of
SUMMA, as Optimus (arXiv 2104.05343) uses it; with one root they are a plain broadcast and reduce. Chunks are stored
and forwarded, so a tile of m bytes in c chunks passes n members in about (n - 2 + c) chunk times (derived).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hecasim.collectives.options import Grid, Options, check_group, chunk_count, share
from hecasim.collectives.pattern import Pattern, Send, Stage


@dataclass(frozen=True)
class _Rounds(Pattern):
    """What both directions share: *members* in line order, the *roots* (positions) of the rounds, and the chunks.

    Step = round * chunks + chunk. A tile moves as *chunks* chunks of ceil(tile_bytes / chunks) bytes.
    """

    members: tuple[int, ...]
    roots: tuple[int, ...]
    tile_bytes: int
    chunks: int
    steps: int = field(init=False, repr=False, compare=False)
    chunk_bytes: int = field(init=False, repr=False, compare=False)
    last: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", len(self.roots) * self.chunks)
        object.__setattr__(self, "chunk_bytes", share(self.tile_bytes, self.chunks))
        object.__setattr__(self, "last", len(self.members) - 1)

    def _tile(self, number: int, targets: Sequence[int]) -> Iterator[Send]:
        """The chunks of round *number* to each of *targets*, chunk by chunk."""
        for step in range(number * self.chunks, (number + 1) * self.chunks):
            for target in targets:
                yield Send(target, self.chunk_bytes, step)

    def _onward(self, position: int, step: int, source: int) -> tuple[Send, ...]:
        """The same chunk to the member on the far side of *source*, if there is one."""
        target = position + 1 if source < position else position - 1
        return (Send(target, self.chunk_bytes, step),) if 0 <= target <= self.last else ()

    def _neighbours(self, position: int) -> tuple[int, ...]:
        return tuple(place for place in (position + 1, position - 1) if 0 <= place <= self.last)

    def _hops(self) -> Iterator[tuple[int, int, int]]:
        """Both sides of every edge: (inner position, outer position, rounds whose root lies on the inner side)."""
        for place in range(self.last):
            left = sum(root <= place for root in self.roots)
            yield place, place + 1, left
            yield place + 1, place, len(self.roots) - left

    def carries(self, position: int, step: int) -> int:  # noqa: ARG002  it keeps its number on its way
        """The chunk, counted over all rounds: each is moved under one step number."""
        return step


class BroadcastRounds(_Rounds):
    """Round r: the tile of member roots[r] reaches every member.

    The roots of rounds 0 and 1 begin at once; that of round r begins when it has the whole of round r - 2 (at once if
    that was its own): two receive buffers per member suffice.
    """

    def opening(self, position: int) -> Sequence[Send]:
        """The tiles of the rounds whose root this is and which wait for nothing."""
        neighbours = self._neighbours(position)
        rounds = [number for number, root in enumerate(self.roots) if root == position]
        free = [number for number in rounds if number < 2 or self.roots[number - 2] == position]
        return [send for number in free for send in self._tile(number, neighbours)]

    def answer(self, position: int, step: int, source: int) -> Sequence[Send]:
        """The chunk goes on; the last one of a round lets the root of the round after the next begin."""
        onward = self._onward(position, step, source)
        number, chunk = divmod(step, self.chunks)
        following = number + 2
        if chunk + 1 < self.chunks or following >= len(self.roots) or self.roots[following] != position:
            return onward
        return (*onward, *self._tile(following, self._neighbours(position)))

    def expected(self, position: int) -> int:
        """Every chunk of every tile that is not its own."""
        return self.chunks * sum(root != position for root in self.roots)

    def sent(self, position: int) -> int:
        """Own tiles to both sides, others to the far side, as long as there is one."""
        return self.chunks * sum(
            (position > 0 and root >= position) + (position < self.last and root <= position) for root in self.roots
        )

    def reduces(self, step: int) -> bool:  # noqa: ARG002  no step does
        """Never."""
        return False

    def flows(self) -> dict[tuple[int, int], int]:
        """An edge carries, away from the root, the tiles of all rounds whose root lies before it."""
        tile = self.chunks * self.chunk_bytes
        return {(self.members[a], self.members[b]): count * tile for a, b, count in self._hops() if count}


class ReduceRounds(_Rounds):
    """Round r: the sum of all members' partial tiles ends at member roots[r].

    The two ends of the line begin all rounds at once, in order; the others add what comes from outside to their own
    and send it on.
    """

    def opening(self, position: int) -> Sequence[Send]:
        """An end of the line sends its partial tile of every round that is not its own."""
        if 0 < position < self.last:
            return ()
        inner = self._neighbours(position)[:1]
        others = [number for number, root in enumerate(self.roots) if root != position]
        return [send for number in others for send in self._tile(number, inner)]

    def answer(self, position: int, step: int, source: int) -> Sequence[Send]:
        """The sum goes on, up to the root."""
        return () if self.roots[step // self.chunks] == position else self._onward(position, step, source)

    def expected(self, position: int) -> int:
        """One sum from outside; the root has two outer sides, unless it stands at an end."""
        return self.chunks * sum(
            (position > 0 and root >= position) + (position < self.last and root <= position) for root in self.roots
        )

    def sent(self, position: int) -> int:
        """One sum for every round whose root it is not."""
        return self.chunks * sum(root != position for root in self.roots)

    def reduces(self, step: int) -> bool:  # noqa: ARG002  every step does
        """Always."""
        return True

    def flows(self) -> dict[tuple[int, int], int]:
        """An edge carries, towards the root, one sum for all rounds whose root lies beyond it."""
        tile = self.chunks * self.chunk_bytes
        return {(self.members[b], self.members[a]): count * tile for a, b, count in self._hops() if count}


def all_gather_rounds(grid: Grid, members: Sequence[int], size_bytes: int, options: Options) -> tuple[Stage, ...]:
    """All-gather of *size_bytes* = M by n broadcasts of ceil(M/n), two of them under way at a time."""
    check_group("rounds.all_gather", members, size_bytes)
    return _stages(BroadcastRounds, grid, members, range(len(members)), share(size_bytes, len(members)), options)


def reduce_scatter_rounds(grid: Grid, members: Sequence[int], size_bytes: int, options: Options) -> tuple[Stage, ...]:
    """Reduce-scatter of *size_bytes* = M by n reductions of ceil(M/n), one to each member."""
    check_group("rounds.reduce_scatter", members, size_bytes)
    return _stages(ReduceRounds, grid, members, range(len(members)), share(size_bytes, len(members)), options)


def broadcast(grid: Grid, members: Sequence[int], size_bytes: int, options: Options) -> tuple[Stage, ...]:
    """*size_bytes* from the first of *members* to all of them."""
    check_group("chain.broadcast", members, size_bytes)
    return _stages(BroadcastRounds, grid, members, [_root(grid, members)], size_bytes, options)


def reduce(grid: Grid, members: Sequence[int], size_bytes: int, options: Options) -> tuple[Stage, ...]:
    """The sum of *size_bytes* per member, at the first of *members*."""
    check_group("chain.reduce", members, size_bytes)
    return _stages(ReduceRounds, grid, members, [_root(grid, members)], size_bytes, options)


def _root(grid: Grid, members: Sequence[int]) -> int:
    return grid.line_order(members).index(members[0])


def _stages(
    kind: type[_Rounds], grid: Grid, members: Sequence[int], roots: Sequence[int], tile_bytes: int, options: Options
) -> tuple[Stage, ...]:
    if len(members) == 1:
        return ()
    chunks = chunk_count(options, tile_bytes)
    return ((kind(grid.line_order(members), tuple(roots), tile_bytes, chunks),),)
