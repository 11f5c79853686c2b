"""Which experts every token goes to, layer by layer: the one form that synthetic and recorded routing share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hecasim.errors import ConfigError

LARGEST = 1 << 28  # assignments in one routing: 512 MiB

Ids = NDArray[np.int16]
Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Routing:
    """The chosen experts of every token in every expert layer.

    `chosen` has the shape (expert layers, tokens, top_k), each token's ids in rising order: the gate's weights are not
    kept, because they change no time. `origin` says for people where it comes from.
    """

    chosen: Ids
    experts: int
    origin: str = ""

    @property
    def layers(self) -> int:
        """Expert layers; a model's dense layers are not among them."""
        return int(self.chosen.shape[0])

    @property
    def tokens(self) -> int:
        return int(self.chosen.shape[1])

    @property
    def top_k(self) -> int:
        return int(self.chosen.shape[2])

    def part(self, first: int, last: int) -> Routing:
        """The tokens from *first* to before *last*, in all layers."""
        return Routing(self.chosen[:, first:last], self.experts, self.origin)

    def halves(self) -> tuple[Routing, Routing]:
        """Two disjoint sets of tokens: a placement is fitted on the first and measured on the second."""
        middle = self.tokens // 2
        if not middle:
            raise ConfigError(f"routing: found {self.tokens} token; expected at least 2, half of them to fit on")
        return self.part(0, middle), self.part(middle, 2 * middle)

    def loads(self) -> Counts:
        """Assignments per expert, (layers, experts)."""
        numbers = self.chosen + self.experts * np.arange(self.layers, dtype=np.int64)[:, None, None]
        counted = np.bincount(numbers.ravel(), minlength=self.layers * self.experts)
        return counted.reshape(self.layers, self.experts)
