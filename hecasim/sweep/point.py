"""One run of many: what is run, under which labels, and the hash by which its outcome is found again."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

DONE, INFEASIBLE, FAILED = "done", "infeasible", "failed"
STATUSES = (DONE, INFEASIBLE, FAILED)

Label: TypeAlias = "str | int | float | bool | None"


@dataclass(frozen=True)
class Point:
    """One run: *payload* is what the work function takes, *inputs* are what its outcome depends on."""

    number: int
    labels: Mapping[str, Label]
    """Axis -> value, in the order of the axes."""
    inputs: Mapping[str, Any]
    """Resolved and complete; ready for JSON."""
    key: str
    payload: Any

    @property
    def label(self) -> str:
        """The point in a few words."""
        return ", ".join(str(value) for value in self.labels.values())


@dataclass(frozen=True)
class Outcome:
    """What came of a point: the document as canonical JSON when it is done, else the reason why not."""

    status: str
    reason: str = ""
    document: str | None = None


def canonical(value: Any) -> str:
    """JSON with one way to write everything: equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def compact(value: Any) -> str:
    """JSON without blanks, keys in the order in which they are."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def content_key(inputs: Mapping[str, Any], version: str) -> str:
    """SHA-256 of all that an outcome depends on: the resolved inputs and which hecasim (`code_version`)."""
    return hashlib.sha256(canonical({"inputs": inputs, "version": version}).encode()).hexdigest()
