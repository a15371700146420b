"""The dominant factor of each cell: the one that contributes most to its resistance.

A factor contributes its weight times (score - the lowest score of its table, 1 in Tables 1 and 2). A factor at its
lowest score contributes nothing, whatever its weight.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..arrays import Bytes, Float32s, Floats
from ..grid.grid import Grid, Template
from .effects import blocks_of
from .factors import FACTOR_LABELS
from .scheme import Scheme
from .transforms import scores_of

NO_VALUE = 255
CATEGORIES = ("none above its lowest score", *FACTOR_LABELS.values())
"""What the numbers 0 to 9 mean: 0 no factor, then the nine in the order of Table 1."""

_DECIMALS = 6  # contributions that differ by less are equal


class DominantFactors:
    """Collects the dominant factor of each cell, a factor at a time; 5 bytes per cell.

    Of equal contributions that of the factor with the larger weight counts, then that of the first.

    Parameters
    ----------
    template : grid.Template
    scheme : Scheme
    numbers : dict of str to int
        The number of each factor in the map.
    """

    def __init__(self, template: Template, scheme: Scheme, numbers: Mapping[str, int]) -> None:
        self._template, self._scheme, self._numbers = template, scheme, numbers
        self._largest_contribution: Float32s = np.zeros(template.shape, dtype=np.float32)
        self._dominant: Bytes = np.zeros(template.shape, dtype=np.uint8)
        self._weights: Floats = np.zeros(256)

    def add(self, factor: str, scores: Float32s) -> None:
        """Add a factor's scores; NaN adds nothing."""
        weight, number = self._scheme.weights[factor], self._numbers[factor]
        lowest = min(scores_of(factor, self._scheme.rules, self._scheme.rings))
        self._weights[number] = weight
        for rows in blocks_of(scores):
            contribution = np.round(weight * (scores[rows].astype(np.float64) - lowest), _DECIMALS).astype(np.float32)
            largest, dominant = self._largest_contribution[rows], self._dominant[rows]
            with np.errstate(invalid="ignore"):
                wins = (contribution > largest) | (
                    (contribution == largest) & (contribution > 0) & (weight > self._weights[dominant])
                )
            largest[wins], dominant[wins] = contribution[wins], number

    def finish(self, total: Floats) -> None:
        """Take the weighted sum: cells where it is NaN have no dominant factor."""
        self._dominant[np.isnan(total)] = NO_VALUE
        self._largest_contribution = np.empty((0, 0), dtype=np.float32)

    def shares(self) -> dict[str, float]:
        """The share of the cells with a value that each factor dominates."""
        counts = np.bincount(self._dominant.reshape(-1), minlength=256)
        cells = max(1, counts[:NO_VALUE].sum())
        return {factor: counts[self._numbers[factor]] / cells for factor in self._scheme.weights}

    def grid(self) -> Grid:
        """The factors' numbers, with their names as categories."""
        added = [factor for factor, number in self._numbers.items() if number >= len(CATEGORIES)]
        return Grid(self._dominant, self._template, NO_VALUE, "dominant factor", (*CATEGORIES, *added))
