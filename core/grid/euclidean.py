"""Exact straight-line distance in metres on a raster.

Distances run between cell centres and are exact on non-square cells: SciPy's Euclidean feature
transform (Maurer, Qi & Raghavan 2003) finds each cell's nearest feature cell. Proximity tools
that sweep the raster can be off by a quarter of a cell.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
from osgeo import ogr

from ..arrays import AnyArray, Bools, Float32s, Floats, Int32s
from ..geometry.cells import rasterize
from ..progress import SILENT, Progress
from .grid import Envelope, Template

# one library call works on about four million cells, so that a cancel acts within a second
_CALL_SIDE = 2000

Slices = tuple[slice, slice]


def distance_m(
    mask: AnyArray, template: Template, *, reach_m: float = math.inf, progress: Progress = SILENT
) -> Float32s:
    """Distance in metres from each cell's centre to the nearest centre of a feature cell.

    Parameters
    ----------
    mask : bool ndarray, shape ``template.shape``
        True on features.
    template : grid.Template
    reach_m : float
        Distances above it become infinite; large maps are then done in tiles, else in one
        library call, at whose end a cancel acts.

    Returns
    -------
    float32 ndarray, shape ``template.shape``
        0 on features; infinite where none is in reach.

    Notes
    -----
    About 15 bytes per cell while it runs; 5 and a tile where ``reach_m`` is given.
    """
    distance: Float32s = np.full(template.shape, np.inf, dtype=np.float32)
    for here, apart, _ in _nearest(np.asarray(mask, dtype=bool), template, reach_m, progress):
        distance[here] = apart
    return distance


def distance_and_value_m(
    values: AnyArray, template: Template, *, reach_m: float = math.inf, progress: Progress = SILENT
) -> tuple[Float32s, AnyArray]:
    """Distance to the nearest cell with a value above 0, and that value.

    Parameters
    ----------
    values : array of numbers, shape ``template.shape``
    template, reach_m, progress
        As for `distance_m`.

    Returns
    -------
    distance : float32 ndarray
    value : ndarray of the dtype of ``values``
        0 where no feature is in reach.
    """
    distance: Float32s = np.full(template.shape, np.inf, dtype=np.float32)
    value = np.zeros_like(values)
    for here, apart, (row, col) in _nearest(values > 0, template, reach_m, progress):
        distance[here] = apart
        value[here] = np.where(np.isfinite(apart), values[row, col], 0)
    return distance, value


def tiles(shape: tuple[int, int], margin_rows: int, margin_cols: int) -> Iterator[tuple[Slices, Slices]]:
    """Tiles of an array with what lies around them.

    Parameters
    ----------
    shape : (int, int)
    margin_rows, margin_cols : int
        How many rows and columns around a tile its work needs.

    Yields
    ------
    inner, outer : tuples of slices
        The tiles, which cover the array once, and the same grown by the margins as far as the
        array goes; outer ones have up to about four million cells, more only where the margins
        are wide.
    """
    (rows, cols), sides = shape, []
    for size, margin in zip(shape, (margin_rows, margin_cols)):
        margin = min(margin, size)
        sides.append((max(_CALL_SIDE - 2 * margin, 2 * margin, 1), margin))
    (high, down), (wide, right) = sides
    for top in range(0, rows, high):
        bottom = min(rows, top + high)
        for left in range(0, cols, wide):
            end = min(cols, left + wide)
            yield (
                (slice(top, bottom), slice(left, end)),
                (
                    slice(max(0, top - down), min(rows, bottom + down)),
                    slice(max(0, left - right), min(cols, end + right)),
                ),
            )


def _nearest(
    mask: Bools, template: Template, reach_m: float, progress: Progress
) -> Iterator[tuple[Slices, Floats, tuple[Int32s, Int32s]]]:
    """Yields slices, distances there (infinite beyond reach), and the nearest feature cells' rows and columns."""
    from scipy.ndimage import distance_transform_edt

    rows, cols = template.shape
    is_limited = math.isfinite(reach_m)
    margins = (
        [int(reach_m // size) + 1 for size in (template.cell_height, template.cell_width)]
        if is_limited
        else [rows, cols]
    )
    progress.check()
    for (down, across), outer in tiles(template.shape, margins[0], margins[1]):
        part = mask[outer]
        if part.any():
            nearest = np.empty((2, *part.shape), dtype=np.int32)
            distance_transform_edt(
                ~part,
                sampling=(template.cell_height, template.cell_width),
                return_distances=False,
                return_indices=True,
                indices=nearest,
            )
            first, left = outer[0].start, outer[1].start
            step = max(1, (1 << 20) // (across.stop - across.start))
            for top in range(down.start, down.stop, step):
                band = slice(top, min(down.stop, top + step))
                row, col = (
                    n[band.start - first : band.stop - first, across.start - left : across.stop - left] + start
                    for n, start in zip(nearest, (first, left))
                )
                apart = np.hypot(
                    (row - np.arange(band.start, band.stop)[:, None]) * template.cell_height,
                    (col - np.arange(across.start, across.stop)) * template.cell_width,
                )
                if is_limited:
                    apart[apart > reach_m] = np.inf
                yield (band, across), apart, (row, col)
        done = (down.start * cols + (down.stop - down.start) * across.stop) / (rows * cols)
        progress(done)


def distance_to_features_m(
    geometries: list[ogr.Geometry],
    template: Template,
    *,
    reach_m: float = math.inf,
    all_touched: bool = False,
    progress: Progress = SILENT,
) -> Float32s:
    """Distance in metres to the nearest geometry, also to those beyond the map's edge.

    Parameters
    ----------
    geometries : list of ogr.Geometry
        In the template's CRS.
    template : grid.Template
    reach_m : float
        Distances above it become infinite; features within it count beyond the map's edge too.
    all_touched : bool
        Features take every cell they touch instead of the cells whose centre they hold.

    Returns
    -------
    float32 ndarray, shape ``template.shape``
        0 where a feature covers the cell; infinite where none is in reach.

    Notes
    -----
    As `distance_m`, on the map grown by ``reach_m``, but never past the features.
    """
    wide = template.padded(min(reach_m, overhang_m([g.GetEnvelope() for g in geometries], template)))
    mask = rasterize(geometries, wide, all_touched=all_touched, dtype=np.uint8) > 0
    return unpadded(distance_m(mask, wide, reach_m=reach_m, progress=progress), wide, template)


def unpadded(values: AnyArray, wide: Template, template: Template) -> AnyArray:
    """The part of an array on ``wide``, a padded template, that lies on ``template``; a view."""
    row, col = template.offset_in(wide)
    return values[row : row + template.rows, col : col + template.cols]


def overhang_m(envelopes: Iterable[Envelope], template: Template) -> float:
    """How far boxes, as OGR gives them, stick out of a template, in metres; 0 if not."""
    west, south, east, north = template.bounds
    return max(
        [0.0]
        + [
            side
            for left, right, bottom, top in envelopes
            for side in (west - left, south - bottom, right - east, top - north)
        ]
    )
