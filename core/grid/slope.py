"""Slope after Horn (1981), Proc. IEEE 69(1): 14-47: weighted differences over 3 x 3 cells."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..arrays import AnyArray, Float32s, Floats, Ints
from ..errors import InputError
from ..options import Option
from ..progress import SILENT, Progress
from .grid import Grid, Template, Window
from .reading import RasterSource
from .warping import AlignedRaster

_BLOCK_CELLS = 1 << 16


class SlopeEdges(Option):
    """What stands in for a neighbour that is missing.

    ``straight``: the surface is continued as `slope_degrees` says. ``as InVEST``: each of the three
    differences is taken over the cells that are there, with half the weight where one is missing
    (pygeoprocessing's calculate_slope).
    """

    STRAIGHT = "straight"
    AS_INVEST = "as InVEST"


def slope_degrees(elevation_m: AnyArray, template: Template, progress: Progress = SILENT) -> Float32s:
    """Slope in degrees, 0 to 90, of a surface in metres; cells need not be square.

    Parameters
    ----------
    elevation_m : float ndarray, shape ``template.shape``
        NaN where there is no value.
    template : grid.Template
        Its cell width and height are in metres.

    Returns
    -------
    float32 ndarray
        NaN where the elevation is NaN. At the map's edge the surface is continued straight
        (as ``gdaldem slope -compute_edges`` does, here at the corners too), and beside a hole
        through the cell itself, so that a plane has one slope everywhere. A raster of one row or
        column is level across it.

    Notes
    -----
    4 bytes per cell beyond the input; works block by block.
    """
    slope: Float32s = np.empty(template.shape, dtype=np.float32)
    for rows, east_rise, south_rise in rises(elevation_m, template, progress=progress):
        slope[rows] = np.degrees(np.arctan(np.sqrt(east_rise**2 + south_rise**2)))
    return slope


class SlopeDegrees(AlignedRaster):
    """The slope of an elevation raster on its own cells, window by window, with the values of `slope_degrees`."""

    def __init__(self, source: RasterSource, template: Template) -> None:
        super().__init__(source, template)
        if not self.same_cells:
            raise InputError(
                f"Raster '{source.name}' is not on the cells of '{template.name}': slope is computed on "
                f"the elevation's own cells.",
                layer=source.name,
            )

    def read(self, window: Window, progress: Progress = SILENT) -> Grid:
        """The slope in a window, from elevations of one more cell on every side that the map has."""
        top, left = max(0, window.row - 1), max(0, window.col - 1)
        bottom = min(self.template.rows, window.row + window.rows + 1)
        right = min(self.template.cols, window.col + window.cols + 1)
        around = Window(top, left, bottom - top, right - left)
        grid = super().read(around, progress)
        slope = slope_degrees(grid.floats(np.float64), grid.template)
        return Grid(slope[window.within(around)], self.template.part(window), math.nan, self.name)


def rises(
    elevation_m: AnyArray,
    template: Template,
    *,
    edges: SlopeEdges = SlopeEdges.STRAIGHT,
    progress: Progress = SILENT,
) -> Iterator[tuple[slice, Floats, Floats]]:
    """Rise per metre towards east and towards south, block by block.

    Parameters
    ----------
    elevation_m, template
        As for `slope_degrees`.
    edges : SlopeEdges
    progress : Progress

    Yields
    ------
    rows : slice
    east_rise, south_rise : float64 ndarray
        Of those rows; NaN where the elevation is NaN.
    """
    rows, cols = template.shape
    step = max(1, _BLOCK_CELLS // cols)
    for start in range(0, rows, step):
        progress(start / rows)
        stop = min(rows, start + step)
        block: Floats = np.asarray(elevation_m[max(0, start - 1) : stop + 1], dtype=np.float64)
        if edges == SlopeEdges.AS_INVEST:
            block = np.pad(block, ((start == 0, stop == rows), (1, 1)), constant_values=np.nan)
            yield (slice(start, stop), *_rises_of_known_cells(block, template))
            continue
        if start == 0:
            block = np.vstack([_beyond(block[0], block[1] if rows > 1 else block[0]), block])
        if stop == rows:
            block = np.vstack([block, _beyond(block[-1], block[-2] if rows > 1 else block[-1])])
        west = _beyond(block[:, 0], block[:, min(1, cols - 1)])
        east = _beyond(block[:, -1], block[:, max(-2, -cols)])
        yield (slice(start, stop), *_horn(np.hstack([west.T, block, east.T]), template))


def _beyond(edge: Floats, inner: Floats) -> Floats:
    """One more row, in line with the last two; level where the inner one has no value; shape (1, n)."""
    return np.where(np.isnan(inner), edge, 2 * edge - inner)[None, :]


def _horn(block: Floats, template: Template) -> tuple[Floats, Floats]:
    """Rises of a block that carries one more row and column on every side."""
    a, b, c, d, centre, f, g, h, i = around = _around(block)
    if np.isnan(block).any():
        a, b, c, d, _, f, g, h, i = (_filled(around[k], around[8 - k], centre) for k in range(9))
    east_rise = ((c + 2 * f + i) - (a + 2 * d + g)) / (8 * template.cell_width)
    south_rise = ((g + 2 * h + i) - (a + 2 * b + c)) / (8 * template.cell_height)
    east_rise[np.isnan(centre)] = south_rise[np.isnan(centre)] = np.nan
    return east_rise, south_rise


def _around(block: Floats) -> list[Floats]:
    """Views of the nine neighbours of the inner cells, row by row from the north-west."""
    rows, cols = block.shape[0] - 2, block.shape[1] - 2
    return [block[r : r + rows, k : k + cols] for r in range(3) for k in range(3)]


def _rises_of_known_cells(block: Floats, template: Template) -> tuple[Floats, Floats]:
    """As `_horn`, each difference over the cells that have a value."""
    a, b, c, d, centre, f, g, h, i = _around(block)
    rises_of: list[Floats] = []
    for lines, size in (
        (((a, b, c), (d, centre, f), (g, h, i)), template.cell_width),
        (((a, d, g), (b, centre, h), (c, f, i)), template.cell_height),
    ):
        total: Any = 0.0
        weights: Any = 0
        for line, weight in zip(lines, (1, 2, 1)):
            difference, known = _difference(*line, centre)
            total, weights = total + weight * difference, weights + weight * known
        rises_of.append(total / (np.maximum(weights, 1) * size))
    for rise in rises_of:
        rise[np.isnan(centre)] = np.nan
    east_rise, south_rise = rises_of
    return east_rise, south_rise


def _difference(first: Floats, middle: Floats, last: Floats, centre: Floats) -> tuple[Floats, Ints]:
    """Last minus first of three cells in line, and the number of steps it spans: 2, 1 or 0."""
    has_first, has_middle, has_last = ~np.isnan(first), ~np.isnan(middle), ~np.isnan(last)
    # towards the centre the step is a diagonal, and counted as such
    difference = np.select(
        [has_first & has_last, has_first & has_middle, has_middle & has_last, has_first, has_last],
        [last - first, middle - first, last - middle, (centre - first) * np.sqrt(2), (last - centre) * np.sqrt(2)],
        0.0,
    )
    return difference, np.where(has_first & has_last, 2, has_first | has_last)


def _filled(neighbour: Floats, opposite: Floats, centre: Floats) -> Floats:
    """A neighbour, where missing in line with the cell and its opposite neighbour, else level with the cell."""
    straight = np.where(np.isnan(opposite), centre, 2 * centre - opposite)
    return np.where(np.isnan(neighbour), straight, neighbour)
