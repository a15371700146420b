"""Rasters in and out: a Grid carries its georeferencing, so no function guesses it.

One alignment rule serves every step: one raster is the template, every other
is warped to it (nearest for classes; bilinear where it is coarser and average
where it is finer for quantities) and the log says so. Only the template has to
be projected, in metres; its cells need not be square.
"""

import contextlib
import html
import math
import os
import shutil
from dataclasses import dataclass, field, replace

import numpy as np
from osgeo import gdal

from .crs import (
    crs_name,
    gdal_exceptions,
    gdal_says,
    gdal_silent,
    is_same_crs,
    require_known,
    require_metres,
    spatial_reference,
    transformation,
)
from .errors import InputError
from .progress import SILENT

CLASSES = "classes"
QUANTITY = "quantity"

_TILE = 256
_TILED = ["TILED=YES", f"BLOCKXSIZE={_TILE}", f"BLOCKYSIZE={_TILE}", "BIGTIFF=IF_SAFER", "NUM_THREADS=2"]
_OVERVIEWS_ABOVE = 4_000_000


@dataclass(frozen=True)
class RasterSource:
    """A raster as the planner names it; nothing is read yet.

    Parameters
    ----------
    path : str
        What GDAL opens.
    name : str
        The layer's name, for messages.
    crs : str
        WKT that replaces the file's own CRS (the layer's CRS in a project); empty: the file's.
    band : int
        From 1.
    """

    path: str
    name: str = ""
    crs: str = ""
    band: int = 1

    def __post_init__(self):
        if not self.name:
            object.__setattr__(self, "name", os.path.splitext(os.path.basename(self.path))[0])


@dataclass(frozen=True)
class Template:
    """The georeferencing that all layers of a step share: size, transform and CRS.

    Parameters
    ----------
    rows, cols : int
    transform : tuple of 6 floats
        GDAL geotransform, north up: ``(west, dx, 0, north, 0, -dy)`` in metres.
    crs : str
        WKT.
    name : str
        The layer it came from, for messages.
    """

    rows: int
    cols: int
    transform: tuple
    crs: str
    name: str = field(default="", compare=False)

    @property
    def shape(self):
        return self.rows, self.cols

    @property
    def cell_width(self):
        """Metres."""
        return self.transform[1]

    @property
    def cell_height(self):
        """Metres, positive."""
        return -self.transform[5]

    @property
    def cell_area_m2(self):
        return self.cell_width * self.cell_height

    @property
    def bounds(self):
        """``(west, south, east, north)``."""
        west, dx, _, north, _, dy = self.transform
        return west, north + dy * self.rows, west + dx * self.cols, north

    def xy(self, row, col):
        """Map coordinates of cell centres; scalars or arrays."""
        west, dx, _, north, _, dy = self.transform
        return west + (col + 0.5) * dx, north + (row + 0.5) * dy

    def row_col(self, x, y):
        """The cell that holds a point, as integers; may lie outside ``shape``."""
        west, dx, _, north, _, dy = self.transform
        return (
            np.floor((np.asarray(y) - north) / dy).astype(np.int64),
            np.floor((np.asarray(x) - west) / dx).astype(np.int64),
        )

    def contains(self, row, col):
        return (0 <= row) & (row < self.rows) & (0 <= col) & (col < self.cols)

    def padded(self, margin_m):
        """The same lattice of cells grown by at least ``margin_m`` on every side."""
        right, down = (int(math.ceil(margin_m / size)) for size in (self.cell_width, self.cell_height))
        west, dx, _, north, _, dy = self.transform
        return replace(
            self,
            rows=self.rows + 2 * down,
            cols=self.cols + 2 * right,
            transform=(west - right * dx, dx, 0.0, north - down * dy, 0.0, dy),
        )

    def part(self, window):
        """The template of a `Window` of this one."""
        west, dx, _, north, _, dy = self.transform
        return replace(
            self,
            rows=window.rows,
            cols=window.cols,
            transform=(west + window.col * dx, dx, 0.0, north + window.row * dy, 0.0, dy),
        )

    def offset_in(self, padded):
        """Row and column of this template's first cell inside a ``padded`` one."""
        return (
            round((self.transform[3] - padded.transform[3]) / padded.transform[5]),
            round((self.transform[0] - padded.transform[0]) / padded.transform[1]),
        )

    def same_grid(self, other):
        """True when cells of both coincide and CRS mean the same."""
        tolerance = 1e-3 * min(self.cell_width, self.cell_height)
        return (
            self.shape == other.shape
            and all(abs(a - b) <= tolerance for a, b in zip(self.bounds, other.bounds))
            and is_same_crs(self.crs, other.crs)
        )


@dataclass(frozen=True)
class Window:
    """A part of a template: its first row and column, and how many."""

    row: int
    col: int
    rows: int
    cols: int

    @property
    def slices(self):
        return slice(self.row, self.row + self.rows), slice(self.col, self.col + self.cols)

    def meet(self, slices):
        """The Window of the cells that rows and columns, two slices, have in this one; None where none."""
        (top, bottom), (left, right) = (
            (max(own.start, other.start), min(own.stop, other.stop)) for own, other in zip(self.slices, slices)
        )
        return Window(top, left, bottom - top, right - left) if top < bottom and left < right else None

    def within(self, other):
        """Two slices that cut this window out of the array of another."""
        row, col = self.row - other.row, self.col - other.col
        return slice(row, row + self.rows), slice(col, col + self.cols)


_WINDOW_COLS = 64 * _TILE


def windows(template):
    """Windows that make up a template, row by row: whole tiles of a file, at most 256 x 16,384 cells.

    As wide as the map, because GDAL interpolates places along a row: parts of it would lie some
    thousandths of a cell elsewhere.
    """
    for row in range(0, template.rows, _TILE):
        for col in range(0, template.cols, _WINDOW_COLS):
            yield Window(row, col, min(_TILE, template.rows - row), min(_WINDOW_COLS, template.cols - col))


@dataclass
class Grid:
    """An array with its georeferencing.

    Parameters
    ----------
    values : ndarray, shape (rows, cols)
    template : Template
    nodata : float or None
        The value that means "no value"; NaN always means it too.
    name : str
        For messages.
    categories : tuple of str
        What the values 0, 1, ... of a map of classes mean; written beside its file.
    """

    values: np.ndarray
    template: Template
    nodata: float = None
    name: str = ""
    categories: tuple = ()

    @property
    def valid(self):
        """Boolean array, True where there is a value."""
        if np.issubdtype(self.values.dtype, np.floating):
            valid = np.isfinite(self.values)
        else:
            valid = np.ones(self.values.shape, dtype=bool)
        nodata = _nodata_as(self.values.dtype, self.nodata)
        if nodata is not None and nodata == nodata:
            valid &= self.values != nodata
        return valid

    def floats(self, dtype=np.float32):
        """A copy as floats with NaN where there is no value."""
        values = self.values.astype(dtype)
        values[~self.valid] = np.nan
        return values

    def like(self, values, nodata=None, name=""):
        """Another array on the same cells."""
        return Grid(values, self.template, nodata, name)


def _nodata_as(dtype, nodata):
    """A nodata value in a data type; None where the type cannot hold it, as -9999 in a byte."""
    if nodata is None:
        return None
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        whole = math.isfinite(nodata) and nodata == math.floor(nodata)
        return dtype.type(int(nodata)) if whole and limits.min <= nodata <= limits.max else None
    with np.errstate(over="ignore"):
        return np.asarray(nodata).astype(dtype)[()]


def float_grid(values, template, name=""):
    """A float32 map with NaN for no value."""
    return Grid(np.asarray(values, dtype=np.float32), template, math.nan, name)


# reading ---------------------------------------------------------------------------------------


def _open(source):
    with gdal_exceptions():
        try:
            dataset = gdal.Open(source.path)
        except RuntimeError as error:
            raise InputError(
                f"Raster '{source.name}' cannot be opened ({gdal_says(error)}): check that {source.path} "
                f"exists and is a raster that GDAL reads."
            ) from None
        if not 1 <= source.band <= dataset.RasterCount:
            raise InputError(
                f"Raster '{source.name}' has {dataset.RasterCount} band(s), and band "
                f"{source.band} was asked for: choose a band that exists."
            )
    return dataset


def _template_of(dataset, source):
    transform = dataset.GetGeoTransform(can_return_null=True)
    if transform is None:
        raise InputError(
            f"Raster '{source.name}' has no georeferencing: georeference it (Raster > Georeferencer) and run again."
        )
    if abs(transform[2]) > 1e-9 * abs(transform[1]) or abs(transform[4]) > 1e-9 * abs(transform[5]):
        raise InputError(
            f"Raster '{source.name}' is rotated or sheared: warp it to a north-up grid "
            f"('Warp (reproject)') and run again."
        )
    crs = source.crs or dataset.GetProjection()
    west, dx, _, north, _, dy = transform
    rows, cols = dataset.RasterYSize, dataset.RasterXSize
    if dx < 0:
        west, dx = west + dx * cols, -dx
    if dy > 0:
        north, dy = north + dy * rows, -dy
    return Template(rows, cols, (west, dx, 0.0, north, 0.0, dy), crs, source.name)


def open_template(source):
    """The georeferencing of the raster that all others are warped to; no values are read.

    Raises
    ------
    InputError
        When it has no CRS, or one that is not projected in metres, or is rotated.
    """
    template = _template_of(_open(source), source)
    west, south, east, north = template.bounds
    require_metres(template.crs, source.name, ((west + east) / 2, (south + north) / 2))
    return template


def open_cells(source):
    """The georeferencing of a raster in any known CRS; no values are read.

    Raises
    ------
    InputError
        When it cannot be opened, has no CRS, or is rotated.
    """
    own = _template_of(_open(source), source)
    require_known(own.crs, source.name)
    return own


def check_overlap(source, template):
    """Refuse a raster without a CRS, or that does not meet the template; values are not read."""
    own = _template_of(_open(source), source)
    require_known(own.crs, source.name)
    _require_overlap(own, template)
    return own


def _require_overlap(own, template):
    # a small map may lie where the edges of a world map cannot be brought to its CRS: look both ways
    if not (_meet(bounds_in(own, template.crs), template.bounds) or _meet(bounds_in(template, own.crs), own.bounds)):
        bounds = bounds_in(own, template.crs)
        raise InputError(
            f"Layer '{own.name}' does not overlap '{template.name}': its extent there is "
            f"{_extent_text(bounds)}, that of '{template.name}' is {_extent_text(template.bounds)}; "
            f"choose maps of one area, or correct the layer's CRS ({crs_name(own.crs)})."
        )


def _meet(a, b):
    return a[0] < b[2] and a[2] > b[0] and a[1] < b[3] and a[3] > b[1]


def _extent_text(bounds):
    if not all(map(math.isfinite, bounds)):
        return "outside the reach of that CRS"
    return "{:.0f}, {:.0f} to {:.0f}, {:.0f}".format(*bounds)


def bounds_in(own, crs):
    """``(west, south, east, north)`` of a template in another CRS."""
    if is_same_crs(own.crs, crs):
        return own.bounds
    west, south, east, north = own.bounds
    transform = transformation(own.crs, crs, own.name)
    points = []
    with gdal_exceptions():
        for step in np.linspace(0, 1, 21):
            x, y = west + step * (east - west), south + step * (north - south)
            for point in ((x, south), (x, north), (west, y), (east, y)):
                try:
                    px, py, _ = transform.TransformPoint(*point)
                except RuntimeError:
                    continue
                if math.isfinite(px) and math.isfinite(py):
                    points.append((px, py))
    if not points:
        return math.inf, math.inf, -math.inf, -math.inf
    xs, ys = zip(*points)
    return min(xs), min(ys), max(xs), max(ys)


def _read_band(dataset, source, own, progress=SILENT, window=None):
    """The values of a north-up window (first row, first column, rows, columns); default all."""
    row, col, rows, cols = window or (0, 0, own.rows, own.cols)
    with gdal_exceptions():
        band = dataset.GetRasterBand(source.band)
        transform = dataset.GetGeoTransform()
        south_up, mirrored = transform[5] > 0, transform[1] < 0
        first = (own.cols - col - cols if mirrored else col, own.rows - row - rows if south_up else row)

        def values_of(band):
            return _stoppable(progress, lambda callback: band.ReadAsArray(*first, cols, rows, callback=callback))

        try:
            values = values_of(band)
            nodata = band.GetNoDataValue()
            scale, offset = band.GetScale() or 1.0, band.GetOffset() or 0.0
            masked = None
            if nodata is None and band.GetMaskFlags() & gdal.GMF_PER_DATASET:
                masked = values_of(band.GetMaskBand()) == 0
        except RuntimeError as error:
            raise InputError(
                f"Raster '{source.name}' cannot be read ({gdal_says(error)}): the file is "
                f"damaged or incomplete; get it again."
            ) from None
    if scale != 1.0 or offset != 0.0:
        present = Grid(values, own, nodata).valid
        values = np.where(present, values * scale + offset, np.nan).astype(np.float32)
        nodata = math.nan
    if masked is not None and masked.any():
        values = np.where(masked, np.nan, values.astype(np.float32))
        nodata = math.nan
    if south_up:
        values = values[::-1]
    if mirrored:
        values = values[:, ::-1]
    if window is not None:
        x, y = own.transform[0] + col * own.transform[1], own.transform[3] + row * own.transform[5]
        own = replace(own, rows=rows, cols=cols, transform=(x, own.transform[1], 0.0, y, 0.0, own.transform[5]))
    if nodata is not None and _nodata_as(values.dtype, nodata) is None:
        nodata = None
    return Grid(np.ascontiguousarray(values), own, nodata, source.name)


def _stoppable(progress, work):
    """What ``work(callback)`` returns; a cancel raises, although GDAL swallows a callback's exceptions."""
    stopped = []

    def callback(*_):
        try:
            progress.check()
        except Exception as error:
            stopped.append(error)
            return 0
        return 1

    try:
        result = work(callback)
    except RuntimeError:
        if not stopped:
            raise
    if stopped:
        raise stopped[0]
    return result


def read(source, progress=SILENT):
    """The whole raster on its own cells; the memory is that of its data type.

    Raises
    ------
    InputError
        When it cannot be opened or read, has no CRS, or holds no value at all.
    """
    dataset = _open(source)
    own = _template_of(dataset, source)
    require_known(own.crs, source.name)
    grid = _read_band(dataset, source, own, progress)
    if not grid.valid.any():
        raise _holds_nothing(source, grid.nodata)
    return grid


def _holds_nothing(source, nodata):
    declared = "" if nodata is None else f" ({nodata:g})"
    return InputError(
        f"Raster '{source.name}' holds no value at all, only nodata: choose "
        f"another raster, or correct its nodata value{declared}."
    )


def align(source, template, kind=QUANTITY, progress=SILENT):
    """A raster on the template's cells.

    Parameters
    ----------
    source : RasterSource
    template : Template
    kind : CLASSES or QUANTITY
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
        return replace(read(source, progress), template=template)
    grid = None
    for window in windows(template):
        part = aligned.read(window, progress)
        if grid is None:
            grid = Grid(np.empty(template.shape, dtype=part.values.dtype), template, part.nodata, source.name)
        elif part.values.dtype != grid.values.dtype:  # a window without values, or codes that are none
            grid, part = (Grid(each.floats(np.float64), each.template, math.nan, source.name) for each in (grid, part))
        grid.values[window.slices] = part.values
    aligned.finish(progress)
    return grid


class AlignedRaster:
    """A raster on a template's cells, window by window, with the values that `align` gives for all.

    Parameters
    ----------
    source, template, kind
        As for `align`; raises as it does, an empty raster in `finish`.
    """

    def __init__(self, source, template, kind=QUANTITY):
        self.name, self.template = source.name, template
        self._source, self._kind = source, kind
        self._own = check_overlap(source, template)
        self._dataset = _open(source)
        self.same_cells = self._own.same_grid(template)
        self._valid, self._nodata, self._scales, self._told = 0, None, [], False
        if kind == CLASSES:
            self._method, self._word = "near", "nearest cell"
        elif not self.same_cells and self._finer_than_template():
            self._method, self._word = "average", "average of its finer cells"
        else:
            self._method, self._word = "bilinear", "bilinear"

    def _finer_than_template(self):
        place = self.template
        right, down = _cell_there(self._own, place)
        # GDAL would guess these from the box around each part, which is too large where the raster lies askew
        self._scales = [
            f"{axis}SCALE={math.hypot(x / place.cell_width, y / place.cell_height)!r}"
            for axis, (x, y) in (("X", right), ("Y", down))
        ]
        return abs(right[0] * down[1] - right[1] * down[0]) < 0.81 * place.cell_area_m2

    def read(self, window, progress=SILENT):
        """The Grid of a `Window`; each of `windows` is to be read once before `finish`."""
        progress.check()
        part = self.template.part(window)
        if self.same_cells:
            grid = _read_band(
                self._dataset, self._source, self._own, progress, (window.row, window.col, window.rows, window.cols)
            )
            grid = replace(grid, template=part)
        else:
            grid = self._warped(part, progress)
        self._valid += np.count_nonzero(grid.valid)
        self._nodata = grid.nodata
        return grid

    def _warped(self, part, progress):
        needed = _window(self._own, part)
        if needed is not None and needed[2] * needed[3] > _SOURCE_CELLS and part.rows * part.cols > 1:
            rows, cols = (part.rows + 1) // 2, part.cols
            if part.rows == 1:
                rows, cols = 1, (part.cols + 1) // 2
            first = Window(0, 0, rows, cols)
            second = (
                Window(rows, 0, part.rows - rows, cols) if rows < part.rows else Window(0, cols, rows, part.cols - cols)
            )
            halves = [self._warped(part.part(half), progress) for half in (first, second)]
            return _joined(halves, part, axis=0 if rows < part.rows else 1)
        grid = _read_band(self._dataset, self._source, self._own, progress, needed)
        return _warp(grid, part, self._method, self._kind, self._scales, progress)

    def finish(self, progress=SILENT):
        """Refuse a raster without any value; say how it was brought to the template's cells, once."""
        place, source = self.template, self._source
        if self._told:
            return
        self._told = True
        if not self._valid:
            if self.same_cells:
                raise _holds_nothing(source, self._nodata)
            raise InputError(
                f"Raster '{source.name}' has no value inside '{place.name}', only nodata: "
                f"choose a raster that covers it, or correct its nodata value."
            )
        if self.same_cells:
            return
        own = self._own
        how = "warped" if is_same_crs(own.crs, place.crs) else f"reprojected from {crs_name(own.crs)} and warped"
        progress.log(f"Layer '{source.name}' was {how} to the cells of '{place.name}' ({self._word}).")
        missing = 1 - self._valid / (place.rows * place.cols)
        if missing > 0:
            progress.log(f"Layer '{source.name}' has no value on {100 * missing:.2f} % of the cells of '{place.name}'.")


_SOURCE_CELLS = 1 << 24  # of a raster much finer than the template read at once


def _joined(grids, template, axis):
    """Grids side by side (axis 1) or one below the other (0)."""
    if len({grid.values.dtype for grid in grids}) > 1:
        grids = [Grid(grid.floats(np.float64), grid.template, math.nan) for grid in grids]
    return Grid(np.concatenate([grid.values for grid in grids], axis=axis), template, grids[0].nodata, grids[0].name)


def _cell_there(own, template):
    """The edges of a raster's cell in the middle of what it shares with the template: right, down; (x, y) in m."""
    dx, dy = own.cell_width / 2, own.cell_height / 2
    if is_same_crs(own.crs, template.crs):
        return (2 * dx, 0.0), (0.0, -2 * dy)
    here, there = bounds_in(template, own.crs), own.bounds
    x = (max(here[0], there[0]) + min(here[2], there[2])) / 2
    y = (max(here[1], there[1]) + min(here[3], there[3])) / 2
    change = transformation(own.crs, template.crs)
    try:
        with gdal_exceptions():
            west, east, north, south = (
                change.TransformPoint(*point)[:2] for point in ((x - dx, y), (x + dx, y), (x, y + dy), (x, y - dy))
            )
    except RuntimeError:  # the middle lies outside the reach of the template's CRS
        west, south, east, north = bounds_in(own, template.crs)
        return ((east - west) / own.cols, 0.0), (0.0, (south - north) / own.rows)
    return (east[0] - west[0], east[1] - west[1]), (south[0] - north[0], south[1] - north[1])


def _window(own, template):
    """The part of a raster that a template needs: first row, first column, rows, columns."""
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
    return first_row, first_col, last_row - first_row, last_col - first_col


# GDAL interpolates between transformed points; so many source cells may a place be off (its default: 0.125)
_PLACE_ERROR_CELLS = 0.001


def _warp(grid, template, method, kind, scales, progress):
    own = grid.template
    if is_same_crs(own.crs, template.crs):
        own = replace(own, crs=template.crs)
    if kind == CLASSES:
        values, nodata = grid.values, grid.nodata
        if nodata is None or math.isnan(nodata) or values.dtype.itemsize > 4 or values.dtype == np.int8:
            values, nodata = _with_spare_nodata(grid)
    else:
        values, nodata = grid.floats(), math.nan
    with gdal_exceptions():
        near = _memory_dataset(values, own, nodata)
        target = _memory_dataset(np.full(template.shape, nodata, dtype=values.dtype), template, nodata)
        _stoppable(
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


def _with_spare_nodata(grid):
    """Class codes as int32 with a nodata value that no class uses; as floats where they do not fit."""
    valid = grid.valid
    codes = np.where(valid, grid.values, 0)
    if _first_no_code(codes) is not None:
        return grid.floats(np.float64), math.nan
    return _as_codes(codes, valid), _NO_CODE


_NO_CODE = -2147483648


def _as_codes(codes, valid):
    """As int32 first: numpy 2 puts the no-code as 0 among codes of a narrower type."""
    codes = codes.astype(np.int32)
    codes[~valid] = _NO_CODE
    return codes


def _first_no_code(codes):
    """The first value that is no class code: not whole, or beyond 32 bits; None where all are."""
    wrong = (codes <= _NO_CODE) | (codes > 2147483647)
    if np.issubdtype(codes.dtype, np.floating):
        wrong |= codes != np.rint(codes)
    return codes[wrong].flat[0] if wrong.any() else None


_GDAL_TYPES = {
    "uint8": gdal.GDT_Byte,
    "int16": gdal.GDT_Int16,
    "uint16": gdal.GDT_UInt16,
    "int32": gdal.GDT_Int32,
    "uint32": gdal.GDT_UInt32,
    "float32": gdal.GDT_Float32,
    "float64": gdal.GDT_Float64,
}


def _stored_dtype(values):
    """The data type that GDAL 3.4 has for an array: int8, int64 and bool are no part of it."""
    if values.dtype == bool:
        return np.dtype(np.uint8)
    if values.dtype.name in _GDAL_TYPES:
        return values.dtype
    fits = not values.size or -2147483648 <= values.min() <= values.max() <= 2147483647
    return np.dtype(np.int32 if fits else np.float64)


def _memory_dataset(values, template, nodata):
    values = values.astype(_stored_dtype(values), copy=False)
    code = _GDAL_TYPES[values.dtype.name]
    dataset = gdal.GetDriverByName("MEM").Create("", int(template.cols), int(template.rows), 1, code)
    dataset.SetGeoTransform(template.transform)
    dataset.SetProjection(spatial_reference(template.crs).ExportToWkt())
    band = dataset.GetRasterBand(1)
    if _nodata_as(values.dtype, nodata) is not None:
        band.SetNoDataValue(float(nodata))
    band.WriteArray(values)
    return dataset


def read_classes(source, template=None, progress=SILENT):
    """Class codes as int32 with an explicit nodata, on the template's cells where one is given.

    Raises
    ------
    InputError
        When the raster holds values that are not whole numbers.
    """
    return class_codes(read(source, progress) if template is None else align(source, template, CLASSES, progress))


def class_codes(grid):
    """A Grid of class codes as int32 with an explicit nodata; `read_classes` of a part."""
    valid = grid.valid
    values = np.where(valid, grid.values, 0)
    wrong = _first_no_code(values)
    if wrong is not None:
        raise InputError(
            f"Raster '{grid.name}' should hold class codes, and holds "
            f"{wrong:.10g}: choose a raster of whole-number codes of up to 2147483647."
        )
    return Grid(_as_codes(values, valid), grid.template, _NO_CODE, grid.name)


# writing ---------------------------------------------------------------------------------------


def write(grid, path, progress=SILENT):
    """Write a compressed, tiled GeoTIFF whole or not at all.

    The file appears under a temporary name beside ``path`` and is renamed when it is complete.
    """
    outputs = OutputFiles()
    with outputs:
        outputs.raster(grid, path, progress)
    return path


class OutputFiles:
    """Files of one algorithm that appear together or not at all.

    Use as a context manager: every file is written under a temporary name beside its target;
    leaving the block normally renames them all, leaving it by an exception removes them. A file
    that stood there before gives way only when all are complete.
    """

    def __init__(self):
        self._pending = []
        self._folders = []
        self._in_place = []
        self._writers = []

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None:
            self.discard()
            return False
        self.commit()
        return False

    def folder(self, path):
        """Make a folder for outputs; one that was not there goes again if the run fails."""
        missing, parent = [], os.path.abspath(path)
        while not os.path.exists(parent):
            missing.append(parent)
            parent = os.path.dirname(parent)
        try:
            os.makedirs(path, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"Folder '{path}' for outputs cannot be made ({error.strerror}): choose another place."
            ) from None
        self._folders += missing
        return path

    def in_place(self, path, copy=False):
        """Note a file that another writer makes at its final place; a failure puts the old one back.

        ``copy``: the writer adds to the file that is there (a table in a GeoPackage).
        """
        kept = []
        self._in_place.append((path, kept))
        try:
            for suffix in _DATABASE_PARTS:
                old = path + suffix
                if os.path.isfile(old):
                    aside = _aside(old)
                    shutil.copy2(old, aside) if copy else os.replace(old, aside)
                    kept.append((old, aside))
        except OSError as error:
            raise InputError(
                f"Output '{path}' could not be replaced ({error.strerror}): close the "
                f"program that holds it open, or choose another name."
            ) from None

    def temporary(self, path):
        """A name beside ``path`` to write to; it takes the place of ``path`` at the end."""
        require_writable(path)
        folder, name = os.path.split(os.path.abspath(path))
        target = os.path.join(folder, name)
        if any(target == other for _, other in self._pending):
            raise InputError(f"Two outputs go to the same file '{path}': give each its own name.")
        stem, extension = os.path.splitext(name)
        partial = os.path.join(folder, f".{stem}.partial{extension}")
        self._pending.append((partial, target))
        return partial

    def raster(self, grid, path, progress=SILENT):
        """Add a GeoTIFF: compressed, tiled, with overviews above four million cells."""
        progress.check()
        declare_nan = grid.nodata is None and np.issubdtype(grid.values.dtype, np.floating)
        writer = self.raster_windows(
            grid.template, path, _stored_dtype(grid.values), math.nan if declare_nan else grid.nodata
        )
        for window in windows(grid.template):
            progress.check()
            writer.write(window, grid.values[window.slices])
        writer.finish(progress)
        if grid.categories:
            self.text(_category_names(grid.categories), path + ".aux.xml")
        return path

    def raster_windows(self, template, path, dtype=np.float32, nodata=math.nan):
        """Add a GeoTIFF like that of `raster`, to be written window by window: a `RasterWriter`."""
        writer = RasterWriter(self.temporary(path), path, template, np.dtype(dtype), nodata)
        self._writers.append(writer)
        return writer

    def text(self, content, path):
        """Add a text file in UTF-8."""
        partial = self.temporary(path)
        try:
            with open(partial, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(content)
        except OSError as error:
            raise InputError(
                f"Output '{path}' could not be written ({error.strerror}): check the free "
                f"space and the rights of its folder."
            ) from None
        return path

    def commit(self):
        aside, done = [], []
        try:
            for partial, path in self._pending:
                # what GDAL laid beside the old file would be taken for the new one's
                for old in (path, *(path + suffix for suffix in _SIDE_CARS)):
                    if os.path.isfile(old) or os.path.islink(old):  # a folder is never moved
                        aside.append((old, _aside(old)))
                        os.replace(*aside[-1])
                os.replace(partial, path)
                done.append(path)
        except OSError as error:
            with contextlib.suppress(OSError):  # the first error is the one to tell
                for new in done:
                    os.remove(new)
                for old, kept in aside:
                    if os.path.lexists(kept):
                        os.replace(kept, old)
            self.discard()
            raise InputError(
                f"Output '{path}' could not be replaced ({error.strerror}): close the "
                f"program that holds it open, or choose another name."
            ) from None
        for _, kept in aside + [pair for _, pairs in self._in_place for pair in pairs]:
            with contextlib.suppress(OSError):
                os.remove(kept)
        self._pending, self._folders, self._in_place, self._writers = [], [], [], []

    def discard(self):
        for writer in self._writers:
            writer.close()
        for partial, _ in self._pending:
            if os.path.exists(partial):
                os.remove(partial)
        for path, kept in reversed(self._in_place):
            for suffix in _DATABASE_PARTS:
                if os.path.isfile(path + suffix):
                    os.remove(path + suffix)
            for old, aside in kept:
                os.replace(aside, old)
        for folder in self._folders:
            with contextlib.suppress(OSError):  # somebody else put something there
                os.rmdir(folder)
        self._pending, self._folders, self._in_place, self._writers = [], [], [], []


class RasterWriter:
    """A GeoTIFF of `OutputFiles` that takes the `windows` of its template one after the other."""

    def __init__(self, partial, path, template, dtype, nodata):
        self._path, self._dtype, self._template, self._dataset = path, dtype, template, None
        self._floating = np.issubdtype(dtype, np.floating)
        options = _TILED + [
            "COMPRESS=DEFLATE",
            f"PREDICTOR={3 if self._floating else 2}",
            f"ZLEVEL={1 if self._floating else 6}",
        ]
        with self._said():
            self._dataset = gdal.GetDriverByName("GTiff").Create(
                partial, int(template.cols), int(template.rows), 1, _GDAL_TYPES[dtype.name], options
            )
            self._dataset.SetGeoTransform(template.transform)
            self._dataset.SetProjection(spatial_reference(template.crs).ExportToWkt())
            if _nodata_as(dtype, nodata) is not None:
                self._dataset.GetRasterBand(1).SetNoDataValue(float(nodata))

    def write(self, window, values):
        """Put a window's array in its place."""
        with self._said():
            band = self._dataset.GetRasterBand(1)
            band.WriteArray(values.astype(self._dtype, copy=False), window.col, window.row)
            # left in GDAL's cache, all would be written at the end, deaf to a cancel
            band.FlushCache()

    def finish(self, progress=SILENT):
        """Make overviews above four million cells and close the file; `OutputFiles.commit` puts it in its place."""
        with self._said():
            gdal.ErrorReset()
            if self._template.rows * self._template.cols > _OVERVIEWS_ABOVE:
                _stoppable(
                    progress,
                    lambda callback: self._dataset.BuildOverviews(
                        "AVERAGE" if self._floating else "NEAREST", [2, 4, 8, 16], callback
                    ),
                )
            self._dataset.FlushCache()
            self.close()  # writes what is left, and tells a failure only this way
            if gdal.GetLastErrorType() >= gdal.CE_Failure:
                raise RuntimeError(gdal.GetLastErrorMsg())

    def close(self):
        """Let go of an unfinished file: an open one cannot be removed under Windows."""
        with gdal_silent():
            self._dataset = None

    @contextlib.contextmanager
    def _said(self):
        try:
            with gdal_exceptions():
                yield
        except RuntimeError as error:
            raise InputError(
                f"Output '{self._path}' could not be written ({gdal_says(error)}): check the free "
                f"space and the rights of its folder."
            ) from None


_SIDE_CARS = (".aux.xml", ".ovr", ".msk")
_DATABASE_PARTS = ("", "-wal", "-shm", "-journal")


def _category_names(categories):
    """The names of a band's categories as GDAL keeps them beside a GeoTIFF, which has no place for them."""
    names = "".join(f"<Category>{html.escape(name)}</Category>" for name in categories)
    return f'<PAMDataset><PAMRasterBand band="1"><CategoryNames>{names}</CategoryNames></PAMRasterBand></PAMDataset>\n'


def _aside(path):
    """A free name beside a file, for it to wait under."""
    name, number = path + ".replaced", 1
    while os.path.lexists(name):
        number += 1
        name = f"{path}.replaced{number}"
    return name


def require_writable(path):
    """Refuse an output file whose folder is missing or closed, or whose name is a folder's."""
    if not os.path.basename(path):
        raise InputError(f"Output '{path}' is not a file name: choose one.")
    folder, name = os.path.split(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise InputError(
            f"Folder '{folder}' for the output '{name}' does not exist: create it or choose another place."
        )
    if not os.access(folder, os.W_OK):
        raise InputError(f"Folder '{folder}' for the output '{name}' cannot be written to: choose another place.")
    if os.path.isdir(path):
        raise InputError(f"Output '{path}' is a folder: give the file a name of its own.")
