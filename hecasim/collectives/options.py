"""What every schedule function is given: an order of tiles, members, a size and options; and how these are read."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from hecasim.collectives.pattern import Stage
from hecasim.errors import ConfigError, nearest

Options = Mapping[str, object]
"""Keys read here: ring, colours, chunks. Others belong to other families and are passed over."""

DEFAULT_CHUNKS = 8


class Grid(Protocol):
    """What a schedule asks of a topology: its columns, and the orders of a group (see `hecasim.topologies`)."""

    @property
    def columns(self) -> int:
        """Tiles in a row; tile number = row * columns + column."""

    def ring_order(self, members: Sequence[int], /) -> tuple[int, ...]:
        """The order in which these tiles form a ring."""

    def line_order(self, members: Sequence[int], /) -> tuple[int, ...]:
        """The order in which these tiles form a line."""


Schedule = Callable[[Grid, Sequence[int], int, Options], tuple[Stage, ...]]
"""(topology, members, size in bytes of the full tensor, options) -> stages."""


def choice(options: Options, key: str, known: Sequence[str]) -> str:
    """The word under *key*, one of *known*; the first of them if it is not given."""
    word = options.get(key)
    if word is None:
        return known[0]
    if word not in known:
        raise ConfigError(f"options.{key}: found '{word}'; {nearest(str(word), known)}")
    return str(word)


def chunk_count(options: Options, tile_bytes: int) -> int:
    """How many pipelined chunks a tile goes in: `chunks`, but none of them empty."""
    count = options.get("chunks", DEFAULT_CHUNKS)
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ConfigError(f"options.chunks: found '{count}'; expected a whole number of at least 1")
    return min(count, tile_bytes)


def share(size_bytes: int, parts: int) -> int:
    """Bytes of the largest of *parts* equal parts: rounded up, so that nothing is lost.

    Rounded parts may leave the last ones short; every step is charged the largest, which is what its time depends on.
    """
    return -(-size_bytes // parts)


def check_group(name: str, members: Sequence[int], size_bytes: int) -> None:
    """Refuse an empty group, a tile listed twice, and an exchange of nothing: each is a fault of the caller's data."""
    if not members or len(set(members)) < len(members):
        raise ConfigError(f"{name}: found members {list(members)}; expected at least one tile, each of them once")
    if size_bytes < 1:
        raise ConfigError(f"{name}: found a size of {size_bytes} bytes; expected at least 1")
