"""What both engines have in common: when a search may stop, and how an engine is asked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Callable, Protocol

import numpy as np

from ..arrays import Floats, Ints


class Bound:
    """The cost beyond which one search wants nothing; it falls as targets are met.

    Parameters
    ----------
    targets : sequence of integer arrays
        Sets of flat cells; once the nearest cell of each has a cost, nothing beyond the dearest of them is wanted.
    max_cost : float
    """

    def __init__(self, targets: Sequence[Ints] = (), max_cost: float = math.inf) -> None:
        self._limit = float(max_cost)
        self._cells: Ints | None = None
        if len(targets):
            sizes = [len(cells) for cells in targets]
            self._cells = np.concatenate(targets).astype(np.int64)
            self._firsts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
        self.cells = 0 if self._cells is None else self._cells.size

    def value(self, costs: Floats) -> float:
        """The bound by the costs found so far."""
        if self._cells is not None:
            nearest = np.minimum.reduceat(costs.take(self._cells), self._firsts)
            self._limit = min(self._limit, float(nearest.max()))
        return self._limit

    @property
    def is_bounded(self) -> bool:
        """Whether it may stop before the whole map is settled."""
        return self.cells > 0 or self._limit < math.inf


class Engine(Protocol):
    """One way to compute surfaces of accumulated cost; all ways give the same bits."""

    def run(self, starts: list[Ints], bounds: list[Bound], relaxed: Callable[[int], None]) -> Sequence[Floats]:
        """The surface from every set of starts; ``relaxed`` takes the number of cells relaxed so far."""
