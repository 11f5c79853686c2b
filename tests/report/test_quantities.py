"""Numbers for people: four digits, a fitting prefix, the unit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hecasim.report import quantities as q


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (q.duration(0.0123456), "12.35 ms"),
        (q.duration(0), "0 s"),
        (q.duration(3.2e-12), "3.200 ps"),
        (q.duration(9000), "9000 s"),
        (q.data(8 * 2**20), "8 MiB"),
        (q.data(1023), "1023 B"),
        (q.data(2**30 - 1), "1.000 GiB"),
        (q.capacity(None), "unlimited"),
        (q.energy(0.25), "250 mJ"),
        (q.energy(1632.6), "1.633 kJ"),
        (q.count(6_738_415_616), "6.738 G"),
        (q.share(0.4567), "45.7%"),
        (q.ratio(1.955), "1.96x"),
        (q.ratio(None), "-"),
        (q.duration(-0.5), "-500 ms"),
    ],
)
def test_a_quantity_is_short_and_has_its_unit(shown, expected):
    assert shown == expected


@given(st.floats(1e-12, 1e20))
def test_four_digits_are_kept(number):
    value, _, prefix = q.count(number).partition(" ")
    scale = next((scale for scale, name in q.DECIMAL if name == prefix), 1.0)
    assert abs(float(value.replace(",", "")) * scale - number) <= 0.0006 * max(number, 1.0)


def test_numbers_in_one_unit_take_that_of_the_largest():
    assert q.in_one_unit([0.0123, 0.5, None], "s", q.SMALL) == ("ms", ["12.3", "500.0", "-"])
    assert q.in_one_unit([], "s", q.SMALL)[1] == []
