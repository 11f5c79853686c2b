"""Filters over inputs, such as `plan.batch >= 4 and model != llama2-70b`: a small checked grammar, no eval.

    filter     = both {"or" both}
    both       = one {"and" one}
    one        = "not" one | "(" filter ")" | value sign value | value "in" "[" value {"," value} "]"
    sign       = "==" | "!=" | "<" | "<=" | ">" | ">="
    value      = key | number | number unit | word | "quoted text"

A key is `package`, `model` (their names) or a dotted path below package, model or plan. An order comparison with a word
(`plan.micro_batch < 4` where it is auto) does not hold.
"""

import math
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from hecasim.units import UNLIMITED, WrongUnitError, in_base_units

LONGEST = 500
DEEPEST = 20
ROOTS = ("package", "model", "plan")
SIGNS: dict[str, Callable[..., bool]] = {
    "==": operator.eq, "!=": operator.ne, "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
KEYWORDS = "and|or|not|in"
TOKEN = re.compile(
    r"""\s*(?:
    (?P<text>"[^"]*"|'[^']*')
    |(?P<number>[-+]?\d{1,30}(?:\.\d{1,30})?(?:[eE][-+]?\d{1,3})?)
        (?:\ ?(?P<unit>(?!(?:and|or|not|in)\b)[A-Za-z]{1,20}2?(?:/[A-Za-z]{1,20}2?)?))?(?![\w./-])
    |(?P<sign>==|!=|<=|>=|<|>|\(|\)|\[|\]|,)
    |(?P<word>[\w./~-]+)
    )""",
    re.VERBOSE | re.ASCII,
)

Scalar: TypeAlias = "str | int | float | bool | None"


class FilterError(ValueError):
    """What is wrong with a filter, as a sentence."""


class Measured(NamedTuple):
    """A value of an input in its base unit; *base* is "" where it has none, and None stands for `unlimited`."""

    value: Scalar
    base: str = ""


@dataclass(frozen=True)
class Key:
    """The dotted path of an input."""

    path: str


@dataclass(frozen=True)
class Literal:
    """A value as it is written in the filter."""

    text: str
    value: Scalar
    unit: str = ""


@dataclass(frozen=True)
class Comparison:
    """Two values and the sign between them; several to the right of `in`."""

    left: Key | Literal
    sign: str
    right: tuple[Key | Literal, ...]


@dataclass(frozen=True)
class Joined:
    """Filters joined by `and`, by `or`, or one turned round by `not`."""

    word: str
    parts: "tuple[Filter, ...]"


Filter: TypeAlias = Comparison | Joined


def parse(text: str) -> Filter:
    """The filter that *text* is; FilterError says what was expected where."""
    if len(text) > LONGEST:
        raise FilterError(f"expected at most {LONGEST} letters")
    return _Parser(text).whole()


def keys(tree: Filter) -> Iterator[str]:
    """Every key path that a filter asks for."""
    if isinstance(tree, Joined):
        for part in tree.parts:
            yield from keys(part)
        return
    yield from (one.path for one in (tree.left, *tree.right) if isinstance(one, Key))


def holds(tree: Filter, value_of: Callable[[str], Measured]) -> bool:
    """Whether a filter holds where *value_of* gives each key's value."""
    if isinstance(tree, Joined):
        if tree.word == "not":
            return not holds(tree.parts[0], value_of)
        return (all if tree.word == "and" else any)(holds(part, value_of) for part in tree.parts)
    sign = "==" if tree.sign == "in" else tree.sign
    return any(_compare(tree.left, sign, right, value_of) for right in tree.right)


def _compare(left: Key | Literal, sign: str, right: Key | Literal, value_of: Callable[[str], Measured]) -> bool:
    measured = [value_of(one.path) if isinstance(one, Key) else None for one in (left, right)]
    bases = {one.base for one in measured if one is not None}
    if len(bases) > 1:
        raise FilterError(f"compares {_names(bases)}; expected two values of one kind")
    base = bases.pop() if bases else ""
    first, second = (
        _literal(one, base) if isinstance(one, Literal) else _number(known)
        for one, known in zip((left, right), measured, strict=True)
    )
    if sign in ("==", "!="):
        return SIGNS[sign](first, second)
    if isinstance(first, str | None) or isinstance(second, str | None):
        return False  # a word such as auto, or nothing, is neither above nor below a number
    return SIGNS[sign](first, second)


def _names(bases: set[str]) -> str:
    return " with ".join(sorted(base or "a plain value" for base in bases))


def _number(known: Measured | None) -> Scalar:
    assert known is not None, "a key has a value"
    return math.inf if known.value is None and known.base else known.value


def _literal(one: Literal, base: str) -> Scalar:
    """What was written, in the unit of what it is compared with."""
    if not base:
        if one.unit:
            raise FilterError(f"found {one.text}; expected a value without a unit")
        return one.value
    if one.value == UNLIMITED:
        return math.inf
    if not one.unit:
        raise FilterError(f"found {one.text}; expected a number and a unit that is a multiple of {base}")
    try:
        return in_base_units(one.text, base)
    except WrongUnitError as error:
        raise FilterError(f"found {one.text}; {error}") from None


class _Parser:
    """Words to a tree, one token ahead."""

    def __init__(self, text: str) -> None:
        self.tokens: list[re.Match[str]] = []
        self.depth = 0
        at, end = 0, len(text.rstrip())
        while at < end:
            match = TOKEN.match(text, at)
            if match is None:
                raise FilterError(
                    f"cannot read {text[at:end].strip()[:20]!r}; expected a comparison such as 'plan.batch >= 4'"
                )
            self.tokens.append(match)
            at = match.end()
        self.at = 0

    def whole(self) -> Filter:
        tree = self.either()
        if self.at < len(self.tokens):
            raise FilterError(f"found '{self.next()}'; expected 'and', 'or' or the end")
        return tree

    def either(self) -> Filter:
        self.depth += 1
        if self.depth > DEEPEST:
            raise FilterError(f"nested more than {DEEPEST} levels deep")
        tree = self.joined("or", lambda: self.joined("and", self.one))
        self.depth -= 1
        return tree

    def joined(self, word: str, part: Callable[[], Filter]) -> Filter:
        parts = [part()]
        while self.next() == word:
            self.at += 1
            parts.append(part())
        return parts[0] if len(parts) == 1 else Joined(word, tuple(parts))

    def one(self) -> Filter:
        turns = 0
        while self.next() == "not":
            self.at += 1
            turns += 1
        if self.next() == "(":
            self.at += 1
            tree = self.either()
            self.take(")")
        else:
            tree = self.comparison()
        return Joined("not", (tree,)) if turns % 2 else tree

    def comparison(self) -> Filter:
        left = self.value()
        sign = self.next()
        if sign != "in" and sign not in SIGNS:
            raise FilterError(f"found {self.shown()}; expected one of {', '.join(SIGNS)}, in")
        self.at += 1
        right = self.several() if sign == "in" else (self.value(),)
        if sign in ("<", "<=", ">", ">="):
            for one in (left, *right):
                if isinstance(one, Literal) and isinstance(one.value, str) and not one.unit and one.value != UNLIMITED:
                    raise FilterError(f"found '{one.text}' beside {sign}; expected a number")
        return Comparison(left, sign, right)

    def several(self) -> tuple[Key | Literal, ...]:
        self.take("[")
        values = [self.value()]
        while self.next() == ",":
            self.at += 1
            values.append(self.value())
        self.take("]")
        return tuple(values)

    def value(self) -> Key | Literal:
        if self.at >= len(self.tokens):
            raise FilterError("ends too early; expected a key, a number or a word")
        token = self.tokens[self.at]
        word = self.next()
        if token["sign"] or word in KEYWORDS.split("|"):
            raise FilterError(f"found '{word}'; expected a key, a number or a word")
        self.at += 1
        if token["text"]:
            return Literal(word, word[1:-1])
        if token["number"]:
            number = float(token["number"])
            exact = int(number) if number.is_integer() and not token["number"].strip("+-0123456789") else number
            return Literal(word, word if token["unit"] else exact, token["unit"] or "")
        if word in ("package", "model") or word.startswith(tuple(f"{root}." for root in ROOTS)):
            return Key(word)
        return Literal(word, {"true": True, "false": False, "null": None}.get(word, word))

    def next(self) -> str:
        return self.tokens[self.at][0].strip() if self.at < len(self.tokens) else ""

    def shown(self) -> str:
        return f"'{self.next()}'" if self.at < len(self.tokens) else "the end"

    def take(self, sign: str) -> None:
        if self.next() != sign:
            raise FilterError(f"found {self.shown()}; expected '{sign}'")
        self.at += 1
