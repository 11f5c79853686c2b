"""Orders of the tiles of a grid: as a folded line, as a snake, as a Hamiltonian cycle (derived, our own algebra)."""

from collections.abc import Sequence


def folded(line: Sequence[int]) -> tuple[int, ...]:
    """A line closed into a ring that passes over every second member: 0, 2, 4, ..., 5, 3, 1."""
    return (*line[0::2], *reversed(line[1::2]))


def snake(tiles: Sequence[int], columns: int) -> tuple[int, ...]:
    """Tiles of a grid with *columns* columns, row by row, every second occupied row from right to left."""
    rows: dict[int, list[int]] = {}
    for tile in sorted(tiles):
        rows.setdefault(tile // columns, []).append(tile)
    order: list[int] = []
    for index, row in enumerate(rows.values()):
        order += reversed(row) if index % 2 else row
    return tuple(order)


def hamiltonian_cycle(rows: int, columns: int) -> list[tuple[int, int]]:
    """A closed walk of neighbour steps through every (row, column) once, from (0, 0).

    It exists if and only if rows and columns are at least 2 and one of them is even.
    """
    assert min(rows, columns) > 1, "a single line has no cycle"
    assert rows * columns % 2 == 0, f"no Hamiltonian cycle in {rows} x {columns}"
    if rows % 2:
        return [(row, column) for column, row in hamiltonian_cycle(columns, rows)]
    # Down through columns 1, 2, ... as a snake; column 0 is kept free for the way back up.
    walk = [(0, 0)]
    for row in range(rows):
        inner = range(1, columns) if row % 2 == 0 else range(columns - 1, 0, -1)
        walk += [(row, column) for column in inner]
    return walk + [(row, 0) for row in range(rows - 1, 0, -1)]
