"""Dispatch and combine on a tree: from an attention chiplet to the expert chiplets and back, by way of their switches.

Members are the attention chiplet, then switches, then expert chiplets. `tile_bytes` (one number per tile of the
package) says how much: a chiplet's entry is what passes between it and its switch, a switch's entry what passes between
it and the attention chiplet: one copy for its group, which the switch replicates on dispatch and makes by adding on
combine. A group whose switch has no entry speaks to the attention chiplet directly: each of its copies crosses both
links (Mozart, arXiv 2603.07006, section 4.4, leaves open where copies are made).

Data goes in chunks, so that a switch sends the first on before the last has come. A chunk of a part of b bytes in c
chunks is floor(b (i + 1) / c) - floor(b i / c) bytes: all of them add up to b exactly, and empty ones are not sent.
"""

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeGuard

from hecasim.collectives.options import Grid, Options, check_group, chunk_count
from hecasim.collectives.pattern import Pattern, Send, Stage
from hecasim.errors import ConfigError

ROOT = 0
"""Position of the attention chiplet."""


class TreeGrid(Grid, Protocol):
    """What these schedules ask of a tree, besides its orders."""

    @property
    def roles(self) -> Sequence[str]:
        """attention, switch or expert, per tile."""

    def switch_of(self, tile: int, /) -> int:
        """The switch above an expert chiplet."""


class Branch(NamedTuple):
    """One group's part: the position of its switch, bytes on the switch's link, and (position, bytes) of chiplets.

    `trunk_bytes` of 0: nothing is replicated or added at the switch.
    """

    switch: int
    trunk_bytes: int
    leaves: tuple[tuple[int, int], ...]
    chunks: int


def part_of(size_bytes: int, chunk: int, chunks: int) -> int:
    """Bytes of one of *chunks* chunks."""
    return size_bytes * (chunk + 1) // chunks - size_bytes * chunk // chunks


@dataclass(frozen=True)
class _OnTree(Pattern):
    """What both ways share: all messages, made once, as tables.

    Step = chunk * links + number of the link, which is the place of its lower end in `members` less one.
    """

    members: tuple[int, ...]
    branches: tuple[Branch, ...]
    steps: int = field(init=False, repr=False, compare=False)
    links: int = field(init=False, repr=False, compare=False)
    opened: dict[int, list[Send]] = field(init=False, repr=False, compare=False)
    answers: dict[tuple[int, int], list[Send]] = field(init=False, repr=False, compare=False)
    """(position, chunk) -> what it sends on when it has that chunk."""
    awaited: dict[tuple[int, int], int] = field(init=False, repr=False, compare=False)
    """(position, chunk) -> the messages it has then."""
    adding: frozenset[int] = field(init=False, repr=False, compare=False)
    """Positions whose messages are added where they arrive."""
    received: Counter[int] = field(init=False, repr=False, compare=False)
    sends: Counter[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        put, count = object.__setattr__, max(branch.chunks for branch in self.branches)
        put(self, "links", len(self.members) - 1)
        put(self, "steps", self.links * count)
        for name, table in (("opened", {}), ("answers", {}), ("awaited", {}), ("adding", frozenset())):
            put(self, name, table)
        for chunk in range(count):
            for branch in self.branches:
                if chunk < branch.chunks:
                    self._expand(branch, chunk)
        said = [*self.opened.items(), *((place, sends) for (place, _), sends in self.answers.items())]
        put(self, "sends", Counter(place for place, sends in said for _ in sends))
        put(self, "received", Counter(send.target for _, sends in said for send in sends))

    @abstractmethod
    def _expand(self, branch: Branch, chunk: int) -> None:
        """Put the messages of one chunk of a group into the tables."""

    def _message(self, target: int, below: int, size_bytes: int, branch: Branch, chunk: int) -> list[Send]:
        """A chunk of the part that passes the link above position *below*; nothing if it is empty."""
        size = part_of(size_bytes, chunk, branch.chunks)
        return [Send(target, size, chunk * self.links + below - 1)] if size else []

    def _trunk(self, branch: Branch, chunk: int, target: int) -> list[Send]:
        return self._message(target, branch.switch, branch.trunk_bytes, branch, chunk)

    def opening(self, position: int) -> Sequence[Send]:
        """What waits for nothing, chunk by chunk."""
        return self.opened.get(position, ())

    def answer(self, position: int, step: int, source: int) -> Sequence[Send]:  # noqa: ARG002  the family's signature
        """What a switch sends on of a chunk."""
        return self.answers.get((position, step // self.links), ())

    def expected(self, position: int) -> int:
        """All messages to it."""
        return self.received[position]

    def sent(self, position: int) -> int:
        """All messages of it."""
        return self.sends[position]

    def reduces(self, step: int) -> bool:
        """Whether a switch adds it."""
        return step % self.links + 1 in self.adding

    def _links(self) -> Iterator[tuple[int, int, int]]:
        """(tile above, tile below, bytes) of everything that is passed."""
        for branch in self.branches:
            hub = branch.switch if branch.trunk_bytes else ROOT
            for place, size in branch.leaves:
                yield self.members[hub], self.members[place], size
            if branch.trunk_bytes:
                yield self.members[ROOT], self.members[branch.switch], branch.trunk_bytes

    def carries(self, position: int, step: int) -> int:  # noqa: ARG002  the link names the data
        """The chunk on its link."""
        return step


@dataclass(frozen=True)
class Dispatch(_OnTree):
    """Tokens from the attention chiplet to the expert chiplets: one copy per group, or one per chiplet."""

    def _expand(self, branch: Branch, chunk: int) -> None:
        fan = [send for place, size in branch.leaves for send in self._message(place, place, size, branch, chunk)]
        of_root = self.opened.setdefault(ROOT, [])
        if branch.trunk_bytes:
            of_root += self._trunk(branch, chunk, branch.switch)
            self.answers[branch.switch, chunk] = fan
        else:
            of_root += fan

    def flows(self) -> dict[tuple[int, int], int]:
        """What each link's entry says, downward."""
        return {(above, below): size for above, below, size in self._links()}


@dataclass(frozen=True)
class Combine(_OnTree):
    """Expert outputs from the chiplets to the attention chiplet, added on their way in the switches."""

    joins = True

    def __post_init__(self) -> None:
        super().__post_init__()
        adding = [place for branch in self.branches if branch.trunk_bytes for place, _ in branch.leaves]
        object.__setattr__(self, "adding", frozenset(adding))

    def _expand(self, branch: Branch, chunk: int) -> None:
        senders = 0
        for place, size in branch.leaves:
            sends = self._message(branch.switch if branch.trunk_bytes else ROOT, place, size, branch, chunk)
            self.opened.setdefault(place, []).extend(sends)
            senders += len(sends)
        onward = self._trunk(branch, chunk, ROOT)
        if senders:
            self.answers[branch.switch, chunk] = onward
            self.awaited[branch.switch, chunk] = senders
        else:
            self.opened.setdefault(branch.switch, []).extend(onward)

    def awaits(self, position: int, step: int) -> tuple[int, int]:
        """A switch adds the same chunk of all its chiplets."""
        chunk = step // self.links
        return (chunk, self.awaited[position, chunk]) if position != ROOT else (step, 1)

    def flows(self) -> dict[tuple[int, int], int]:
        """What each link's entry says, upward."""
        return {(below, above): size for above, below, size in self._links()}


def dispatch(grid: Grid, members: Sequence[int], size_bytes: int, options: Options) -> tuple[Stage, ...]:
    """Tokens from an attention chiplet to expert chiplets by way of their switches, `tile_bytes` on each link.

    *size_bytes*, their sum, says that there are any.
    """
    return _stages(Dispatch, "tree.dispatch", grid, members, size_bytes, options)


def combine(grid: Grid, members: Sequence[int], size_bytes: int, options: Options) -> tuple[Stage, ...]:
    """Expert outputs back to an attention chiplet, added in the switches on their way, `tile_bytes` on each link.

    *size_bytes*, their sum, says that there are any.
    """
    return _stages(Combine, "tree.combine", grid, members, size_bytes, options)


def _stages(
    kind: type[_OnTree], name: str, grid: Grid, members: Sequence[int], size_bytes: int, options: Options
) -> tuple[Stage, ...]:
    check_group(name, members, size_bytes)
    if len(members) == 1:
        return ()
    if not _is_tree(grid):
        raise ConfigError(f"{name}: found a grid; expected a package whose topology is a tree")
    branches = _branches(name, grid, members, options)
    return ((kind(tuple(members), branches),),) if branches else ()


def _is_tree(grid: Grid) -> TypeGuard[TreeGrid]:
    return hasattr(grid, "switch_of")


def _branches(name: str, grid: TreeGrid, members: Sequence[int], options: Options) -> tuple[Branch, ...]:
    """The groups to or from which anything goes."""
    sizes = _tile_bytes(name, options, len(grid.roles))
    roles = [grid.roles[tile] for tile in members]
    if roles != sorted(roles, key=("attention", "switch", "expert").index) or roles.count("attention") != 1:
        raise ConfigError(f"{name}: found members {list(members)}; expected one attention chiplet, switches, chiplets")
    leaves: dict[int, list[tuple[int, int]]] = {tile: [] for tile in members if grid.roles[tile] == "switch"}
    for place, tile in enumerate(members):
        if grid.roles[tile] == "expert":
            switch = grid.switch_of(tile)
            if switch not in leaves:
                raise ConfigError(f"{name}: found chiplet {tile} without its switch {switch} among the members")
            if sizes[tile]:
                leaves[switch].append((place, sizes[tile]))
    found = []
    for switch, below in leaves.items():
        trunk = sizes[switch]
        most = max((size for _, size in below), default=trunk)
        if most:
            chunks = chunk_count(options, min(trunk, most) if trunk else most)
            found.append(Branch(members.index(switch), trunk, tuple(below), chunks))
    return tuple(found)


def _tile_bytes(name: str, options: Options, tiles: int) -> Sequence[int]:
    given = options.get("tile_bytes")
    if not isinstance(given, tuple) or len(given) not in (1, tiles):
        raise ConfigError(f"{name}: found no tile_bytes; expected one number per tile ({tiles})")
    return given * tiles if len(given) == 1 else given
