"""Slope: planes by hand, and gdaldem's own slope on rough ground."""

import numpy as np
import pytest
from factory import UTM, template
from osgeo import gdal

from econet.core.crs import Crs
from econet.core.grid.grid import Grid, windows
from econet.core.grid.reading import RasterSource
from econet.core.grid.slope import SlopeDegrees, slope_degrees
from econet.core.outputs import write_raster

WKT = Crs.of(UTM).reference.ExportToWkt()


def gdaldem(elevation, cells):
    source = gdal.GetDriverByName("MEM").Create("", cells.cols, cells.rows, 1, gdal.GDT_Float32)
    source.SetGeoTransform(cells.transform)
    source.SetProjection(WKT)
    source.GetRasterBand(1).SetNoDataValue(-9999)
    source.GetRasterBand(1).WriteArray(np.where(np.isnan(elevation), -9999, elevation))
    result = gdal.DEMProcessing("", source, "slope", format="MEM", computeEdges=True)
    values = result.ReadAsArray()
    return np.where(values == -9999, np.nan, values)


@pytest.mark.parametrize("dx, dy", [(30, 30), (25, 40), (90, 10)])
def test_equals_gdaldem_but_at_the_corners(dx, dy):
    elevation = np.random.default_rng(4).normal(300, 60, (23, 31)).astype(np.float32)
    cells = template(23, 31, dx, dy)
    ours, theirs = slope_degrees(elevation, cells), gdaldem(elevation, cells)
    corners = np.ix_([0, -1], [0, -1])
    ours[corners] = theirs[corners] = 0
    np.testing.assert_allclose(ours, theirs, atol=2e-3)


def test_equals_gdaldem_away_from_a_hole():
    elevation = np.random.default_rng(5).normal(0, 20, (12, 14)).astype(np.float32)
    elevation[5, 6] = np.nan
    cells = template(12, 14, 30, 30)
    ours, theirs = slope_degrees(elevation, cells), gdaldem(elevation, cells)
    assert np.isnan(ours[5, 6]) and np.isnan(ours).sum() == 1
    ours[4:7, 5:8] = theirs[4:7, 5:8] = 0
    np.testing.assert_allclose(ours[1:-1], theirs[1:-1], atol=2e-3)


@pytest.mark.parametrize("degrees, direction", [(10, 0), (10, 37), (40, 90), (0.5, 200), (85, 311)])
def test_a_plane_has_one_slope_everywhere(degrees, direction):
    """Also at corners, beside holes and on cells that are not square."""
    cells = template(9, 11, 20, 35)
    x, y = cells.xy(*np.mgrid[:9, :11])
    rise = np.tan(np.radians(degrees))
    elevation = rise * ((x - 500000) * np.cos(np.radians(direction)) + (y - 4600000) * np.sin(np.radians(direction)))
    elevation[3, 4] = elevation[4, 4] = elevation[8, 0] = np.nan
    slope = slope_degrees(elevation, cells)
    np.testing.assert_allclose(slope[~np.isnan(elevation)], degrees, rtol=1e-6)
    assert np.isnan(slope[np.isnan(elevation)]).all()


def test_one_row_one_column_one_cell():
    along = np.arange(6.0)[None, :] * 30
    np.testing.assert_allclose(slope_degrees(along, template(1, 6, 30, 30)), 45, rtol=1e-6)
    np.testing.assert_allclose(slope_degrees(along.T, template(6, 1, 30, 30)), 45, rtol=1e-6)
    assert slope_degrees(np.array([[7.0]]), template(1, 1, 30, 30)) == 0


def test_blocks_of_rows_join(monkeypatch):
    elevation = np.random.default_rng(6).normal(0, 20, (17, 9))
    cells = template(17, 9, 30, 20)
    whole = slope_degrees(elevation, cells)
    monkeypatch.setattr("econet.core.grid.slope._BLOCK_CELLS", 27)
    np.testing.assert_array_equal(slope_degrees(elevation, cells), whole)


@pytest.mark.parametrize("rows, cols", [(300, 40), (1, 5), (600, 3), (3, 17000)])
def test_slope_window_by_window_is_that_of_the_whole_map(tmp_path, rows, cols):
    cells = template(rows, cols, 30.0, 20.0)
    elevation = np.random.default_rng(rows).normal(100, 30, cells.shape).astype(np.float32)
    elevation[rows // 2, cols // 2] = np.nan
    path = str(tmp_path / "dem.tif")
    write_raster(Grid(elevation, cells, np.nan, "dem"), path)
    layer = SlopeDegrees(RasterSource(path), cells)
    found = np.empty(cells.shape, np.float32)
    for window in windows(cells):
        found[window.slices] = layer.read(window).values
    np.testing.assert_array_equal(found, slope_degrees(elevation, cells))
