"""Rasters read from files: what a source is, its cells and its values."""

from __future__ import annotations

import math
import os
import weakref
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from osgeo import gdal

from ..crs import Crs, require_known, require_metres
from ..errors import InputError
from ..gdal_session import gdal_exceptions, gdal_says, run_with_callback
from ..progress import SILENT, Progress
from .grid import Bounds, Grid, Template, Window
from .storage import nodata_as


class _OpenFiles(dict[str, gdal.Dataset]):
    """Files that are open, by path; a plain dict cannot be referred to weakly."""

    __hash__ = object.__hash__  # type: ignore[assignment]  # each is itself, whatever it holds


_OPEN_FILES: weakref.WeakSet[_OpenFiles] = weakref.WeakSet()


def _new_files() -> _OpenFiles:
    files = _OpenFiles()
    _OPEN_FILES.add(files)
    return files


def close_all_rasters() -> None:
    """Close the files of all sources; a program that takes GDAL down before Python ends, as QGIS does, calls it."""
    for files in list(_OPEN_FILES):
        files.clear()


@dataclass(frozen=True)
class RasterSource:
    """A raster as the planner names it; nothing is read yet.

    Parameters
    ----------
    path : str
        What GDAL opens.
    name : str
        The layer's name, for messages.
    crs : Crs
        Replaces the file's own CRS (the layer's CRS in a project); empty: the file's. A text becomes one.
    band : int
        From 1.
    """

    path: str
    name: str = ""
    crs: Crs = field(default_factory=Crs)
    band: int = 1
    _opened: _OpenFiles = field(default_factory=_new_files, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "crs", Crs.of(self.crs))
        if not self.name:
            object.__setattr__(self, "name", os.path.splitext(os.path.basename(self.path))[0])

    def of_band(self, band: int) -> RasterSource:
        """Another band of the same file, which stays open."""
        return replace(self, band=band)

    def close(self) -> None:
        """Close the file; it is opened again when it is needed."""
        self._opened.clear()

    @property
    def dataset(self) -> gdal.Dataset:
        """The file, opened once.

        Raises
        ------
        InputError
            GDAL cannot open it.
        """
        if self.path not in self._opened:
            with gdal_exceptions():
                try:
                    self._opened[self.path] = gdal.Open(self.path)
                except RuntimeError as error:
                    raise InputError(
                        f"Raster '{self.name}' cannot be opened ({gdal_says(error)}): check that {self.path} "
                        f"exists and is a raster that GDAL reads.",
                        layer=self.name,
                    ) from None
        return self._opened[self.path]


def open_dataset(source: RasterSource) -> gdal.Dataset:
    """The open file of a source whose band exists.

    Raises
    ------
    InputError
        The file cannot be opened or has no such band.
    """
    dataset = source.dataset
    with gdal_exceptions():
        if not 1 <= source.band <= dataset.RasterCount:
            raise InputError(
                f"Raster '{source.name}' has {dataset.RasterCount} band(s), and band "
                f"{source.band} was asked for: choose a band that exists."
            )
    return dataset


def _template_of(dataset: gdal.Dataset, source: RasterSource) -> Template:
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
    crs = source.crs or Crs(dataset.GetProjection())
    west, dx, _, north, _, dy = transform
    rows, cols = dataset.RasterYSize, dataset.RasterXSize
    if dx < 0:
        west, dx = west + dx * cols, -dx
    if dy > 0:
        north, dy = north + dy * rows, -dy
    return Template(rows, cols, (west, dx, 0.0, north, 0.0, dy), crs, source.name)


def open_template(source: RasterSource) -> Template:
    """The georeferencing of the raster that all others are warped to; no values are read.

    Raises
    ------
    InputError
        When it has no CRS, or one that is not projected in metres, or is rotated.
    """
    template = _template_of(open_dataset(source), source)
    west, south, east, north = template.bounds
    require_metres(template.crs, source.name, centre=((west + east) / 2, (south + north) / 2))
    return template


def open_cells(source: RasterSource) -> Template:
    """The georeferencing of a raster in any known CRS; no values are read.

    Raises
    ------
    InputError
        When it cannot be opened, has no CRS, or is rotated.
    """
    own = _template_of(open_dataset(source), source)
    require_known(own.crs, source.name)
    return own


def check_overlap(source: RasterSource, template: Template) -> Template:
    """The raster's own cells; values are not read.

    Raises
    ------
    InputError
        It has no CRS, or does not overlap the template.
    """
    own = _template_of(open_dataset(source), source)
    require_known(own.crs, source.name)
    _require_overlap(own, template)
    return own


def _require_overlap(own: Template, template: Template) -> None:
    # a small map may lie where the edges of a world map cannot be brought to its CRS: look both ways
    if not (
        _overlap(bounds_in(own, template.crs), template.bounds) or _overlap(bounds_in(template, own.crs), own.bounds)
    ):
        bounds = bounds_in(own, template.crs)
        raise InputError(
            f"Layer '{own.name}' does not overlap '{template.name}': its extent there is "
            f"{extent_text(bounds)}, that of '{template.name}' is {extent_text(template.bounds)}; "
            f"choose maps of one area, or correct the layer's CRS ({own.crs.name})."
        )


def _overlap(a: Bounds, b: Bounds) -> bool:
    return a[0] < b[2] and a[2] > b[0] and a[1] < b[3] and a[3] > b[1]


def extent_text(bounds: Bounds) -> str:
    """``west, south to east, north`` in whole metres, for messages."""
    if not all(map(math.isfinite, bounds)):
        return "outside the reach of that CRS"
    return "{:.0f}, {:.0f} to {:.0f}, {:.0f}".format(*bounds)


def bounds_in(own: Template, crs: Crs) -> Bounds:
    """``(west, south, east, north)`` of a template in another CRS; infinite, inverted where no point arrives there."""
    if own.crs.same_as(crs):
        return own.bounds
    west, south, east, north = own.bounds
    transform = own.crs.to(crs, layer=own.name)
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


def read_band(
    dataset: gdal.Dataset,
    source: RasterSource,
    own: Template,
    progress: Progress = SILENT,
    *,
    window: Window | None = None,
) -> Grid:
    """The values of a window of a raster's own cells, north up; by default of all.

    Parameters
    ----------
    dataset : gdal.Dataset
        The open file of ``source``.
    source : RasterSource
    own : Template
        Its cells.
    window : Window, optional
    """
    wanted = window or Window(0, 0, own.rows, own.cols)
    rows, cols = wanted.rows, wanted.cols
    with gdal_exceptions():
        band = dataset.GetRasterBand(source.band)
        transform = dataset.GetGeoTransform()
        south_up, mirrored = transform[5] > 0, transform[1] < 0
        first = (
            own.cols - wanted.col - cols if mirrored else wanted.col,
            own.rows - wanted.row - rows if south_up else wanted.row,
        )

        def values_of(band: gdal.Band) -> Any:
            return run_with_callback(progress, lambda callback: band.ReadAsArray(*first, cols, rows, callback=callback))

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
        own = own.part(window)
    if nodata is not None and nodata_as(values.dtype, nodata) is None:
        nodata = None
    return Grid(np.ascontiguousarray(values), own, nodata, source.name)


def read_raster(source: RasterSource, progress: Progress = SILENT) -> Grid:
    """The whole raster on its own cells; the memory is that of its data type.

    Raises
    ------
    InputError
        When it cannot be opened or read, has no CRS, or holds no value at all.
    """
    dataset = open_dataset(source)
    own = _template_of(dataset, source)
    require_known(own.crs, source.name)
    grid = read_band(dataset, source, own, progress)
    if not grid.valid.any():
        raise holds_nothing(source, grid.nodata)
    return grid


def holds_nothing(source: RasterSource, nodata: float | None) -> InputError:
    """The refusal of a raster without any value."""
    declared = "" if nodata is None else f" ({nodata:g})"
    return InputError(
        f"Raster '{source.name}' holds no value at all, only nodata: choose "
        f"another raster, or correct its nodata value{declared}."
    )
