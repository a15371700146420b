"""Rasters in and out: a Grid carries its georeferencing, so no function guesses it.

One alignment rule serves every step: one raster is the template, every other
is warped to it (nearest for classes; bilinear where it is coarser and average
where it is finer for quantities) and the log says so. Only the template has to
be projected, in metres; its cells need not be square.
"""

import contextlib
import math
import os
import shutil
from dataclasses import dataclass, field, replace

import numpy as np
from osgeo import gdal

from .crs import (crs_name, gdal_exceptions, is_same_crs, require_known, require_metres,
                  spatial_reference, transformation)
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
        return (np.floor((np.asarray(y) - north) / dy).astype(np.int64),
                np.floor((np.asarray(x) - west) / dx).astype(np.int64))

    def contains(self, row, col):
        return (0 <= row) & (row < self.rows) & (0 <= col) & (col < self.cols)

    def padded(self, margin_m):
        """The same lattice of cells grown by at least ``margin_m`` on every side."""
        right, down = (int(math.ceil(margin_m / size)) for size in (self.cell_width, self.cell_height))
        west, dx, _, north, _, dy = self.transform
        return replace(self, rows=self.rows + 2 * down, cols=self.cols + 2 * right,
                       transform=(west - right * dx, dx, 0.0, north - down * dy, 0.0, dy))

    def offset_in(self, padded):
        """Row and column of this template's first cell inside a ``padded`` one."""
        return (round((self.transform[3] - padded.transform[3]) / padded.transform[5]),
                round((self.transform[0] - padded.transform[0]) / padded.transform[1]))

    def same_grid(self, other):
        """True when cells of both coincide and CRS mean the same."""
        tolerance = 1e-3 * min(self.cell_width, self.cell_height)
        return (self.shape == other.shape
                and all(abs(a - b) <= tolerance for a, b in zip(self.bounds, other.bounds))
                and is_same_crs(self.crs, other.crs))


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
    """

    values: np.ndarray
    template: Template
    nodata: float = None
    name: str = ""

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
                f"Raster '{source.name}' cannot be opened ({error}): check that {source.path} "
                f"exists and is a raster that GDAL reads.") from None
        if not 1 <= source.band <= dataset.RasterCount:
            raise InputError(f"Raster '{source.name}' has {dataset.RasterCount} band(s), and band "
                             f"{source.band} was asked for: choose a band that exists.")
    return dataset


def _template_of(dataset, source):
    transform = dataset.GetGeoTransform(can_return_null=True)
    if transform is None:
        raise InputError(f"Raster '{source.name}' has no georeferencing: georeference it "
                         f"(Raster > Georeferencer) and run again.")
    if abs(transform[2]) > 1e-9 * abs(transform[1]) or abs(transform[4]) > 1e-9 * abs(transform[5]):
        raise InputError(f"Raster '{source.name}' is rotated or sheared: warp it to a north-up grid "
                         f"('Warp (reproject)') and run again.")
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


def check_overlap(source, template):
    """Refuse a raster without a CRS, or that does not meet the template; values are not read."""
    own = _template_of(_open(source), source)
    require_known(own.crs, source.name)
    _require_overlap(own, template)
    return own


def _require_overlap(own, template):
    # a small map may lie where the edges of a world map cannot be brought to its CRS: look both ways
    if not (_meet(bounds_in(own, template.crs), template.bounds)
            or _meet(bounds_in(template, own.crs), own.bounds)):
        bounds = bounds_in(own, template.crs)
        raise InputError(
            f"Layer '{own.name}' does not overlap '{template.name}': its extent there is "
            f"{_extent_text(bounds)}, that of '{template.name}' is {_extent_text(template.bounds)}; "
            f"choose maps of one area, or correct the layer's CRS ({crs_name(own.crs)}).")


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
            raise InputError(f"Raster '{source.name}' cannot be read ({error}): the file is damaged or "
                             f"incomplete; get it again.") from None
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
        own = replace(own, rows=rows, cols=cols,
                      transform=(x, own.transform[1], 0.0, y, 0.0, own.transform[5]))
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
        declared = "" if grid.nodata is None else f" ({grid.nodata:g})"
        raise InputError(f"Raster '{source.name}' holds no value at all, only nodata: choose "
                         f"another raster, or correct its nodata value{declared}.")
    return grid


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
    own = check_overlap(source, template)
    progress.check()
    if own.same_grid(template):
        grid = read(source, progress)
        return replace(grid, template=template)
    cells = _cell_area_there(own, template)
    if kind == CLASSES:
        method, word = "near", "nearest cell"
    elif cells < 0.81 * template.cell_area_m2:
        method, word = "average", "average of its finer cells"
    else:
        method, word = "bilinear", "bilinear"
    grid = _warp(source, own, template, method, kind, progress)
    valid = grid.valid
    if not valid.any():
        raise InputError(f"Raster '{source.name}' has no value inside '{template.name}', only nodata: "
                         f"choose a raster that covers it, or correct its nodata value.")
    how = "warped" if is_same_crs(own.crs, template.crs) else f"reprojected from {crs_name(own.crs)} and warped"
    progress.log(f"Layer '{source.name}' was {how} to the cells of '{template.name}' ({word}).")
    missing = 1 - valid.mean()
    if missing > 0:
        progress.log(f"Layer '{source.name}' has no value on {100 * missing:.2f} % of the cells "
                     f"of '{template.name}'.")
    return grid


def _cell_area_there(own, template):
    """The area in m2 of a raster's cell in the middle of what it shares with the template."""
    if is_same_crs(own.crs, template.crs):
        return own.cell_area_m2
    here, there = bounds_in(template, own.crs), own.bounds
    x = (max(here[0], there[0]) + min(here[2], there[2])) / 2
    y = (max(here[1], there[1]) + min(here[3], there[3])) / 2
    change = transformation(own.crs, template.crs, own.name)
    dx, dy = own.cell_width / 2, own.cell_height / 2
    try:
        with gdal_exceptions():
            west, east, south, north = (change.TransformPoint(*point)[:2] for point in (
                (x - dx, y), (x + dx, y), (x, y - dy), (x, y + dy)))
    except RuntimeError:  # the middle lies outside the reach of the template's CRS
        west, south, east, north = bounds_in(own, template.crs)
        return (east - west) * (north - south) / (own.rows * own.cols)
    return abs((east[0] - west[0]) * (north[1] - south[1]) - (east[1] - west[1]) * (north[0] - south[0]))


def _window(own, template):
    """The part of a raster that a template needs: first row, first column, rows, columns."""
    west, south, east, north = bounds_in(template, own.crs)
    if not all(map(math.isfinite, (west, south, east, north))):
        return None
    # a margin for the kernel, for half a template cell, and for edges bent between the points looked at
    margin = [3 + 0.02 * (east - west) / own.cell_width + 2 * (east - west) / template.cols / own.cell_width,
              3 + 0.02 * (north - south) / own.cell_height + 2 * (north - south) / template.rows / own.cell_height]
    first_col = max(0, math.floor((west - own.transform[0]) / own.cell_width - margin[0]))
    last_col = min(own.cols, math.ceil((east - own.transform[0]) / own.cell_width + margin[0]))
    first_row = max(0, math.floor((own.transform[3] - north) / own.cell_height - margin[1]))
    last_row = min(own.rows, math.ceil((own.transform[3] - south) / own.cell_height + margin[1]))
    if last_row <= first_row or last_col <= first_col:
        return None
    return first_row, first_col, last_row - first_row, last_col - first_col


# GDAL interpolates between transformed points; so many source cells may a place be off (its default: 0.125)
_PLACE_ERROR_CELLS = 0.001


def _warp(source, own, template, method, kind, progress):
    grid = _read_band(_open(source), source, own, progress, _window(own, template))
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
        target = _memory_dataset(
            np.full(template.shape, nodata, dtype=values.dtype), template, nodata)
        _stoppable(progress, lambda callback: gdal.Warp(
            target, near, resampleAlg=method, multithread=True, callback=callback,
            errorThreshold=_PLACE_ERROR_CELLS, srcNodata=nodata, dstNodata=nodata))
        return Grid(target.ReadAsArray(), template, nodata, source.name)


def _with_spare_nodata(grid):
    """Class codes as int32 with a nodata value that no class uses; as floats where they do not fit."""
    valid = grid.valid
    codes = np.where(valid, grid.values, 0)
    if _first_no_code(codes) is not None:
        return grid.floats(np.float64), math.nan
    return np.where(valid, codes, _NO_CODE).astype(np.int32), _NO_CODE


_NO_CODE = -2147483648


def _first_no_code(codes):
    """The first value that is no class code: not whole, or beyond 32 bits; None where all are."""
    wrong = (codes <= _NO_CODE) | (codes > 2147483647)
    if np.issubdtype(codes.dtype, np.floating):
        wrong |= codes != np.rint(codes)
    return codes[wrong].flat[0] if wrong.any() else None


_GDAL_TYPES = {"uint8": gdal.GDT_Byte, "int16": gdal.GDT_Int16, "uint16": gdal.GDT_UInt16,
               "int32": gdal.GDT_Int32, "uint32": gdal.GDT_UInt32, "float32": gdal.GDT_Float32,
               "float64": gdal.GDT_Float64}


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
    grid = read(source, progress) if template is None else align(source, template, CLASSES, progress)
    valid = grid.valid
    values = np.where(valid, grid.values, 0)
    wrong = _first_no_code(values)
    if wrong is not None:
        raise InputError(f"Raster '{source.name}' should hold class codes, and holds "
                         f"{wrong:.10g}: choose a raster of whole-number codes of up to 2147483647.")
    return Grid(np.where(valid, values, _NO_CODE).astype(np.int32), grid.template, _NO_CODE, source.name)


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
            raise InputError(f"Folder '{path}' for outputs cannot be made ({error.strerror}): choose "
                             f"another place.") from None
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
            raise InputError(f"Output '{path}' could not be replaced ({error.strerror}): close the "
                             f"program that holds it open, or choose another name.") from None

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
        partial = self.temporary(path)
        band = dataset = None
        try:
            with gdal_exceptions():
                dtype = _stored_dtype(grid.values)
                floating = np.issubdtype(dtype, np.floating)
                declare_nan = grid.nodata is None and np.issubdtype(grid.values.dtype, np.floating)
                nodata = math.nan if declare_nan else grid.nodata
                options = _TILED + ["COMPRESS=DEFLATE", f"PREDICTOR={3 if floating else 2}",
                                    f"ZLEVEL={1 if floating else 6}"]
                gdal.ErrorReset()
                place = grid.template
                dataset = gdal.GetDriverByName("GTiff").Create(
                    partial, int(place.cols), int(place.rows), 1, _GDAL_TYPES[dtype.name], options)
                dataset.SetGeoTransform(place.transform)
                dataset.SetProjection(spatial_reference(place.crs).ExportToWkt())
                band = dataset.GetRasterBand(1)
                if _nodata_as(dtype, nodata) is not None:
                    band.SetNoDataValue(float(nodata))
                # left in GDAL's cache, all would be written at the end, deaf to a cancel
                for row in range(0, place.rows, _TILE):
                    progress.check()
                    band.WriteArray(grid.values[row:row + _TILE].astype(dtype, copy=False), 0, row)
                    band.FlushCache()
                if grid.values.size > _OVERVIEWS_ABOVE:
                    _stoppable(progress, lambda callback: dataset.BuildOverviews(
                        "AVERAGE" if floating else "NEAREST", [2, 4, 8, 16], callback))
                dataset.FlushCache()
                band = dataset = None  # closing writes what is left, and tells a failure only this way
                if gdal.GetLastErrorType() >= gdal.CE_Failure:
                    raise RuntimeError(gdal.GetLastErrorMsg())
        except RuntimeError as error:
            raise InputError(f"Output '{path}' could not be written ({error}): check the free "
                             f"space and the rights of its folder.") from None
        finally:
            band = dataset = None  # an open file cannot be removed under Windows
        return path

    def text(self, content, path):
        """Add a text file in UTF-8."""
        partial = self.temporary(path)
        try:
            with open(partial, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(content)
        except OSError as error:
            raise InputError(f"Output '{path}' could not be written ({error.strerror}): check the free "
                             f"space and the rights of its folder.") from None
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
            raise InputError(f"Output '{path}' could not be replaced ({error.strerror}): close the "
                             f"program that holds it open, or choose another name.") from None
        for _, kept in aside + [pair for _, pairs in self._in_place for pair in pairs]:
            with contextlib.suppress(OSError):
                os.remove(kept)
        self._pending, self._folders, self._in_place = [], [], []

    def discard(self):
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
        self._pending, self._folders, self._in_place = [], [], []


_SIDE_CARS = (".aux.xml", ".ovr", ".msk")
_DATABASE_PARTS = ("", "-wal", "-shm", "-journal")


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
        raise InputError(f"Folder '{folder}' for the output '{name}' does not exist: create it "
                         f"or choose another place.")
    if not os.access(folder, os.W_OK):
        raise InputError(f"Folder '{folder}' for the output '{name}' cannot be written to: "
                         f"choose another place.")
    if os.path.isdir(path):
        raise InputError(f"Output '{path}' is a folder: give the file a name of its own.")
