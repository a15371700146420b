"""Which factor makes a cell hard: the one that adds most to it.

A factor adds its weight times its score above the lowest that its table gives (1 in Tables 1 and 2). A
score at the lowest is no reason for a cell to be hard, however much the factor weighs.
"""

import numpy as np

from ..grid.grid import Grid
from ..grid.row_blocks import row_blocks
from .effects import BLOCK_ROWS
from .transforms import scores_of

NONE, NO_VALUE = 0, 255
LABELS = (
    "none above its lowest score",
    "slope",
    "elevation",
    "land cover",
    "NDVI",
    "distance to water",
    "distance to motorways",
    "distance to highways",
    "night light",
    "mines",
)
"""Names of 0 to 9; 9 factors in the order of ``factors.FACTORS``."""

_DECIMALS = 6  # contributions that differ by less are equal


class Dominant:
    """Collects the dominant factor, a factor at a time; 5 bytes per cell.

    Of equal contributions that of the factor with the larger weight counts, then that of the first.

    Parameters
    ----------
    template : grid.Template
    scheme : surface.Scheme
    numbers : dict of str to int
        The number of each factor in the map.
    """

    def __init__(self, template, scheme, numbers):
        self._template, self._scheme, self._numbers = template, scheme, numbers
        self._most = np.zeros(template.shape, dtype=np.float32)
        self._owner = np.zeros(template.shape, dtype=np.uint8)
        self._weights = np.zeros(256)

    def add(self, factor, scores):
        """A factor's scores; NaN adds nothing."""
        weight, number = self._scheme.weights[factor], self._numbers[factor]
        lowest = min(scores_of(factor, self._scheme.rules, self._scheme.rings))
        self._weights[number] = weight
        for rows in row_blocks(*scores.shape, block_rows=BLOCK_ROWS):
            adds = np.round(weight * (scores[rows].astype(np.float64) - lowest), _DECIMALS).astype(np.float32)
            most, owner = self._most[rows], self._owner[rows]
            with np.errstate(invalid="ignore"):
                wins = (adds > most) | ((adds == most) & (adds > 0) & (weight > self._weights[owner]))
            most[wins], owner[wins] = adds[wins], number

    def leave_out(self, total):
        """Cells without a resistance have no dominant factor."""
        self._owner[np.isnan(total)] = NO_VALUE
        self._most = None

    def shares(self):
        """The share of the cells with a value that each factor dominates."""
        counts = np.bincount(self._owner.reshape(-1), minlength=256)
        cells = max(1, counts[:NO_VALUE].sum())
        return {factor: counts[self._numbers[factor]] / cells for factor in self._scheme.weights}

    def grid(self):
        """The factor's numbers, with their names as categories."""
        labels = list(LABELS)
        for factor, number in self._numbers.items():
            if number >= len(LABELS):
                labels.append(factor)
        return Grid(self._owner, self._template, NO_VALUE, "dominant factor", tuple(labels))
