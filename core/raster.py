"""Rasters in and out: a Grid carries its georeferencing, so no function guesses it.

One alignment rule serves every step: one raster is the template, every other
is warped to it (nearest for classes; bilinear where it is coarser and average
where it is finer for quantities) and the log says so. Only the template has to
be projected, in metres; its cells need not be square.
"""

import math
import os
from dataclasses import dataclass, field, replace

import numpy as np
from osgeo import gdal

from .crs import (crs_name, gdal_exceptions, is_same_crs, require_known, require_metres,
                  spatial_reference, transformation)
from .errors import InputError
from .progress import SILENT

CLASSES = "classes"
QUANTITY = "quantity"

_TILED = ["TILED=YES", "BLOCKXSIZE=256", "BLOCKYSIZE=256", "BIGTIFF=IF_SAFER", "NUM_THREADS=2"]
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
        if self.nodata is not None and not math.isnan(self.nodata):
            valid &= self.values != np.asarray(self.nodata).astype(self.values.dtype)
        return valid

    def floats(self, dtype=np.float32):
        """A copy as floats with NaN where there is no value."""
        values = self.values.astype(dtype)
        values[~self.valid] = np.nan
        return values

    def like(self, values, nodata=None, name=""):
        """Another array on the same cells."""
        return Grid(values, self.template, nodata, name)


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
        if source.band > dataset.RasterCount:
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
    bounds = bounds_in(own, template.crs)
    west, south, east, north = template.bounds
    if not (bounds[0] < east and bounds[2] > west and bounds[1] < north and bounds[3] > south):
        raise InputError(
            f"Layer '{own.name}' does not overlap '{template.name}': its extent there is "
            f"{_extent_text(bounds)}, that of '{template.name}' is {_extent_text(template.bounds)}; "
            f"choose maps of one area, or correct the layer's CRS ({crs_name(own.crs)}).")


def _extent_text(bounds):
    return "{:.0f}, {:.0f} to {:.0f}, {:.0f}".format(*bounds)


def bounds_in(own, crs):
    """``(west, south, east, north)`` of a template in another CRS."""
    if is_same_crs(own.crs, crs):
        return own.bounds
    west, south, east, north = own.bounds
    transform = transformation(own.crs, crs)
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


def _read_band(dataset, source, own):
    with gdal_exceptions():
        band = dataset.GetRasterBand(source.band)
        values = band.ReadAsArray()
        nodata = band.GetNoDataValue()
        scale, offset = band.GetScale() or 1.0, band.GetOffset() or 0.0
        masked = None
        if nodata is None and band.GetMaskFlags() & gdal.GMF_PER_DATASET:
            masked = band.GetMaskBand().ReadAsArray() == 0
        transform = dataset.GetGeoTransform()
    if scale != 1.0 or offset != 0.0:
        hole = Grid(values, own, nodata).valid
        values = np.where(hole, values * scale + offset, np.nan).astype(np.float32)
        nodata = math.nan
    if masked is not None and masked.any():
        values = np.where(masked, np.nan, values.astype(np.float32))
        nodata = math.nan
    if transform[5] > 0:
        values = values[::-1]
    if transform[1] < 0:
        values = values[:, ::-1]
    return Grid(np.ascontiguousarray(values), own, nodata, source.name)


def read(source):
    """The whole raster on its own cells; the memory is that of its data type.

    Raises
    ------
    InputError
        When it cannot be opened, has no CRS, or holds no value at all.
    """
    dataset = _open(source)
    own = _template_of(dataset, source)
    require_known(own.crs, source.name)
    grid = _read_band(dataset, source, own)
    if not grid.valid.any():
        raise InputError(f"Raster '{source.name}' holds no value at all, only nodata: choose "
                         f"another raster, or correct its nodata value ({grid.nodata}).")
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
        grid = read(source)
        return replace(grid, template=template)
    cells = _cell_area_there(own, template)
    if kind == CLASSES:
        method, word = "near", "nearest cell"
    elif cells < 0.81 * template.cell_area_m2:
        method, word = "average", "average of its finer cells"
    else:
        method, word = "bilinear", "bilinear"
    values, nodata = _warp(source, own, template, method, kind, progress)
    grid = Grid(values, template, nodata, source.name)
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
    west, south, east, north = bounds_in(own, template.crs)
    return (east - west) * (north - south) / (own.rows * own.cols)


def _warp(source, own, template, method, kind, progress):
    grid = read(source)
    if kind == CLASSES:
        values, nodata = grid.values, grid.nodata
        if nodata is None or (isinstance(nodata, float) and math.isnan(nodata)):
            values, nodata = _with_spare_nodata(grid)
    else:
        values, nodata = grid.floats(), math.nan
    with gdal_exceptions():
        near = _memory_dataset(values, own, nodata)
        target = _memory_dataset(
            np.full(template.shape, nodata, dtype=values.dtype), template, nodata)
        stopped = []

        def callback(fraction, *_):
            try:
                progress.check()
            except Exception as error:  # GDAL swallows exceptions of a callback
                stopped.append(error)
                return 0
            return 1

        try:
            gdal.Warp(target, near, resampleAlg=method, multithread=True, callback=callback,
                      srcNodata=nodata, dstNodata=nodata)
        except RuntimeError:
            if not stopped:
                raise
        if stopped:
            raise stopped[0]
        return target.ReadAsArray(), nodata


def _with_spare_nodata(grid):
    """Class codes as int32 with a nodata value that no class uses."""
    valid = grid.valid
    codes = np.where(valid, grid.values, 0)
    if np.issubdtype(codes.dtype, np.floating) and not np.array_equal(codes, np.rint(codes)):
        return grid.floats(), math.nan
    spare = -2147483648
    return np.where(valid, codes, spare).astype(np.int32), spare


def _memory_dataset(values, template, nodata):
    code = {"uint8": gdal.GDT_Byte, "int16": gdal.GDT_Int16, "uint16": gdal.GDT_UInt16,
            "int32": gdal.GDT_Int32, "uint32": gdal.GDT_UInt32, "float32": gdal.GDT_Float32,
            "float64": gdal.GDT_Float64}.get(values.dtype.name)
    if code is None:  # int8, int64, bool
        values = values.astype(np.int32)
        code = gdal.GDT_Int32
    dataset = gdal.GetDriverByName("MEM").Create("", template.cols, template.rows, 1, code)
    dataset.SetGeoTransform(template.transform)
    dataset.SetProjection(spatial_reference(template.crs).ExportToWkt())
    band = dataset.GetRasterBand(1)
    if nodata is not None:
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
    grid = read(source) if template is None else align(source, template, CLASSES, progress)
    valid = grid.valid
    values = np.where(valid, grid.values, 0)
    if np.issubdtype(values.dtype, np.floating):
        whole = values == np.rint(values)
        if not whole.all():
            raise InputError(f"Raster '{source.name}' should hold class codes, and holds "
                             f"{values[~whole].flat[0]:g}: choose a raster of whole-number codes.")
    spare = -2147483648
    return Grid(np.where(valid, values, spare).astype(np.int32), grid.template, spare, source.name)


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
    leaving the block normally renames them all, leaving it by an exception removes them.
    """

    def __init__(self):
        self._pending = []

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None:
            self.discard()
            return False
        self.commit()
        return False

    def temporary(self, path):
        """A name beside ``path`` to write to; it takes the place of ``path`` at the end."""
        folder, name = os.path.split(os.path.abspath(path))
        if not os.path.isdir(folder):
            raise InputError(f"Folder '{folder}' for the output '{name}' does not exist: create it "
                             f"or choose another place.")
        if not os.access(folder, os.W_OK):
            raise InputError(f"Folder '{folder}' for the output '{name}' cannot be written to: "
                             f"choose another place.")
        stem, extension = os.path.splitext(name)
        partial = os.path.join(folder, f".{stem}.partial{extension}")
        self._pending.append((partial, os.path.join(folder, name)))
        return partial

    def raster(self, grid, path, progress=SILENT):
        """Add a GeoTIFF: compressed, tiled, with overviews above four million cells."""
        progress.check()
        values = grid.values
        partial = self.temporary(path)
        floating = np.issubdtype(values.dtype, np.floating)
        options = _TILED + ["COMPRESS=DEFLATE", f"PREDICTOR={3 if floating else 2}", "ZLEVEL=1" if floating else "ZLEVEL=6"]
        with gdal_exceptions():
            memory = _memory_dataset(values, grid.template, grid.nodata)
            stopped = []

            def callback(fraction, *_):
                try:
                    progress.check()
                except Exception as error:  # GDAL swallows exceptions of a callback
                    stopped.append(error)
                    return 0
                return 1

            try:
                dataset = gdal.GetDriverByName("GTiff").CreateCopy(
                    partial, memory, options=options, callback=callback)
                if values.size > _OVERVIEWS_ABOVE:
                    dataset.BuildOverviews("AVERAGE" if floating else "NEAREST", [2, 4, 8, 16],
                                           callback)
                dataset = None
            except RuntimeError as error:
                if not stopped:
                    raise InputError(f"Output '{path}' could not be written ({error}): check the free "
                                     f"space and the rights of its folder.") from None
            if stopped:
                raise stopped[0]
        return path

    def text(self, content, path):
        """Add a text file in UTF-8."""
        with open(self.temporary(path), "w", encoding="utf-8", newline="\n") as stream:
            stream.write(content)
        return path

    def commit(self):
        for partial, path in self._pending:
            try:
                os.replace(partial, path)
            except OSError as error:
                self.discard()
                raise InputError(f"Output '{path}' could not be replaced ({error.strerror}): close the "
                                 f"program that holds it open, or choose another name.") from None
            for side_car in (path + ".aux.xml",):
                if os.path.exists(side_car):
                    os.remove(side_car)
        self._pending = []

    def discard(self):
        for partial, _ in self._pending:
            if os.path.exists(partial):
                os.remove(partial)
        self._pending = []
