"""Between geometries and cells: which cells a geometry holds, and polygons and lines from cells."""

import numpy as np
from osgeo import gdal, ogr

from ..gdal_session import gdal_exceptions
from ..grid.grid import Template, Window
from ..grid.storage import memory_dataset
from ..progress import SILENT


def cells_under(geometry, template):
    """The slices and the template of the cells under a geometry's box; None, None where they do not meet."""
    left, right, bottom, top = geometry.GetEnvelope()
    (first, last), (west, east) = template.row_col([left, right], [top, bottom])
    first, last = max(0, int(first)), min(template.rows, int(last) + 1)
    west, east = max(0, int(west)), min(template.cols, int(east) + 1)
    if first >= last or west >= east:
        return None, None
    x, dx, _, y, _, dy = template.transform
    part = Template(last - first, east - west, (x + west * dx, dx, 0.0, y + first * dy, 0.0, dy), template.crs)
    return (slice(first, last), slice(west, east)), part


def rasterize(geometries, template, values=None, all_touched=False, dtype=np.int32):
    """Burn geometries into an array; 0 where none lies, later ones over earlier ones.

    Parameters
    ----------
    geometries : list of ogr.Geometry
        In the template's CRS.
    values : sequence of numbers, optional
        One per geometry; default 1.
    all_touched : bool
        False: cells whose centre lies inside a polygon (lines: Bresenham); True: every cell touched.

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
        return raster.ReadAsArray().astype(dtype, copy=False)


def cells_of(geometry, template, all_touched=False):
    """Rows and columns of a geometry's cells, as ``rasterize`` takes them; the work is that of its bounding box."""
    left, right, low, high = geometry.GetEnvelope()
    (first_row, last_row), (first_col, last_col) = template.row_col([left, right], [high, low])
    first_row, first_col = max(0, int(first_row)), max(0, int(first_col))
    last_row, last_col = min(template.rows - 1, int(last_row)), min(template.cols - 1, int(last_col))
    if first_row > last_row or first_col > last_col:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    window = template.part(Window(first_row, first_col, last_row - first_row + 1, last_col - first_col + 1))
    rows, cols = np.nonzero(rasterize([geometry], window, all_touched=all_touched, dtype=np.uint8))
    return rows + first_row, cols + first_col


def polygonize(labels, template, progress=SILENT):
    """Polygons that follow the cells' edges, one per label.

    Parameters
    ----------
    labels : integer ndarray, shape ``template.shape``
        0 is background. Parts of a label that meet only at corners become one multipolygon.

    Returns
    -------
    dict
        Label to ogr.Geometry (multipolygon), in the template's CRS, valid by OGC rules.
    """
    labels = np.ascontiguousarray(labels, dtype=np.int32)
    merged = {}
    with gdal_exceptions():
        raster = memory_dataset(labels, template, None)
        mask = memory_dataset((labels != 0).astype(np.uint8), template, None)
        memory = ogr.GetDriverByName("Memory").CreateDataSource("")
        table = memory.CreateLayer("cells", template.crs.reference, ogr.wkbPolygon)
        table.CreateField(ogr.FieldDefn("label", ogr.OFTInteger))
        stopped = []

        def callback(fraction, *_):
            try:
                progress(0.5 * fraction)
            except Exception as error:  # GDAL swallows exceptions of a callback
                stopped.append(error)
                return 0
            return 1

        try:
            gdal.Polygonize(raster.GetRasterBand(1), mask.GetRasterBand(1), table, 0, callback=callback)
        except RuntimeError:
            if not stopped:
                raise
        if stopped:
            raise stopped[0]
        for count, feature in enumerate(table):
            if count % 1000 == 0:
                progress.check()
            label = feature.GetField(0)
            if label not in merged:
                merged[label] = ogr.Geometry(ogr.wkbMultiPolygon)
            merged[label].AddGeometry(feature.GetGeometryRef())
    return merged


def line_through(template, rows, cols):
    """An OGR line through cell centres."""
    line = ogr.Geometry(ogr.wkbLineString)
    xs, ys = template.xy(np.asarray(rows, dtype=np.float64), np.asarray(cols, dtype=np.float64))
    for x, y in zip(xs, ys):
        line.AddPoint_2D(float(x), float(y))
    return line
