"""One alignment rule: one raster is the template, every other is warped to it.

Nearest for classes; for quantities bilinear where a raster is coarser and average where it is finer; the log
says so. Only the template has to be projected, in metres; its cells need not be square.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from osgeo import gdal

from ..errors import InputError
from ..gdal_session import gdal_exceptions, run_with_callback
from ..progress import SILENT, Progress
from .classes import class_codes, with_spare_nodata
from .grid import CLASSES, QUANTITY, CellValues, Grid, Template, Window, windows
from .reading import RasterSource, bounds_in, check_overlap, holds_nothing, open_dataset, read_band, read_raster
from .storage import memory_dataset

_SOURCE_CELLS = 1 << 24  # of a raster much finer than the template, read at once
# GDAL interpolates between transformed points; so many source cells may a place be off (its default: 0.125)
_PLACE_ERROR_CELLS = 0.001


def align(
    source: RasterSource, template: Template, *, kind: CellValues = QUANTITY, progress: Progress = SILENT
) -> Grid:
    """A raster on the template's cells.

    Parameters
    ----------
    source : RasterSource
    template : Template
    kind : CellValues
        Classes take the nearest cell; quantities are bilinear where the raster is coarser
        than the template and averaged where it is finer.

    Returns
    -------
    Grid
        Cells that the raster does not cover hold its nodata value (NaN for quantities).

    Raises
    ------
    InputError
        No CRS, no overlap, or no value inside the template.
    """
    aligned = AlignedRaster(source, template, kind)
    progress.check()
    if aligned.same_cells:
        return replace(read_raster(source, progress), template=template)
    grid: Grid | None = None
    for window in windows(template):
        part = aligned.read(window, progress)
        if grid is None:
            grid = Grid(np.empty(template.shape, dtype=part.values.dtype), template, part.nodata, source.name)
        elif part.values.dtype != grid.values.dtype:  # a window without values, or codes that are none
            grid, part = (Grid(each.floats(np.float64), each.template, math.nan, source.name) for each in (grid, part))
        grid.values[window.slices] = part.values
    aligned.finish(progress)
    if grid is None:
        raise ValueError("The template has no cells.")
    return grid


class AlignedRaster:
    """A raster on a template's cells, window by window, with the values that `align` gives for all.

    Parameters
    ----------
    source, template, kind
        As for `align`; raises as it does, an empty raster in `finish`.
    """

    def __init__(self, source: RasterSource, template: Template, kind: CellValues = QUANTITY) -> None:
        self.name, self.template = source.name, template
        self._source, self._kind = source, kind
        self._own = check_overlap(source, template)
        self._dataset = open_dataset(source)
        self.same_cells = self._own.same_grid(template)
        self._valid = 0
        self._nodata: float | None = None
        self._scales: list[str] = []
        self._finished = False
        if kind == CLASSES:
            self._method, self._word = "near", "nearest cell"
        elif not self.same_cells and self._finer_than_template():
            self._method, self._word = "average", "average of its finer cells"
        else:
            self._method, self._word = "bilinear", "bilinear"

    def _finer_than_template(self) -> bool:
        """Whether the raster's cells are finer; sets the scales that GDAL is given."""
        place = self.template
        right, down = _cell_there(self._own, place)
        # GDAL would guess these from the box around each part, which is too large where the raster lies askew
        self._scales = [
            f"{axis}SCALE={math.hypot(x / place.cell_width, y / place.cell_height)!r}"
            for axis, (x, y) in (("X", right), ("Y", down))
        ]
        return abs(right[0] * down[1] - right[1] * down[0]) < 0.81 * place.cell_area_m2

    def read(self, window: Window, progress: Progress = SILENT) -> Grid:
        """The Grid of a `Window`; each of `windows` is to be read once before `finish`."""
        progress.check()
        part = self.template.part(window)
        if self.same_cells:
            grid = read_band(self._dataset, self._source, self._own, progress, window=window)
            grid = replace(grid, template=part)
        else:
            grid = self._warped(part, progress)
        self._valid += np.count_nonzero(grid.valid)
        self._nodata = grid.nodata
        return grid

    def _warped(self, part: Template, progress: Progress) -> Grid:
        """A part of the template; in halves where it needs too many of the raster's cells at once."""
        needed = _source_window(self._own, part)
        if needed is not None and needed.rows * needed.cols > _SOURCE_CELLS and part.rows * part.cols > 1:
            rows, cols = (part.rows + 1) // 2, part.cols
            if part.rows == 1:
                rows, cols = 1, (part.cols + 1) // 2
            first = Window(0, 0, rows, cols)
            second = (
                Window(rows, 0, part.rows - rows, cols) if rows < part.rows else Window(0, cols, rows, part.cols - cols)
            )
            halves = [self._warped(part.part(half), progress) for half in (first, second)]
            return _joined(halves, part, axis=0 if rows < part.rows else 1)
        grid = read_band(self._dataset, self._source, self._own, progress, window=needed)
        return _warp(grid, part, method=self._method, kind=self._kind, scales=self._scales, progress=progress)

    def finish(self, progress: Progress = SILENT) -> None:
        """Log, once, how the raster was brought to the template's cells.

        Raises
        ------
        InputError
            No window held any value.
        """
        place, source = self.template, self._source
        if self._finished:
            return
        self._finished = True
        if not self._valid:
            if self.same_cells:
                raise holds_nothing(source, self._nodata)
            raise InputError(
                f"Raster '{source.name}' has no value inside '{place.name}', only nodata: "
                f"choose a raster that covers it, or correct its nodata value."
            )
        if self.same_cells:
            return
        own = self._own
        how = "warped" if own.crs.same_as(place.crs) else f"reprojected from {own.crs.name} and warped"
        progress.log(f"Layer '{source.name}' was {how} to the cells of '{place.name}' ({self._word}).")
        missing = 1 - self._valid / (place.rows * place.cols)
        if missing > 0:
            progress.log(f"Layer '{source.name}' has no value on {100 * missing:.2f} % of the cells of '{place.name}'.")


def _joined(grids: list[Grid], template: Template, axis: int) -> Grid:
    """Grids side by side (axis 1) or one below the other (0)."""
    if len({grid.values.dtype for grid in grids}) > 1:
        grids = [Grid(grid.floats(np.float64), grid.template, math.nan) for grid in grids]
    return Grid(np.concatenate([grid.values for grid in grids], axis=axis), template, grids[0].nodata, grids[0].name)


def _cell_there(own: Template, template: Template) -> tuple[tuple[float, float], tuple[float, float]]:
    """A raster's cell in the template's CRS, in the middle of their overlap: its upper and left edges (x, y), m."""
    dx, dy = own.cell_width / 2, own.cell_height / 2
    if own.crs.same_as(template.crs):
        return (2 * dx, 0.0), (0.0, -2 * dy)
    here, there = bounds_in(template, own.crs), own.bounds
    x = (max(here[0], there[0]) + min(here[2], there[2])) / 2
    y = (max(here[1], there[1]) + min(here[3], there[3])) / 2
    change = own.crs.to(template.crs)
    try:
        with gdal_exceptions():
            west, east, north, south = (
                change.TransformPoint(*point)[:2] for point in ((x - dx, y), (x + dx, y), (x, y + dy), (x, y - dy))
            )
    except RuntimeError:  # the middle lies outside the reach of the template's CRS
        west, south, east, north = bounds_in(own, template.crs)
        return ((east - west) / own.cols, 0.0), (0.0, (south - north) / own.rows)
    return (east[0] - west[0], east[1] - west[1]), (south[0] - north[0], south[1] - north[1])


def _source_window(own: Template, template: Template) -> Window | None:
    """The part of a raster that a template needs; None, all of it, where its bounds cannot be brought to its CRS."""
    west, south, east, north = bounds_in(template, own.crs)
    if not all(map(math.isfinite, (west, south, east, north))):
        return None
    # a margin for the kernel, for half a template cell, and for edges bent between the points looked at
    margin = [
        3 + 0.02 * (east - west) / own.cell_width + 2 * (east - west) / template.cols / own.cell_width,
        3 + 0.02 * (north - south) / own.cell_height + 2 * (north - south) / template.rows / own.cell_height,
    ]
    # clipped so that one cell is left where the raster ends before: its type serves a part without values
    first_col = min(own.cols - 1, max(0, math.floor((west - own.transform[0]) / own.cell_width - margin[0])))
    last_col = max(first_col + 1, min(own.cols, math.ceil((east - own.transform[0]) / own.cell_width + margin[0])))
    first_row = min(own.rows - 1, max(0, math.floor((own.transform[3] - north) / own.cell_height - margin[1])))
    last_row = max(first_row + 1, min(own.rows, math.ceil((own.transform[3] - south) / own.cell_height + margin[1])))
    return Window(first_row, first_col, last_row - first_row, last_col - first_col)


def _warp(
    grid: Grid, template: Template, *, method: str, kind: CellValues, scales: Sequence[str], progress: Progress
) -> Grid:
    """A Grid warped by GDAL to a template, both in memory."""
    own = grid.template
    if own.crs.same_as(template.crs):
        own = replace(own, crs=template.crs)
    if kind == CLASSES:
        values, nodata = grid.values, grid.nodata
        if nodata is None or math.isnan(nodata) or values.dtype.itemsize > 4 or values.dtype == np.int8:
            values, nodata = with_spare_nodata(grid)
    else:
        values, nodata = grid.floats(), math.nan
    with gdal_exceptions():
        near = memory_dataset(values, own, nodata)
        target = memory_dataset(np.full(template.shape, nodata, dtype=values.dtype), template, nodata)
        run_with_callback(
            progress,
            lambda callback: gdal.Warp(
                target,
                near,
                resampleAlg=method,
                multithread=True,
                callback=callback,
                errorThreshold=_PLACE_ERROR_CELLS,
                srcNodata=nodata,
                dstNodata=nodata,
                warpOptions=["NUM_THREADS=2", *scales],
            ),
        )
        return Grid(target.ReadAsArray(), template, nodata, grid.name)


def read_classes(source: RasterSource, template: Template | None = None, progress: Progress = SILENT) -> Grid:
    """Class codes as int32 with an explicit nodata, on the template's cells where one is given.

    Raises
    ------
    InputError
        When the raster holds values that are not whole numbers.
    """
    return class_codes(
        read_raster(source, progress) if template is None else align(source, template, kind=CLASSES, progress=progress)
    )
