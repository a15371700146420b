"""A GeoTIFF written window by window."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from osgeo import gdal

from ..arrays import AnyArray, DType
from ..errors import InputError
from ..gdal_session import gdal_exceptions, gdal_says, gdal_silent, run_with_callback
from ..progress import SILENT, Progress
from .grid import TILE, Template, Window
from .storage import GDAL_TYPES, nodata_as

_TILED = ["TILED=YES", f"BLOCKXSIZE={TILE}", f"BLOCKYSIZE={TILE}", "BIGTIFF=IF_SAFER", "NUM_THREADS=2"]

_OVERVIEWS_ABOVE = 4_000_000


class RasterWriter:
    """A GeoTIFF that takes the `grid.windows` of its template one after the other.

    Parameters
    ----------
    partial : str
        Where it is written until `outputs.OutputFiles` commits.
    template : Template
    target : str
        Its final path, for messages.
    dtype : numpy.dtype
        One of `storage.GDAL_TYPES`.
    nodata : float or None
    """

    def __init__(self, partial: str, template: Template, *, target: str, dtype: DType, nodata: float | None) -> None:
        self._target, self._dtype, self._template = target, dtype, template
        self._dataset: Any = None
        self._floating = np.issubdtype(dtype, np.floating)
        options = [
            *_TILED,
            "COMPRESS=DEFLATE",
            f"PREDICTOR={3 if self._floating else 2}",
            f"ZLEVEL={1 if self._floating else 6}",
        ]
        with self._errors_translated():
            self._dataset = gdal.GetDriverByName("GTiff").Create(
                partial, int(template.cols), int(template.rows), 1, GDAL_TYPES[dtype.name], options
            )
            self._dataset.SetGeoTransform(template.transform)
            self._dataset.SetProjection(template.crs.reference.ExportToWkt())
            if nodata is not None and nodata_as(dtype, nodata) is not None:
                self._dataset.GetRasterBand(1).SetNoDataValue(float(nodata))

    def write(self, window: Window, values: AnyArray) -> None:
        """Put a window's array in its place."""
        with self._errors_translated():
            band = self._dataset.GetRasterBand(1)
            band.WriteArray(values.astype(self._dtype, copy=False), window.col, window.row)
            # else GDAL would write everything at the end, where a cancel has no effect
            band.FlushCache()

    def finish(self, progress: Progress = SILENT) -> None:
        """Make overviews above four million cells and close the file; `OutputFiles.commit` puts it in its place."""
        with self._errors_translated():
            gdal.ErrorReset()
            if self._template.rows * self._template.cols > _OVERVIEWS_ABOVE:
                run_with_callback(
                    progress,
                    lambda callback: self._dataset.BuildOverviews(
                        "AVERAGE" if self._floating else "NEAREST", [2, 4, 8, 16], callback
                    ),
                )
            self._dataset.FlushCache()
            self.close()  # writes what is left; a failure shows only in the last error
            if gdal.GetLastErrorType() >= gdal.CE_Failure:
                raise RuntimeError(gdal.GetLastErrorMsg())

    def close(self) -> None:
        """Close an unfinished file: an open one cannot be removed under Windows."""
        with gdal_silent():
            self._dataset = None

    @contextlib.contextmanager
    def _errors_translated(self) -> Iterator[None]:
        """GDAL's errors become an InputError that names the output."""
        try:
            with gdal_exceptions():
                yield
        except RuntimeError as error:
            raise InputError(
                f"Output '{self._target}' could not be written ({gdal_says(error)}): check the free "
                f"space and the rights of its folder."
            ) from None
