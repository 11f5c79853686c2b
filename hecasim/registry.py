"""A named table of parts; every family (topologies, collectives, methods, memories) is one."""

from collections.abc import Mapping
from typing import TypeVar

from hecasim.errors import ConfigError, nearest

Part = TypeVar("Part")


class Registry(dict[str, Part]):
    """A named table; asking for a missing line names the nearest one."""

    def __init__(self, family: str, parts: Mapping[str, Part]) -> None:
        super().__init__(parts)
        self.family = family

    def __missing__(self, name: str) -> Part:
        raise ConfigError(f"{self.family}: unknown name '{name}'; {nearest(str(name), self)}")
