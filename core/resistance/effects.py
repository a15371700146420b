"""How an option changes a surface, and what values a surface has; both in blocks of rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import AnyArray, AnyFloats, Floats, Ints
from ..grid.grid import Grid
from ..grid.row_blocks import row_blocks
from ..progress import SILENT, Progress

_BINS = 4000
BLOCK_ROWS = 256


def blocks_of(values: AnyArray) -> Iterator[slice]:
    """Slices of 256 rows of an array, the blocks in which all sums over a map are taken."""
    rows, cols = values.shape
    return row_blocks(rows, cols, block_rows=BLOCK_ROWS)


@dataclass(frozen=True)
class OptionEffect:
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
    before: tuple[float, float]
    after: tuple[float, float]
    closed: int

    @property
    def text(self) -> str:
        """The effect as one sentence."""
        parts = [f"changes {100 * self.changed_share:.1f} % of the cells"]
        if self.closed:
            parts.append(f"closes {self.closed} of them")
        else:
            parts.append(f"moves the surface by {self.mean_change:.3g} on average")
            if not math.isnan(self.correlation):
                parts.append(f"correlation with the surface before {self.correlation:.3f}")
            parts.append(
                f"range {self.before[0]:.3g} to {self.before[1]:.3g} becomes {self.after[0]:.3g} to {self.after[1]:.3g}"
            )
        return f"{self.option[:1].upper()}{self.option[1:]}, {self.surface} surface: {', '.join(parts)}."


class EffectSums:
    """Collects an `OptionEffect` block by block."""

    def __init__(self, option: str, surface: str) -> None:
        self._option, self._surface = option, surface
        self._cells_before = self._cells_both = self._changed = 0
        self._absolute = 0.0
        self._sums: Floats = np.zeros(5)
        self._shift: tuple[Any, Any] | None = None
        self._before, self._after = _Range(), _Range()

    def add(self, before: AnyFloats, after: AnyFloats) -> None:
        """Blocks of one shape; NaN is no value."""
        here = ~np.isnan(before)
        both = here & ~np.isnan(after)
        self._before.add(before[here])
        x, y = before[both].astype(np.float64), after[both].astype(np.float64)
        self._after.add(y)
        self._cells_before += int(here.sum())
        self._cells_both += x.size
        self._changed += int((x != y).sum())
        if x.size:
            self._absolute += float(np.abs(y - x).sum())
            # differences from the first pair of values keep the digits of the sums
            self._shift = (x[0], y[0]) if self._shift is None else self._shift
            x, y = x - self._shift[0], y - self._shift[1]
            self._sums += x.sum(), y.sum(), (x * x).sum(), (y * y).sum(), (x * y).sum()

    def effect(self) -> OptionEffect:
        """The effect on all blocks."""
        n, closed = self._cells_both, self._cells_before - self._cells_both
        sx, sy, sxx, syy, sxy = self._sums
        spread = (n * sxx - sx * sx) * (n * syy - sy * sy)
        varies = self._before.high > self._before.low and self._after.high > self._after.low and spread > 0
        return OptionEffect(
            option=self._option,
            surface=self._surface,
            mean_change=self._absolute / n if n else math.nan,
            correlation=float((n * sxy - sx * sy) / math.sqrt(spread)) if varies else math.nan,
            changed_share=(self._changed + closed) / self._cells_before if self._cells_before else math.nan,
            before=self._before.pair,
            after=self._after.pair,
            closed=closed,
        )


class _Range:
    """Lowest and highest of the values that were added."""

    def __init__(self) -> None:
        self.low, self.high = math.inf, -math.inf

    def add(self, values: AnyFloats) -> None:
        if values.size:
            self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))

    @property
    def pair(self) -> tuple[float, float]:
        """NaN twice where nothing was added."""
        return (self.low, self.high) if self.low <= self.high else (math.nan, math.nan)


@dataclass(frozen=True)
class SurfaceValues:
    """The values of a surface: percentiles to a four-thousandth of its range, and a histogram.

    Parameters
    ----------
    lowest, percent_5, mean, percent_95, highest : float
    valid_share : float
        Cells with a value, 0 to 1.
    edges, counts : ndarray
        Of the histogram's bins.
    """

    lowest: float
    percent_5: float
    mean: float
    percent_95: float
    highest: float
    valid_share: float
    edges: Floats
    counts: Ints

    @property
    def contrast(self) -> float:
        """The 95 % percentile of resistance over the 5 % percentile: hard ground over easy ground."""
        return self.percent_95 / self.percent_5


def values_of(grid: Grid, *, bins: int = 60, progress: Progress = SILENT) -> SurfaceValues:
    """`SurfaceValues` of a map; all NaN where it has none."""
    reach, total, count = _Range(), 0.0, 0
    for rows in blocks_of(grid.values):
        progress.check()
        block = grid.values[rows]
        block = block[~np.isnan(block)]
        reach.add(block)
        total += float(block.sum(dtype=np.float64))
        count += block.size
    low, high = reach.pair
    if not count:
        nothing = math.nan
        return SurfaceValues(
            nothing, nothing, nothing, nothing, nothing, 0.0, np.zeros(bins + 1), np.zeros(bins, dtype=np.int64)
        )
    fine: Ints = np.zeros(_BINS - _BINS % bins, dtype=np.int64)
    top = high if high > low else low + max(abs(low), 1.0) * 1e-6
    for rows in blocks_of(grid.values):
        progress.check()
        block = grid.values[rows]
        # numpy 2 takes the bounds in the values' own type, too coarse for the bins of a flat map
        fine += np.histogram(block[~np.isnan(block)].astype(np.float64), fine.size, (low, top))[0]
    edges: Floats = np.linspace(low, top, fine.size + 1, dtype=np.float64)
    percent_5, percent_95 = _percentiles(grid, edges, fine, low=low, progress=progress)
    return SurfaceValues(
        lowest=low,
        percent_5=percent_5,
        mean=total / count,
        percent_95=percent_95,
        highest=high,
        valid_share=count / grid.values.size,
        edges=edges[:: fine.size // bins],
        counts=fine.reshape(bins, -1).sum(axis=1),
    )


def _percentiles(grid: Grid, edges: Floats, counts: Ints, *, low: float, progress: Progress) -> tuple[float, float]:
    """The 5 % and 95 % percentile of a map, by the counts of fine bins: each is a value of the map."""
    shares = np.cumsum(counts) / counts.sum()
    bounds = [edges[np.searchsorted(shares, share) + 1] for share in (0.05, 0.95)]
    percentiles = [low, low]  # the largest values up to those bounds, so that each is a value of the map
    for rows in blocks_of(grid.values):
        progress.check()
        block = grid.values[rows]
        for place, bound in enumerate(bounds):
            with np.errstate(invalid="ignore"):
                percentiles[place] = max(percentiles[place], float(block.max(where=block <= bound, initial=low)))
    return percentiles[0], percentiles[1]
