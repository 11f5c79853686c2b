"""Seeded ways to spoil a trace file: bytes, lines, and values of the JSON in a line."""

import json
from typing import Any

import numpy as np

WORDS = [None, True, "", "x", "\ud800", "weights", -1, 0, 1, 2**31, 10**12, 10**40, -(2**70), 1.5, 1e308, [], {}, [[]],
         [1, 10**12], [[1, 10**12], 10**12], {"a": 1}, "hecasim.trace/9", "forward"]  # fmt: skip
SNIPPETS = [b"NaN", b"Infinity", b"-", b"{", b"}", b"[" * 5000, b'"', b"\xff\xfe", b"\x00", b"\n", b"9" * 5000,
            b"1e999",
            b',"id":0', b"\\ud800", b" ", b"[[]," * 200]  # fmt: skip


def mutated(text: bytes, random: np.random.Generator) -> bytes:
    """*text* with one to three things wrong (or, now and then, nothing that matters)."""
    for _ in range(int(random.integers(1, 4))):
        text = (_bytes, _lines, _values)[int(random.choice(3, p=[0.3, 0.25, 0.45]))](text, random)
    return text


def _bytes(text: bytes, random: np.random.Generator) -> bytes:
    at = int(random.integers(0, max(1, len(text))))
    how = int(random.integers(0, 4))
    if how == 0:
        return text[:at] + bytes([int(random.integers(0, 256))]) + text[at + 1 :]
    if how == 1:
        return text[:at]  # cut short
    if how == 2:
        return text[:at] + text[at + int(random.integers(1, 60)) :]
    return text[:at] + SNIPPETS[int(random.integers(len(SNIPPETS)))] + text[at:]


def _lines(text: bytes, random: np.random.Generator) -> bytes:
    lines = text.split(b"\n")
    one, other = (int(random.integers(0, len(lines))) for _ in range(2))
    how = int(random.integers(0, 5))
    if how == 0:
        lines[one], lines[other] = lines[other], lines[one]
    elif how == 1:
        lines.insert(one, lines[other])
    elif how == 2:
        del lines[one]
    elif how == 3:
        del lines[one:]
    else:
        lines[one] = lines[one][::-1]
    return b"\n".join(lines)


def _values(text: bytes, random: np.random.Generator) -> bytes:
    """Change, remove, add or rename something at a random place of one line's JSON."""
    lines = text.split(b"\n")
    at = int(random.integers(0, len(lines)))
    try:
        line = json.loads(lines[at])
    except (ValueError, RecursionError):
        return text
    place: Any = line
    for _ in range(int(random.integers(0, 5))):
        inner = place.values() if isinstance(place, dict) else place
        inner = [one for one in inner if isinstance(one, dict | list) and one]
        if not inner:
            break
        place = inner[int(random.integers(len(inner)))]
    if isinstance(place, dict | list) and place:
        _spoil(place, random)
    lines[at] = json.dumps(line, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return b"\n".join(lines)


def _spoil(place: Any, random: np.random.Generator) -> None:
    keys = list(place) if isinstance(place, dict) else list(range(len(place)))
    key = keys[int(random.integers(len(keys)))]
    how = int(random.integers(0, 5))
    if how == 0:
        del place[key]
    elif how == 1 and isinstance(place[key], int) and abs(place[key]) < 2**60:
        place[key] += int(random.choice([-3, -1, 1, 2, 10**6, 10**10]))
    elif how == 2 and isinstance(place, dict):
        place[f"{key}x"] = place.pop(key)
    elif how == 3 and isinstance(place, list):
        place.append(place[key])
    else:
        place[key] = WORDS[int(random.integers(len(WORDS)))]
