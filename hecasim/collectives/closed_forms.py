"""Bytes sent per member in closed form, with the same rounding of chunks as the schedules (derived).

Without the rounding these are the rows of the cost table of Hecaton (arXiv 2407.05784, our algebra): (n - 1)/n * M for
an all-gather or a reduce-scatter, twice that for an all-reduce, M (n - 1)/n^2 for an all-to-all.
"""

from collections.abc import Mapping

from hecasim.collectives.options import Options, choice, chunk_count, share
from hecasim.errors import ConfigError, nearest

PASSES = {"ring.all_gather": 1, "ring.reduce_scatter": 1, "ring.all_reduce": 2}
NO_OPTIONS: Mapping[str, object] = {}


def bytes_sent_per_member(
    name: str, count: int, size_bytes: int, options: Options = NO_OPTIONS, *, rows: int | None = None
) -> int:
    """Bytes the busiest of *count* members sends in the collective *name* of *size_bytes* (the full tensor).

    *rows* is the number of rows of the rectangle of a torus_2d (its columns are count / rows). The roots of
    chain.broadcast and chain.reduce stand at an end of their line here; one that does not sends twice as much.
    """
    if count == 1:
        return 0
    if name in PASSES:
        return PASSES[name] * (count - 1) * _ring_chunk(share(size_bytes, count), options)
    if name == "torus_2d.all_reduce":
        return _torus_2d(count, size_bytes, options, rows)
    if name == "direct.all_to_all":
        return (count - 1) * share(size_bytes, count**2)
    if name == "rounds.all_gather":
        # An inner member forwards n - 1 tiles and sends its own to both sides; of two members each sends its own.
        return (1 if count == 2 else count + 1) * _in_chunks(share(size_bytes, count), options)
    if name == "rounds.reduce_scatter":
        return (count - 1) * _in_chunks(share(size_bytes, count), options)
    if name in {"chain.broadcast", "chain.reduce"}:
        return _in_chunks(size_bytes, options)
    if name in {"point.send", "staged.send"}:
        return size_bytes
    known = [*PASSES, "torus_2d.all_reduce", "direct.all_to_all", "rounds.all_gather", "rounds.reduce_scatter"]
    known += ["chain.broadcast", "chain.reduce", "point.send", "staged.send"]
    raise ConfigError(f"collective: no closed form for '{name}'; {nearest(name, known)}")


def _ring_chunk(chunk_bytes: int, options: Options) -> int:
    """Bytes of a chunk over both rings."""
    if choice(options, "ring", ("unidirectional", "bidirectional")) == "unidirectional":
        return chunk_bytes
    return 2 * share(chunk_bytes, 2)


def _in_chunks(tile_bytes: int, options: Options) -> int:
    """Bytes of a tile once it is cut into equal chunks."""
    chunks = chunk_count(options, tile_bytes)
    return chunks * share(tile_bytes, chunks)


def _torus_2d(count: int, size_bytes: int, options: Options, rows: int | None) -> int:
    if not rows or count % rows:
        raise ConfigError(f"torus_2d.all_reduce: found {count} members in {rows} rows; expected a divisor of {count}")
    columns = count // rows
    if choice(options, "colours", ("sequential", "two")) == "sequential" or 1 in {rows, columns}:
        return _two_phases(columns, rows, size_bytes)
    half = share(size_bytes, 2)
    return _two_phases(columns, rows, half) + _two_phases(rows, columns, half)


def _two_phases(first: int, second: int, size_bytes: int) -> int:
    """There and back over *first* members, an all-reduce of the slice over *second* members between."""
    slice_bytes = share(size_bytes, first)
    return 2 * (first - 1) * slice_bytes + 2 * (second - 1) * share(slice_bytes, second)
