"""Recorded routing in files: JSON lines to read and write by hand or by any program, `.npz` for large sets.

Both hold what `traces/README.md` describes: which experts every token went to in every expert layer. Reading checks
everything; an `.npz` is never unpickled, and its sizes are checked before memory is taken.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hecasim.errors import ConfigError
from hecasim.experts.reading import as_text, check_keys, parse, read_bytes, whole, word
from hecasim.experts.routing import LARGEST, Routing
from hecasim.specs.find import shown
from hecasim.specs.tree import Place, printable

SCHEMA = "hecasim.routing/1"
HEADER = ("schema", "experts", "top_k", "layers", "tokens")
ARRAYS = ("schema", "experts", "chosen")
MOST_EXPERTS = 4096
MOST_LAYERS = 4096
LONGEST_TEXT = 200


def read_routing(path: Path) -> Routing:
    """The routing in a `.npz` or JSON-lines file; ConfigError with file, line and key where something is wrong."""
    data = read_bytes(path)
    return _from_npz(data, path) if data[:2] == b"PK" or path.suffix == ".npz" else _from_lines(data, path)


def write_routing(routing: Routing, path: Path) -> None:
    """Write a routing; the ending `.npz` chooses the format, anything else is JSON lines. The same bytes every time."""
    path.write_bytes(_npz(routing) if path.suffix == ".npz" else "".join(_lines(routing)).encode())


def _lines(routing: Routing) -> Iterator[str]:
    sizes = {"experts": routing.experts, "top_k": routing.top_k, "layers": routing.layers, "tokens": routing.tokens}
    yield json.dumps({"schema": SCHEMA, **sizes, "origin": routing.origin}) + "\n"
    for token in range(routing.tokens):
        yield json.dumps({"token": token, "experts": routing.chosen[:, token].tolist()}, separators=(",", ":")) + "\n"


def _from_lines(data: bytes, path: Path) -> Routing:
    lines = as_text(data, path).splitlines()
    file = shown(path)
    if not lines:
        raise ConfigError(Place(file, 1).says("found nothing; expected a header line"))
    first = Place(file, 1)
    header = parse(lines[0], first)
    check_keys(header, HEADER, first, ("origin", "model"))
    word(header, "schema", first, SCHEMA)
    experts = whole(header, "experts", first, 2, MOST_EXPERTS)
    shape = (
        whole(header, "layers", first, 1, MOST_LAYERS),
        whole(header, "tokens", first, 1, LARGEST),
        whole(header, "top_k", first, 1, experts),
    )
    if prod(shape) > LARGEST:
        raise ConfigError(first.says(f"found {prod(shape)} assignments; expected at most {LARGEST}"))
    if len(lines) - 1 != shape[1]:
        last = Place(file, len(lines))
        raise ConfigError(last.says(f"found {len(lines) - 1} tokens; expected {shape[1]}, as the header says"))
    origin = word(header, "origin", first) if "origin" in header else file
    chosen = np.empty(shape, np.int16)
    for token, line in enumerate(lines[1:]):
        place = Place(file, token + 2)
        page = parse(line, place)
        check_keys(page, ("token", "experts"), place)
        whole(page, "token", place, token, token)
        chosen[:, token] = _token(page["experts"], shape, experts, place.below("experts"))
    return Routing(np.sort(chosen, axis=2), experts, origin[:LONGEST_TEXT])


def _token(layers: Any, shape: tuple[int, int, int], experts: int, place: Place) -> NDArray[np.int16]:
    """The experts of one token, (layers, top_k)."""
    if not isinstance(layers, list) or len(layers) != shape[0]:
        raise ConfigError(place.says(f"expected a list of {shape[0]} layers"))
    for number, ids in enumerate(layers):
        if not isinstance(ids, list) or len(ids) != shape[2]:
            raise ConfigError(place.below(number).says(f"expected a list of {shape[2]} experts"))
        for one in ids:
            if isinstance(one, bool) or not isinstance(one, int) or not 0 <= one < experts:
                found = printable(json.dumps(one))
                raise ConfigError(
                    place.below(number).says(f"found {found}; expected an expert from 0 to {experts - 1}")
                )
        if len(set(ids)) < len(ids):
            raise ConfigError(place.below(number).says(f"found {ids}; expected {shape[2]} different experts"))
    return np.array(layers, np.int16)


def _npz(routing: Routing) -> bytes:
    arrays = {"schema": np.array(SCHEMA), "experts": np.array(routing.experts), "chosen": routing.chosen}
    arrays["origin"] = np.array(routing.origin)
    whole_file = io.BytesIO()
    with zipfile.ZipFile(whole_file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            part = io.BytesIO()
            np.lib.format.write_array(part, np.asarray(array, order="C"), version=(1, 0), allow_pickle=False)
            # A fixed time, so that the same routing is the same file.
            archive.writestr(
                zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), part.getvalue(), zipfile.ZIP_DEFLATED
            )
    return whole_file.getvalue()


def _from_npz(data: bytes, path: Path) -> Routing:
    place = Place(shown(path))
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            arrays = {name.removesuffix(".npy"): _array(archive, name, place) for name in archive.namelist()}
    except ConfigError:
        raise
    except Exception as error:  # whatever zipfile and zlib raise about bytes that are no archive
        raise ConfigError(place.says(f"not a whole .npz file: {printable(str(error))}")) from None
    check_keys(arrays, ARRAYS, place, ("origin", "model"))
    texts: dict[str, Any] = {key: str(arrays[key]) for key in ("schema", "origin") if key in arrays}
    word(texts, "schema", place, SCHEMA)
    numbers = {"experts": int(arrays["experts"])} if arrays["experts"].shape == () else {"experts": -1}
    experts = whole(numbers, "experts", place, 2, MOST_EXPERTS)
    chosen = arrays["chosen"]
    if chosen.ndim != 3 or 0 in chosen.shape or chosen.shape[2] > experts or chosen.shape[0] > MOST_LAYERS:
        raise ConfigError(place.below("chosen").says(f"found the shape {chosen.shape}; expected layers, tokens, top_k"))
    return Routing(_checked(chosen, experts, place), experts, texts.get("origin", place.file)[:LONGEST_TEXT])


def _checked(chosen: NDArray[Any], experts: int, place: Place) -> NDArray[np.int16]:
    wrong = np.argwhere((chosen < 0) | (chosen >= experts))
    if len(wrong):
        layer, token, at = wrong[0].tolist()
        where = place.below("chosen", layer, token, at)
        raise ConfigError(where.says(f"found {chosen[layer, token, at]}; expected an expert from 0 to {experts - 1}"))
    ordered: NDArray[np.int16] = np.sort(chosen.astype(np.int16), axis=2)
    twice = np.argwhere(np.diff(ordered, axis=2) == 0)
    if len(twice):
        layer, token, _ = twice[0].tolist()
        where = place.below("chosen", layer, token)
        raise ConfigError(where.says(f"found {chosen[layer, token].tolist()}; expected different experts"))
    return ordered


def _array(archive: zipfile.ZipFile, name: str, place: Place) -> NDArray[Any]:
    """One array of an archive: whole numbers or one text, of the size its header says and no other."""
    key = printable(name.removesuffix(".npy"))
    with archive.open(name) as part:
        try:
            version = np.lib.format.read_magic(part)
            if version != (1, 0):
                raise ConfigError(place.below(key).says(f"found version {version} of .npy; expected 1.0"))
            shape, by_column, kind = np.lib.format.read_array_header_1_0(part)
        except ValueError as error:
            raise ConfigError(place.below(key).says(f"not an array: {printable(str(error))}")) from None
        is_text = kind.kind == "U" and kind.itemsize <= 4 * LONGEST_TEXT and shape == ()
        if not is_text and kind.kind not in "iu":
            raise ConfigError(place.below(key).says(f"found {kind}; expected whole numbers, or one text for names"))
        count = prod(int(side) for side in shape)
        if count > LARGEST:
            raise ConfigError(place.below(key).says(f"found {count} numbers; expected at most {LARGEST}"))
        needed = count * kind.itemsize
        data = part.read(needed + 1)
        if len(data) != needed:
            raise ConfigError(place.below(key).says("shorter or longer than its header says"))
    return np.frombuffer(data, kind).reshape(shape, order="F" if by_column else "C")
