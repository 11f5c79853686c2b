"""All-reduce in two dimensions: rings along the rows and the columns of a rectangle of members.

Sequential: reduce-scatter in the rows, all-reduce of the 1/C slices in the columns, all-gather in the rows. It moves
2(N - 1)/N * M bytes per member, as the flat ring does, in 2(C - 1) + 2(R - 1) steps instead of 2(N - 1). Two colours:
half of the tensor does so while the other half begins with the columns; members in one line have one colour only.
Times of both in Hecaton arXiv 2407.05784 (2D-torus baseline; our algebra). The rings of a mesh are folded (bypass)
rings, those of a torus follow its wrap links.
"""

from collections.abc import Sequence

from hecasim.collectives.options import Grid, Options, check_group, choice, share
from hecasim.collectives.pattern import Stage
from hecasim.collectives.ring import RingPass, all_gather_pass, all_reduce_pass, reduce_scatter_pass
from hecasim.errors import ConfigError

Rings = list[tuple[int, ...]]


def all_reduce(grid: Grid, members: Sequence[int], size_bytes: int, options: Options) -> tuple[Stage, ...]:
    """All-reduce of *size_bytes* per member over a rectangle; `colours: two` works from both dimensions at once."""
    check_group("torus_2d.all_reduce", members, size_bytes)
    rows, columns = _rings(grid, members)
    one_line = len(rows) == 1 or len(columns) == 1
    if choice(options, "colours", ("sequential", "two")) == "sequential" or one_line:
        colours = [_phases(rows, columns, size_bytes)]
    else:
        half = share(size_bytes, 2)
        colours = [_phases(rows, columns, half), _phases(columns, rows, half)]
    stages = [[ring for phase in phases for ring in phase if ring.steps] for phases in zip(*colours, strict=True)]
    return tuple(tuple(stage) for stage in stages if stage)


def _rings(grid: Grid, members: Sequence[int]) -> tuple[Rings, Rings]:
    """The ring of each row and of each column of the members' rectangle."""
    rows: dict[int, list[int]] = {}
    columns: dict[int, list[int]] = {}
    for tile in sorted(members):
        rows.setdefault(tile // grid.columns, []).append(tile)
        columns.setdefault(tile % grid.columns, []).append(tile)
    if len(rows) * len(columns) != len(members):
        found = f"{len(members)} members in {len(rows)} rows and {len(columns)} columns"
        raise ConfigError(f"torus_2d.all_reduce: found {found}; expected every crossing of these rows and columns")
    return [grid.ring_order(row) for row in rows.values()], [grid.ring_order(column) for column in columns.values()]


def _phases(first: Rings, second: Rings, size_bytes: int) -> tuple[list[RingPass], list[RingPass], list[RingPass]]:
    """Reduce-scatter in the *first* rings, all-reduce of the slices in the *second*, all-gather in the *first*."""
    slice_bytes = share(size_bytes, len(first[0]))
    chunk_bytes = share(slice_bytes, len(second[0]))
    return (
        [reduce_scatter_pass(ring, slice_bytes) for ring in first],
        [all_reduce_pass(ring, chunk_bytes) for ring in second],
        [all_gather_pass(ring, slice_bytes) for ring in first],
    )
