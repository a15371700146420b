"""Small maps, mines and tables for the resistance tests."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from econet.core import tables, vector
from econet.core.crs import spatial_reference
from econet.core.mines import Mine
from econet.core.progress import Progress
from econet.core.raster import Grid, RasterSource, Template, write
from osgeo import ogr

WKT = spatial_reference("EPSG:32651").ExportToWkt()


def template(rows, cols, dx=100.0, dy=None, west=500000.0, north=4600000.0):
    return Template(rows, cols, (west, dx, 0.0, north, 0.0, -(dy or dx)), WKT, "template")


def geometry(wkt):
    return ogr.CreateGeometryFromWkt(wkt)


def box(cells, row, col, rows=1, cols=1):
    """A rectangle that follows the edges of a template's cells."""
    west, dx, _, north, _, dy = cells.transform
    left, top = west + col * dx, north + row * dy
    right, bottom = left + cols * dx, top + rows * dy
    return geometry(f"POLYGON(({left} {bottom},{right} {bottom},{right} {top},{left} {top},{left} {bottom}))")


def features(name, *shapes):
    return vector.Features(name, WKT, list(shapes), [{} for _ in shapes], [])


def mine(shape, mineral="coal", method="open pit", state="producing", feature="pit", name="West pit"):
    return Mine(name, mineral, method, state, feature, shape, 1)


def distance_by_ogr(shapes, cells):
    """Independent of the code under test: GEOS's distance from every cell centre."""
    rows, cols = np.mgrid[:cells.rows, :cells.cols]
    xs, ys = cells.xy(rows, cols)
    distance = np.empty(cells.shape)
    for place in np.ndindex(cells.shape):
        point = ogr.Geometry(ogr.wkbPoint)
        point.AddPoint_2D(xs[place], ys[place])
        distance[place] = min(shape.Distance(point) for shape in shapes)
    return distance


class Log:
    """A Progress that keeps what was said."""

    def __init__(self):
        self.said = []
        self.progress = Progress(log=self.said.append)

    @property
    def text(self):
        return "\n".join(self.said)


@pytest.fixture
def lab(tmp_path):
    def raster(name, values, cells, nodata=math.nan):
        path = tmp_path / f"{name}.tif"
        write(Grid(np.asarray(values), cells, nodata, name), str(path))
        return RasterSource(str(path))

    return SimpleNamespace(template=template, geometry=geometry, box=box, features=features, mine=mine, raster=raster,
                           distance_by_ogr=distance_by_ogr, Log=Log,
                           table=lambda text, name="mine.csv": tables.parse_csv(text, name))
