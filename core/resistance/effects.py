"""How far an option moves a surface, and what values a surface has; both in blocks of rows."""

import math
from dataclasses import dataclass

import numpy as np

from ..grid.row_blocks import row_blocks
from ..progress import SILENT

_BINS = 4000
BLOCK_ROWS = 256


@dataclass
class Effect:
    """What one option did to one surface, over the cells that have a value before and after.

    Parameters
    ----------
    option, surface : str
    mean_change : float
        Mean of the absolute differences, in resistance.
    correlation : float
        Pearson's, of after with before; NaN where one of them does not vary.
    changed_share : float
        Of the cells with a value before: those with another value, or with none, after.
    before, after : (float, float)
        Lowest and highest value.
    closed : int
        Cells that had a value before and have none after.
    """

    option: str
    surface: str
    mean_change: float
    correlation: float
    changed_share: float
    before: tuple
    after: tuple
    closed: int


class Moved:
    """Collects an `Effect` block by block."""

    def __init__(self, option, surface):
        self._names = option, surface
        self._cells = self._both = self._changed = 0
        self._absolute, self._sums, self._shift = 0.0, np.zeros(5), None
        self._before, self._after = _Range(), _Range()

    def add(self, before, after):
        """Blocks of one shape; NaN is no value."""
        here = ~np.isnan(before)
        both = here & ~np.isnan(after)
        self._before.add(before[here])
        x, y = before[both].astype(np.float64), after[both].astype(np.float64)
        self._after.add(y)
        self._cells += int(here.sum())
        self._both += x.size
        self._changed += int((x != y).sum())
        if x.size:
            self._absolute += float(np.abs(y - x).sum())
            self._shift = (x[0], y[0]) if self._shift is None else self._shift
            x, y = x - self._shift[0], y - self._shift[1]
            self._sums += x.sum(), y.sum(), (x * x).sum(), (y * y).sum(), (x * y).sum()

    def effect(self):
        n, closed = self._both, self._cells - self._both
        share = (self._changed + closed) / self._cells if self._cells else math.nan
        sx, sy, sxx, syy, sxy = self._sums
        spread = (n * sxx - sx * sx) * (n * syy - sy * sy)
        varies = self._before.high > self._before.low and self._after.high > self._after.low and spread > 0
        return Effect(
            *self._names,
            self._absolute / n if n else math.nan,
            float((n * sxy - sx * sy) / math.sqrt(spread)) if varies else math.nan,
            share,
            self._before.pair,
            self._after.pair,
            closed,
        )


class _Range:
    def __init__(self):
        self.low, self.high = math.inf, -math.inf

    def add(self, values):
        if values.size:
            self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))

    @property
    def pair(self):
        return (self.low, self.high) if self.low <= self.high else (math.nan, math.nan)


@dataclass
class Values:
    """The values of a surface: percentiles to a four-thousandth of its range, and a histogram."""

    lowest: float
    percent_5: float
    mean: float
    percent_95: float
    highest: float
    valid_share: float
    edges: np.ndarray
    counts: np.ndarray

    @property
    def contrast(self):
        """How many times the easy ground's (5 %) resistance the hard ground's (95 %) is."""
        return self.percent_95 / self.percent_5


def values_of(grid, bins=60, progress=SILENT):
    """`Values` of a map; all NaN where it has none."""
    reach, total, count = _Range(), 0.0, 0
    for rows in row_blocks(*grid.values.shape, block_rows=BLOCK_ROWS):
        progress.check()
        block = grid.values[rows]
        block = block[~np.isnan(block)]
        reach.add(block)
        total += float(block.sum(dtype=np.float64))
        count += block.size
    low, high = reach.pair
    if not count:
        return Values(*[math.nan] * 5, 0.0, np.zeros(bins + 1), np.zeros(bins))
    fine = np.zeros(_BINS - _BINS % bins, dtype=np.int64)
    top = high if high > low else low + max(abs(low), 1.0) * 1e-6
    for rows in row_blocks(*grid.values.shape, block_rows=BLOCK_ROWS):
        progress.check()
        block = grid.values[rows]
        # numpy 2 takes the bounds in the values' own type, too coarse for the bins of a flat map
        fine += np.histogram(block[~np.isnan(block)].astype(np.float64), fine.size, (low, top))[0]
    edges = np.linspace(low, top, fine.size + 1)
    shares = np.cumsum(fine) / count
    bounds = [edges[np.searchsorted(shares, share) + 1] for share in (0.05, 0.95)]
    marks = [low, low]  # the largest values up to those bounds: of few scores one that there is
    for rows in row_blocks(*grid.values.shape, block_rows=BLOCK_ROWS):
        progress.check()
        block = grid.values[rows]
        for place, bound in enumerate(bounds):
            with np.errstate(invalid="ignore"):
                marks[place] = max(marks[place], float(block.max(where=block <= bound, initial=low)))
    return Values(
        low,
        marks[0],
        total / count,
        marks[1],
        high,
        count / grid.values.size,
        edges[:: fine.size // bins],
        fine.reshape(bins, -1).sum(axis=1),
    )
