"""Small inputs for tests: cells, maps, shapes and layers, in UTM zone 51N unless another CRS is asked for."""

from __future__ import annotations

import numpy as np
from osgeo import ogr

from econet.core.geometry.layers import Layer
from econet.core.grid.grid import Grid, Template
from econet.core.grid.reading import RasterSource
from econet.core.outputs import write_raster

UTM = "EPSG:32651"
WEST, NORTH = 500_000.0, 4_600_000.0


def template(rows, cols, cell=30.0, height=None, west=WEST, north=NORTH, *, crs=UTM, name="template"):
    """Cells of ``cell`` x ``height`` metres whose corner is (west, north)."""
    return Template(rows, cols, (west, cell, 0.0, north, 0.0, -(height or cell)), crs, name)


def grid(values, *, cell=30.0, height=None, nodata=None, name="map", dtype=None):
    """A map whose corner is (WEST, NORTH)."""
    values = np.asarray(values, dtype=dtype)
    return Grid(values, template(*values.shape, cell=cell, height=height, name=name), nodata, name)


def raster(folder, values, *, name="map", nodata=None, **place):
    """A GeoTIFF as a RasterSource; ``place`` as for `template`."""
    values = np.asarray(values)
    path = str(folder / f"{name}.tif")
    write_raster(Grid(values, template(*values.shape, **place), nodata, name), path)
    return RasterSource(path, name)


def square_wkt(west, south, size, height=None):
    """A rectangle as WKT, in map coordinates."""
    east, north = west + size, south + (height or size)
    return f"POLYGON(({west} {south},{east} {south},{east} {north},{west} {north},{west} {south}))"


def square(x, y, size=1000.0, height=None):
    """A rectangle whose corner is x and y metres from (WEST, NORTH), as a geometry."""
    return ogr.CreateGeometryFromWkt(square_wkt(WEST + x, NORTH + y, size, height))


def line(*points):
    """A line through points, in metres from (WEST, NORTH), as a geometry."""
    return ogr.CreateGeometryFromWkt(f"LINESTRING({','.join(f'{WEST + x} {NORTH + y}' for x, y in points)})")


def layer(shapes, attributes=None, *, name="layer", crs=UTM):
    """A layer of geometries or WKT, with a dict of attributes for each."""
    shapes = [ogr.CreateGeometryFromWkt(shape) if isinstance(shape, str) else shape for shape in shapes]
    attributes = attributes if attributes is not None else [{} for _ in shapes]
    names = list(dict.fromkeys(field for row in attributes for field in row))
    return Layer(name, crs, list(shapes), list(attributes), names)
