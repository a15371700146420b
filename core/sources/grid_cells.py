"""Means of services over coarse grid cells, and their normalisation."""

import math
from dataclasses import dataclass

import numpy as np
from osgeo import ogr

from ..errors import InputError
from ..progress import SILENT

_BLOCK = 512


@dataclass
class GridCells:
    """Square grid cells from the template's top-left corner, those with any value.

    Parameters
    ----------
    cell_id : integer array, shape (n,)
        From 1, along rows from the top left; cells without any value have no number.
    row, col : integer arrays, shape (n,)
        Place in the grid.
    means : ndarray, shape (n, services)
        Means of the normalised services over the valid raster cells.
    share : ndarray, shape (n,)
        Valid part of the full grid cell, 0 to 1 (a cell cut by the map's edge is not full).
    used : boolean array, shape (n,)
        Cells that enter the statistics.
    importance : ndarray, shape (n,)
    class_number : integer array, shape (n,)
    """

    size_m: float
    cell_id: np.ndarray
    row: np.ndarray
    col: np.ndarray
    means: np.ndarray
    share: np.ndarray
    used: np.ndarray
    importance: np.ndarray = None
    class_number: np.ndarray = None

    def polygons(self, template):
        """A square ogr.Geometry per cell."""
        west, north, size = template.transform[0], template.transform[3], self.size_m
        result = []
        for row, col in zip(self.row, self.col):
            ring = ogr.Geometry(ogr.wkbLinearRing)
            for x, y in ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0)):
                ring.AddPoint_2D(west + (col + x) * size, north - (row + y) * size)
            square = ogr.Geometry(ogr.wkbPolygon)
            square.AddGeometry(ring)
            result.append(square)
        return result


def check_grid_size(size_m, template):
    """Refuse grid cells smaller than a raster cell, or larger than the whole map."""
    if not size_m >= max(template.cell_width, template.cell_height):
        raise InputError(
            f"The grid size (GRID_SIZE) is {size_m:g} m and the raster's cells are "
            f"{template.cell_width:g} x {template.cell_height:g} m: give a larger grid size."
        )
    west, south, east, north = template.bounds
    if size_m > max(east - west, north - south):
        raise InputError(
            f"The grid size (GRID_SIZE) is {size_m:g} m and '{template.name or 'the map'}' measures only "
            f"{east - west:g} x {north - south:g} m, which is less than one grid cell: give a smaller "
            f"grid size."
        )


def normalise(service, name, clip=None, progress=SILENT):
    """A service by its range, (x - min) / (max - min).

    Parameters
    ----------
    service : Grid
    clip : (float, float) or None
        Percentiles 0 to 100 that values are limited to first.

    Returns
    -------
    (float32 array, (float, float, int))
        0 to 1 with NaN where there is no value; minimum, maximum, and how many values were limited.

    Raises
    ------
    InputError
        No value at all, or one value everywhere.
    """
    valid = service.valid
    if not valid.any():
        raise InputError(f"Service '{name}' holds no value at all, only nodata: choose another raster.")
    known = service.values[valid]  # in their own type: float32 has no room for 1,000,000,000 and one more
    low, high, limited = float(known.min()), float(known.max()), 0
    if clip is not None and low < high:
        low, high = (float(v) for v in np.percentile(known, clip))
        limited = int(np.count_nonzero((known < low) | (known > high)))
        progress.log(
            f"Service '{name}': {limited} of {known.size} values were limited to {low:g} to "
            f"{high:g}, percentiles {clip[0]:g} to {clip[1]:g}."
        )
    if not low < high:
        between = "" if clip is None else f" between percentiles {clip[0]:g} and {clip[1]:g}"
        raise InputError(
            f"Service '{name}' is {low:g} everywhere{between}, so it cannot be normalised: leave "
            f"it out{', or widen the percentiles (CLIP)' if clip else ''}."
        )
    del known
    values = np.empty(valid.shape, dtype=np.float32)
    half = 1.0 if math.isfinite(high - low) else 0.5  # a range beyond all numbers
    for start in range(0, values.shape[0], _BLOCK):
        part = slice(start, start + _BLOCK)
        block = np.where(valid[part], service.values[part], np.nan)  # float64, and float32 where both are
        block = (block.astype(np.float64) * half - low * half) / (high * half - low * half)
        values[part] = np.clip(block, 0.0, 1.0) if limited else block
        progress.check()
    return values, (low, high, limited)


def grid_means(normalised, valid, template, size_m, min_share, progress=SILENT):
    """Means of services over square grid cells.

    Parameters
    ----------
    normalised : list of arrays, shape (rows, cols)
    valid : boolean array, shape (rows, cols)
        Raster cells that have all services; a raster cell belongs to the grid cell of its centre.
    size_m : float
        At least the side of a raster cell.
    min_share : float
        Above 0 to 1: the valid part from which a grid cell is ``used``.

    Returns
    -------
    GridCells
    """
    check_grid_size(size_m, template)
    rows = cell_index(template.rows, template.cell_height, size_m)
    cols = cell_index(template.cols, template.cell_width, size_m)
    shape = rows[-1] + 1, cols[-1] + 1
    edges = np.searchsorted(rows, np.arange(shape[0] + 1))
    starts = np.searchsorted(cols, np.arange(shape[1]))
    counts, sums = np.empty(shape), np.empty((len(normalised), *shape))
    for r in range(shape[0]):
        part = slice(edges[r], edges[r + 1])
        inside = valid[part]
        counts[r] = np.add.reduceat(inside.sum(axis=0, dtype=np.float64), starts)
        for k, values in enumerate(normalised):
            column = np.where(inside, values[part], 0).sum(axis=0, dtype=np.float64)
            sums[k, r] = np.add.reduceat(column, starts)
        progress((r + 1) / shape[0])
    some = counts > 0
    row, col = np.nonzero(some)
    share = counts[some] * template.cell_area_m2 / (size_m * size_m)
    # where the size is no multiple of the cells, a full grid cell may hold a row or column less
    full = np.diff(edges)[row] * np.bincount(cols)[col]
    inner = (row < shape[0] - 1) & (col < shape[1] - 1)
    share = np.where(inner, counts[some] / full, share)
    return GridCells(
        size_m, np.arange(1, row.size + 1), row, col, (sums[:, some] / counts[some]).T, share, share >= min_share - 1e-9
    )


def cell_index(count, cell_m, size_m):
    """Grid row (or column) of each raster row by its centre."""
    return np.floor((np.arange(count) + 0.5) * cell_m / size_m + 1e-9).astype(np.int64)


def weighted_sum(normalised, weights, valid, progress=SILENT):
    """Sum of weight x service as float32, NaN where not ``valid``; 4 bytes per cell."""
    importance = np.full(valid.shape, np.nan, dtype=np.float32)
    for start in range(0, valid.shape[0], _BLOCK):
        part = slice(start, start + _BLOCK)
        total = np.zeros(valid[part].shape)
        for values, weight in zip(normalised, weights):
            total += weight * np.where(valid[part], values[part], 0)
        importance[part] = np.where(valid[part], total, np.nan)
        progress(start / valid.shape[0])
    return importance


def spread(cells, template, valid):
    """The grid cells' classes on the raster."""
    rows = cell_index(template.rows, template.cell_height, cells.size_m)
    cols = cell_index(template.cols, template.cell_width, cells.size_m)
    lookup = np.zeros((rows[-1] + 1, cols[-1] + 1), dtype=np.uint8)
    lookup[cells.row, cells.col] = cells.class_number
    return np.where(valid, lookup[rows[:, None], cols[None, :]], 0).astype(np.uint8)
