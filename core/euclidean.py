"""Exact straight-line distance in metres on a raster.

Distances run between cell centres and are exact on non-square cells: SciPy's Euclidean feature
transform (Maurer, Qi & Raghavan 2003) finds each cell's nearest feature cell. Proximity tools
that sweep the raster can be off by a quarter of a cell.
"""

import math

import numpy as np

from . import vector
from .progress import SILENT

_BLOCK_CELLS = 1 << 20


def nearest_cell(mask, template):
    """The nearest feature cell of every cell.

    Parameters
    ----------
    mask : bool ndarray, shape ``template.shape``
        True on features; at least one cell must be.
    template : raster.Template

    Returns
    -------
    int32 ndarray, shape (2, rows, cols)
        Row and column of a nearest cell of the mask.

    Notes
    -----
    About 11 bytes per cell while it runs. One library call: a cancel acts at its end.
    """
    from scipy.ndimage import distance_transform_edt
    nearest = np.empty((2, *template.shape), dtype=np.int32)
    distance_transform_edt(~mask, sampling=(template.cell_height, template.cell_width),
                           return_distances=False, return_indices=True, indices=nearest)
    return nearest


def distance_m(mask, template, progress=SILENT):
    """Distance in metres from each cell's centre to the nearest centre of a feature cell.

    Parameters
    ----------
    mask : bool ndarray, shape ``template.shape``
        True on features.
    template : raster.Template

    Returns
    -------
    float32 ndarray, shape ``template.shape``
        0 on features; infinite everywhere where the mask is empty.

    Notes
    -----
    About 15 bytes per cell while it runs.
    """
    mask = np.asarray(mask, dtype=bool)
    if not mask.any():
        return np.full(template.shape, np.inf, dtype=np.float32)
    progress.check()
    nearest = nearest_cell(mask, template)
    distance = np.empty(template.shape, dtype=np.float32)
    rows, cols = np.arange(template.rows)[:, None], np.arange(template.cols)[None, :]
    step = max(1, _BLOCK_CELLS // template.cols)
    for start in range(0, template.rows, step):
        block = slice(start, start + step)
        distance[block] = np.hypot((nearest[0, block] - rows[block]) * template.cell_height,
                                   (nearest[1, block] - cols) * template.cell_width)
        progress(min(1.0, (start + step) / template.rows))
    return distance


def distance_to_features_m(geometries, template, reach_m=math.inf, all_touched=False, progress=SILENT):
    """Distance in metres to the nearest geometry, also to those beyond the map's edge.

    Parameters
    ----------
    geometries : list of ogr.Geometry
        In the template's CRS.
    template : raster.Template
    reach_m : float
        Features further than this beyond the map's edge are not looked for, so a distance is
        exact up to ``reach_m`` and may be too long above it.
    all_touched : bool
        Features take every cell they touch instead of the cells whose centre they hold.

    Returns
    -------
    float32 ndarray, shape ``template.shape``
        0 where a feature covers the cell; infinite where none is in reach.

    Notes
    -----
    About 15 bytes per cell of the map grown by ``reach_m``, but never past the features.
    """
    wide = template.padded(min(reach_m, overhang_m([g.GetEnvelope() for g in geometries], template)))
    mask = vector.rasterize(geometries, wide, all_touched=all_touched, dtype=np.uint8) > 0
    return window(distance_m(mask, wide, progress), wide, template)


def window(values, wide, template):
    """The part of an array on a padded template that lies on ``template``."""
    row, col = template.offset_in(wide)
    return values[row:row + template.rows, col:col + template.cols]


def overhang_m(envelopes, template):
    """How far boxes ``(left, right, bottom, top)`` stick out of a template, in metres; 0 if not."""
    west, south, east, north = template.bounds
    return max([0.0] + [side for left, right, bottom, top in envelopes
                        for side in (west - left, south - bottom, right - east, top - north)])
