"""The grammar of filters: precedence, and a sentence for whatever is none."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hecasim.specs.filters import FilterError, Measured, holds, keys, parse

VALUES = {"plan.a": 1, "plan.b": 2, "plan.c": "auto", "plan.t": True, "model": "7b-x"}


def says(text: str) -> bool:
    return holds(parse(text), lambda path: Measured(VALUES[path]))


@pytest.mark.parametrize(
    "text",
    [
        "plan.a == 1",
        "plan.a<plan.b",
        "not plan.a == 2",
        "not not plan.a == 1",
        "plan.a == 2 and plan.a == 1 or plan.b == 2",
        "plan.b == 2 or plan.a == 2 and plan.a == 3",
        "not plan.a == 2 and not (plan.a == 1 and plan.b == 1)",
        "plan.c == auto and plan.c != 1",
        "plan.t == true and model == 7b-x and model in [a, '7b-x']",
        "plan.a <= 1.0 and plan.b > 1.5e0 and plan.a > -3",
        "not plan.c < 3 and not plan.c >= 3",
        "((((plan.a == 1))))",
    ],
)
def test_what_holds(text):
    assert says(text)
    assert not says(f"not ({text})")


@pytest.mark.parametrize(
    "text",
    ["", "plan.a", "plan.a ==", "== 1", "plan.a = 1", "plan.a == 1 plan.b == 2", "(plan.a == 1", "plan.a == 1)",
     "plan.a in 1", "plan.a in [1", "plan.a in []", "plan.a == 1 and", "not", "and", "plan.a < auto", "a()",
     "plan.a[0] == 1", "lambda: 0", "plan.a == 1; import os", "(" * 300, "not " * 200, "x" * 501, "plan.a == 'x",
     "ä == 1"],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_what_is_no_filter_is_said_in_a_sentence(text):
    with pytest.raises(FilterError, match=r"expected|nested|cannot read"):
        parse(text)


def test_units_are_for_values_that_have_one():
    def value_of(path: str) -> Measured:
        return Measured(None if path == "plan.u" else 5000, "ps")

    assert holds(parse("plan.x == 5 ns and plan.x < 0.1 us and plan.u > 1 s and plan.u == unlimited"), value_of)
    for text in ("plan.x == 5", "plan.x == 5 GHz", "plan.x == 5 parsec", "plan.x < auto"):
        with pytest.raises(FilterError):
            holds(parse(text), value_of)
    with pytest.raises(FilterError, match="without a unit"):
        says("plan.a == 5 ns")


@given(st.text(alphabet="plan.ab ()[],<>=!'\"0123456789 andornotin GBs/", max_size=60))
def test_any_text_is_a_filter_or_an_error(text):
    try:
        tree = parse(text)
    except FilterError:
        return
    assert all(path.split(".")[0] in ("package", "model", "plan") for path in keys(tree))


def test_a_filter_says_what_python_says():
    draw = random.Random(3)
    for _ in range(300):
        python, ours = grow(draw, 3)
        assert says(ours) == eval(python, {"a": 1, "b": 2}), ours


def grow(draw: random.Random, depth: int) -> tuple[str, str]:
    """A random filter, as Python and as ours."""
    if not depth or draw.random() < 0.3:
        name, sign, number = draw.choice("ab"), draw.choice(["==", "!=", "<", "<=", ">", ">="]), draw.randrange(4)
        return f"{name} {sign} {number}", f"plan.{name} {sign} {number}"
    parts = [grow(draw, depth - 1) for _ in range(2)]
    word = draw.choice(["and", "or"])
    turned, wrapped = draw.choice(["", "not "]), draw.random() < 0.5
    texts = [f"{one[side]} {word} {other[side]}" for one, other in [parts] for side in (0, 1)]
    if wrapped:
        texts = [f"{turned}({text})" for text in texts]
    return texts[0], texts[1]
