"""Between geometries and cells: which cells a geometry holds, and polygons and lines from cells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum, auto
from typing import Any

import numpy as np
from osgeo import gdal, ogr

from ..arrays import AnyArray, Bools, DTypeLike, Ints
from ..gdal_session import gdal_exceptions, run_with_callback
from ..grid.grid import Template
from ..grid.storage import memory_dataset
from ..progress import SILENT, Progress


class ThinPolygons(Enum):
    """Which cells a polygon has that holds no cell's centre, such as a strip of wood narrower than a cell."""

    TOUCHED = auto()
    """All cells that it touches: it keeps its place and its whole length. The rule for sources and mines."""

    NONE = auto()
    """None: its area is counted by centres alone, so that neighbours neither overlap nor gain area."""


def rasterize(
    geometries: Sequence[ogr.Geometry],
    template: Template,
    *,
    values: Sequence[float] | None = None,
    all_touched: bool = False,
    dtype: DTypeLike = np.int32,
) -> AnyArray:
    """Burn geometries into an array; 0 where none lies, later ones over earlier ones.

    Parameters
    ----------
    geometries : list of ogr.Geometry
        In the template's CRS.
    template : grid.Template
    values : sequence of numbers, optional
        One per geometry; default 1.
    all_touched : bool
        False: cells whose centre lies inside a polygon (lines: Bresenham); True: every cell touched.
    dtype : numpy type
        Of the result.

    Returns
    -------
    ndarray, shape ``template.shape``
    """
    burn = np.ones(len(geometries)) if values is None else np.asarray(values, dtype=np.float64)
    with gdal_exceptions():
        raster = memory_dataset(np.zeros(template.shape, dtype=dtype), template, None)
        memory = ogr.GetDriverByName("Memory").CreateDataSource("")
        table = memory.CreateLayer("burn", template.crs.reference, ogr.wkbUnknown)
        table.CreateField(ogr.FieldDefn("value", ogr.OFTReal))
        for geometry, value in zip(geometries, burn):
            feature = ogr.Feature(table.GetLayerDefn())
            feature.SetField(0, float(value))
            feature.SetGeometry(geometry)
            table.CreateFeature(feature)
        options = ["ATTRIBUTE=value"] + (["ALL_TOUCHED=TRUE"] if all_touched else [])
        gdal.RasterizeLayer(raster, [1], table, options=options)
        burnt: AnyArray = raster.ReadAsArray().astype(dtype, copy=False)
    return burnt


def mask_of(geometry: ogr.Geometry, template: Template, *, thin: ThinPolygons = ThinPolygons.TOUCHED) -> Bools:
    """The cells of a polygon, as a mask: those whose centre lies inside.

    Parameters
    ----------
    geometry : ogr.Geometry
        A polygon or multipolygon in the template's CRS.
    template : grid.Template
        The cells that are asked about; the work is that of all of them.
    thin : ThinPolygons
        The cells of a polygon that holds no centre of these cells; by default those that it touches.

    Returns
    -------
    bool ndarray, shape ``template.shape``
    """
    inside: Bools = rasterize([geometry], template, dtype=np.uint8) > 0
    if thin is ThinPolygons.TOUCHED and not inside.any():
        inside = rasterize([geometry], template, all_touched=True, dtype=np.uint8) > 0
    return inside


def cells_of(
    geometry: ogr.Geometry, template: Template, *, thin: ThinPolygons = ThinPolygons.TOUCHED
) -> tuple[Ints, Ints]:
    """Rows and columns of a polygon's cells, as `mask_of` takes them; the work is that of its bounding box."""
    window = template.window_of(geometry.GetEnvelope())
    if window is None:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    rows, cols = np.nonzero(mask_of(geometry, template.part(window), thin=thin))
    return rows + window.row, cols + window.col


def polygonize(labels: AnyArray, template: Template, progress: Progress = SILENT) -> dict[int, ogr.Geometry]:
    """Polygons that follow the cells' edges, one per label.

    Parameters
    ----------
    labels : integer ndarray, shape ``template.shape``
        0 is background. Parts of a label that meet only at corners become one multipolygon.
    template : grid.Template
    progress : Progress

    Returns
    -------
    dict
        Label to ogr.Geometry (multipolygon), in the template's CRS, valid by OGC rules.
    """
    numbers = np.ascontiguousarray(labels, dtype=np.int32)
    merged: dict[int, ogr.Geometry] = {}
    with gdal_exceptions():
        raster = memory_dataset(numbers, template, None)
        mask = memory_dataset((numbers != 0).astype(np.uint8), template, None)
        memory = ogr.GetDriverByName("Memory").CreateDataSource("")
        table = memory.CreateLayer("cells", template.crs.reference, ogr.wkbPolygon)
        table.CreateField(ogr.FieldDefn("label", ogr.OFTInteger))

        def work(callback: Any) -> None:
            gdal.Polygonize(raster.GetRasterBand(1), mask.GetRasterBand(1), table, 0, callback=callback)

        run_with_callback(progress.part(0.0, 0.5), work, with_fraction=True)
        for count, feature in enumerate(table):
            if count % 1000 == 0:
                progress.check()
            label = feature.GetField(0)
            if label not in merged:
                merged[label] = ogr.Geometry(ogr.wkbMultiPolygon)
            merged[label].AddGeometry(feature.GetGeometryRef())
    return merged


def line_through(template: Template, rows: Iterable[int], cols: Iterable[int]) -> ogr.Geometry:
    """An OGR line through cell centres."""
    line = ogr.Geometry(ogr.wkbLineString)
    xs, ys = template.xy(np.asarray(rows, dtype=np.float64), np.asarray(cols, dtype=np.float64))
    for x, y in zip(xs, ys):
        line.AddPoint_2D(float(x), float(y))
    return line
