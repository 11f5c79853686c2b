"""Chakra files: messages one after another, each with its length before it as a varint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from hecasim.errors import ConfigError

LARGEST_MESSAGE = 2**26
LONGEST_VARINT = 5
"""Bytes: lengths have 32 bits."""


def put(page: IO[bytes], message: Any) -> None:
    """Append one message."""
    payload: bytes = message.SerializeToString(deterministic=True)
    page.write(varint(len(payload)) + payload)


def varint(number: int) -> bytes:
    """Seven bits per byte, low ones first; the highest bit says that more follow."""
    made = bytearray()
    while number > 127:
        made.append(number & 127 | 128)
        number >>= 7
    made.append(number)
    return bytes(made)


def messages(path: Path, kinds: Any) -> Iterator[tuple[int, Any]]:
    """(place from 0, message) of a file: first the GlobalMetadata, then Nodes; *kinds* is the schema."""
    from google.protobuf.message import DecodeError

    with path.open("rb") as page:
        place = 0
        while (payload := _payload(page, path, place)) is not None:
            message = kinds.Node() if place else kinds.GlobalMetadata()
            try:
                message.ParseFromString(payload)
            except (DecodeError, RecursionError, UnicodeDecodeError):
                raise ConfigError(f"{path}: message {place}: not a Chakra {type(message).__name__}") from None
            yield place, message
            place += 1
        if not place:
            raise ConfigError(f"{path}: empty; expected a Chakra execution trace")


def _payload(page: IO[bytes], path: Path, place: int) -> bytes | None:
    size = shift = 0
    for _ in range(LONGEST_VARINT):
        byte = page.read(1)
        if not byte:
            if shift:
                raise ConfigError(f"{path}: message {place}: the file ends inside its length")
            return None
        size |= (byte[0] & 127) << shift
        shift += 7
        if byte[0] < 128:
            break
    else:
        raise ConfigError(f"{path}: message {place}: its length has more than {LONGEST_VARINT} bytes")
    if size > LARGEST_MESSAGE:
        raise ConfigError(f"{path}: message {place}: {size} bytes long; expected at most {LARGEST_MESSAGE}")
    payload = page.read(size)
    if len(payload) < size:
        raise ConfigError(f"{path}: message {place}: the file ends after {len(payload)} of {size} bytes")
    return payload
