"""A placement in a file: JSON, one list of chiplets per expert layer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from hecasim.errors import ConfigError
from hecasim.experts.placed import Placement, Site
from hecasim.experts.reading import as_text, check_keys, parse, read_bytes, whole, word
from hecasim.experts.recorded import MOST_EXPERTS, MOST_LAYERS
from hecasim.specs.find import shown
from hecasim.specs.tree import Place, printable

SCHEMA = "hecasim.placement/1"
KEYS = ("schema", "kind", "chiplets", "groups", "experts", "chiplet_of")


def placement_text(placement: Placement) -> str:
    """What stands in the file: `chiplet_of` has a line per expert layer, the chiplet of every expert in it."""
    head = {
        "schema": SCHEMA, "kind": placement.kind, "chiplets": placement.chiplets, "groups": placement.groups,
        "experts": placement.experts,
    }  # fmt: skip
    rows = ",\n".join("  " + json.dumps(row) for row in placement.chiplet_of.tolist())
    return json.dumps(head)[:-1] + ', "chiplet_of": [\n' + rows + "\n]}\n"


def read_placement(path: Path) -> Placement:
    """The placement in a file; ConfigError where an expert is missing, a chiplet too full, or a key wrong."""
    place = Place(shown(path))
    page = parse(as_text(read_bytes(path), path), place)
    check_keys(page, KEYS, place)
    word(page, "schema", place, SCHEMA)
    experts = whole(page, "experts", place, 2, MOST_EXPERTS)
    try:
        site = Site(whole(page, "chiplets", place, 1, experts), whole(page, "groups", place, 1, experts))
        size = site.per_chiplet(experts)
    except ConfigError as error:
        said = str(error)
        raise ConfigError(said if said.startswith(place.file) else place.says(said)) from None
    rows = page["chiplet_of"]
    if not isinstance(rows, list) or not 0 < len(rows) <= MOST_LAYERS:
        raise ConfigError(place.below("chiplet_of").says(f"expected a list of 1 to {MOST_LAYERS} layers"))
    for layer, row in enumerate(rows):
        where = place.below("chiplet_of", layer)
        if not isinstance(row, list) or len(row) != experts:
            raise ConfigError(where.says(f"expected a list of {experts} chiplets"))
        for one in row:
            if isinstance(one, bool) or not isinstance(one, int) or not 0 <= one < site.chiplets:
                found = printable(json.dumps(one))
                raise ConfigError(where.says(f"found {found}; expected a chiplet from 0 to {site.chiplets - 1}"))
        counts = np.bincount(row, minlength=site.chiplets)
        if counts.max() > size:
            full = int(counts.argmax())
            raise ConfigError(where.says(f"chiplet {full} has {counts[full]} experts; expected {size} on each"))
    return Placement(word(page, "kind", place), site, np.array(rows, np.int16))
