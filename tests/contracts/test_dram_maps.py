"""What every map from tiles to DRAM channels promises."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hecasim.mapping.dram import channel_count
from hecasim.mapping.ports import DRAM_MAPS, edge_port, ports_of_tiles
from hecasim.specs import load_package

sides = st.integers(1, 9)


def edge(rows, columns):
    return load_package(
        "hecaton_4x4_standard", {"topology.rows": rows, "topology.columns": columns, "memory.attached": "edge"}
    )


@pytest.mark.parametrize("name", DRAM_MAPS)
@given(rows=sides, columns=sides)
def test_every_tile_has_a_channel_at_the_edge_of_its_own_row_or_column(name, rows, columns):
    for row in range(rows):
        for column in range(columns):
            channel = DRAM_MAPS[name](row, column, rows, columns)
            assert 0 <= channel < 2 * (rows + columns)
            place = divmod(edge_port(channel, rows, columns).tile, columns)
            assert place[0] == row or place[1] == column
            assert place[0] in (0, rows - 1) or place[1] in (0, columns - 1)


@pytest.mark.parametrize("name", DRAM_MAPS)
@given(rows=sides, columns=sides)
def test_no_other_end_of_its_row_is_nearer(name, rows, columns):
    for row in range(rows):
        for column in range(columns):
            port_row, port_column = divmod(
                edge_port(DRAM_MAPS[name](row, column, rows, columns), rows, columns).tile, columns
            )
            distance = abs(row - port_row) + abs(column - port_column)
            assert distance <= min(column, columns - 1 - column)


@given(rows=sides, columns=sides)
def test_nearest_leaves_no_tile_farther_than_any_edge(rows, columns):
    for row in range(rows):
        for column in range(columns):
            channel = DRAM_MAPS["nearest"](row, column, rows, columns)
            port_row, port_column = divmod(edge_port(channel, rows, columns).tile, columns)
            distance = abs(row - port_row) + abs(column - port_column)
            assert distance == min(column, columns - 1 - column, row, rows - 1 - row)


@pytest.mark.parametrize("name", DRAM_MAPS)
@given(rows=sides, columns=sides)
def test_a_mirror_image_loads_both_sides_alike(name, rows, columns):
    used = Counter(
        DRAM_MAPS[name](row, column, rows, 2 * columns) for row in range(rows) for column in range(2 * columns)
    )
    assert [used[row] for row in range(rows)] == [used[rows + row] for row in range(rows)]


@given(rows=sides, columns=sides)
def test_every_edge_channel_is_at_a_tile_of_its_edge(rows, columns):
    places = [divmod(edge_port(channel, rows, columns).tile, columns) for channel in range(2 * (rows + columns))]
    assert all(column == 0 for _, column in places[:rows])
    assert all(column == columns - 1 for _, column in places[rows : 2 * rows])
    assert all(row == 0 for row, _ in places[2 * rows : 2 * rows + columns])
    assert all(row == rows - 1 for row, _ in places[2 * rows + columns :])


@pytest.mark.parametrize("name", DRAM_MAPS)
def test_memory_on_every_die_needs_no_map(name):
    package = load_package("hecaton_4x4_standard", {"memory.attached": "every_die"})
    ports = ports_of_tiles(package, name)
    assert [(port.channel, port.tile) for port in ports] == [(tile, tile) for tile in range(16)]
    assert channel_count(package) == 16


@pytest.mark.parametrize("name", DRAM_MAPS)
def test_ports_of_tiles_come_in_tile_order(name):
    package = edge(3, 4)
    ports = ports_of_tiles(package, name)
    assert [port.channel for port in ports] == [DRAM_MAPS[name](tile // 4, tile % 4, 3, 4) for tile in range(12)]
