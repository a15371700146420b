"""Resistance summed along corridors, cut exactly at the borders of cells."""

from __future__ import annotations

import numpy as np

from ..arrays import Floats, Ints
from ..errors import InputError
from ..geometry.crossings import CorridorId, CorridorSegments, Intervals
from ..geometry.segment_intersections import TOUCH_M
from ..grid.grid import Grid, Template


class CostsAlong:
    """The cost of corridors on a resistance surface.

    Parameters
    ----------
    segments : CorridorSegments
        In the CRS of the surface.
    resistance : Grid
        Nodata and 0 are barriers. One float64 copy of it is held.

    Attributes
    ----------
    of_corridor : float64 ndarray
        Resistance x metre of each whole corridor, as `CorridorSegments` numbers them.
    beyond : list
        Ids of the corridors that leave the passable cells; their costs are those of the rest.

    Raises
    ------
    InputError
        Negative resistance.
    """

    def __init__(self, segments: CorridorSegments, resistance: Grid) -> None:
        self._segments, self._template = segments, resistance.template
        self._values = _passable(resistance)
        number = np.arange(len(segments))
        cost, outside_m = self._of(Intervals(number, np.zeros(len(number)), np.ones(len(number))))
        n_corridors = len(segments.ids)
        self.of_corridor = sums_of(cost[segments.path_segment], segments.path_corridor, n_corridors)
        outside = sums_of(outside_m[segments.path_segment], segments.path_corridor, n_corridors)
        self.beyond: list[CorridorId] = [segments.ids[corridor] for corridor in np.nonzero(outside > TOUCH_M)[0]]

    def of_intervals(self, intervals: Intervals) -> Floats:
        """Resistance x metre of each interval.

        Between two cell centres this is the least-cost step of method Eq 8: the distance times the mean
        of both cells, since the border, or the corner, lies halfway.
        """
        return self._of(intervals)[0]

    def _of(self, intervals: Intervals) -> tuple[Floats, Floats]:
        """Resistance x metre, and the metres without a resistance."""
        count = len(intervals)
        one = self._segments.point(intervals.segment, intervals.start)
        two = self._segments.point(intervals.segment, intervals.end)
        owner, cut = _cuts_at_borders(one, two, self._template)
        piece = np.nonzero(owner[1:] == owner[:-1])[0]
        owner, middle, share = owner[piece], (cut[piece] + cut[piece + 1]) / 2, cut[piece + 1] - cut[piece]
        length = share * np.hypot(*(two - one).T)[owner]
        x, y = (one[owner] + middle[:, None] * (two - one)[owner]).T
        row, col = self._template.row_col(x, y)
        on_map = self._template.contains(row, col)
        resistance = np.full(len(owner), np.nan)
        resistance[on_map] = self._values[row[on_map], col[on_map]]
        known = np.isfinite(resistance)
        return (
            sums_of((resistance * length)[known], owner[known], count),
            sums_of(length[~known], owner[~known], count),
        )


def sums_of(values: Floats, owner: Ints, count: int) -> Floats:
    """The sum of the values of each owner 0 to count - 1."""
    return np.bincount(owner, values, count).astype(np.float64, copy=False)


def _passable(resistance: Grid) -> Floats:
    """Resistance as float64, NaN on barriers."""
    values: Floats = resistance.floats(np.float64)
    if (values < 0).any():
        name = resistance.name or resistance.template.name
        raise InputError(
            f"Resistance '{name}' holds {np.nanmin(values):g}: resistance must be above 0; correct the raster.",
            layer=name,
        )
    values[values == 0] = np.nan
    return values


def _cuts_at_borders(one: Floats, two: Floats, template: Template) -> tuple[Ints, Floats]:
    """Where straight lines cross the borders of cells: the line, and the fraction of it, ends included; sorted."""
    west, width, _, north, _, height = template.transform
    count = len(one)
    owners, cuts = [np.arange(count)] * 2, [np.zeros(count), np.ones(count)]
    for axis, origin, size in ((0, west, width), (1, north, height)):
        low, high = (one[:, axis] - origin) / size, (two[:, axis] - origin) / size
        first = np.ceil(np.minimum(low, high)).astype(np.int64)
        borders = np.maximum(0, np.floor(np.maximum(low, high)).astype(np.int64) - first + 1)
        borders[low == high] = 0
        owner = np.repeat(np.arange(count), borders)
        nth = np.arange(len(owner)) - np.repeat(np.cumsum(borders) - borders, borders)
        owners.append(owner)
        cuts.append((first[owner] + nth - low[owner]) / (high - low)[owner])
    owner, cut = np.concatenate(owners), np.clip(np.concatenate(cuts), 0, 1)
    order = np.lexsort((cut, owner))
    return owner[order], cut[order]
