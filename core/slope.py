"""Slope after Horn (1981), Proc. IEEE 69(1): 14-47: weighted differences over 3 x 3 cells."""

import numpy as np

from .progress import SILENT

_BLOCK_CELLS = 1 << 16


def slope_degrees(elevation_m, template, progress=SILENT):
    """Slope in degrees, 0 to 90, of a surface in metres; cells need not be square.

    Parameters
    ----------
    elevation_m : float ndarray, shape ``template.shape``
        NaN where there is no value.
    template : raster.Template
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
    rows, cols = template.shape
    slope = np.empty(template.shape, dtype=np.float32)
    step = max(1, _BLOCK_CELLS // cols)
    for start in range(0, rows, step):
        progress(start / rows)
        stop = min(rows, start + step)
        block = np.asarray(elevation_m[max(0, start - 1):stop + 1], dtype=np.float64)
        if start == 0:
            block = np.vstack([_beyond(block[0], block[1] if rows > 1 else block[0]), block])
        if stop == rows:
            block = np.vstack([block, _beyond(block[-1], block[-2] if rows > 1 else block[-1])])
        west = _beyond(block[:, 0], block[:, min(1, cols - 1)])
        east = _beyond(block[:, -1], block[:, max(-2, -cols)])
        slope[start:stop] = _horn(np.hstack([west.T, block, east.T]), template)
    return slope


def _beyond(edge, inner):
    """One more row, in line with the last two; level where the inner one has no value."""
    return np.where(np.isnan(inner), edge, 2 * edge - inner)[None, :]


def _horn(block, template):
    """Slope of a block that carries one more row and column on every side."""
    rows, cols = block.shape[0] - 2, block.shape[1] - 2
    a, b, c, d, centre, f, g, h, i = around = [
        block[r:r + rows, k:k + cols] for r in range(3) for k in range(3)]
    if np.isnan(block).any():
        a, b, c, d, _, f, g, h, i = (_filled(around[k], around[8 - k], centre) for k in range(9))
    east_rise = ((c + 2 * f + i) - (a + 2 * d + g)) / (8 * template.cell_width)
    south_rise = ((g + 2 * h + i) - (a + 2 * b + c)) / (8 * template.cell_height)
    slope = np.degrees(np.arctan(np.sqrt(east_rise ** 2 + south_rise ** 2)))
    slope[np.isnan(centre)] = np.nan
    return slope


def _filled(neighbour, opposite, centre):
    """A missing neighbour lies in line with the cell and its opposite neighbour; else level."""
    straight = np.where(np.isnan(opposite), centre, 2 * centre - opposite)
    return np.where(np.isnan(neighbour), straight, neighbour)
