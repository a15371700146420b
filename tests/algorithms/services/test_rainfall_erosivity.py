"""Toolbox step rainfallerosivity: definition, runs, refusals."""

import os

import numpy as np
from osgeo import gdal
from qgis.core import QgsApplication, QgsProcessingFeedback

from econet.core.grid.reading import RasterSource, read_raster

MONSOON = [6, 7, 16, 35, 58, 98, 185, 180, 80, 48, 24, 10]
ZHANG_FU = 0.3589 * (sum(p * p for p in MONSOON) / 747) ** 1.9462


def values(path):
    return read_raster(RasterSource(path)).values


def months(make, cell=1000.0, **place):
    return [
        make.raster(f"rain{n}", np.full((3, 4), p, np.float32), cell=cell, **place) for n, p in enumerate(MONSOON, 1)
    ]


def stacked(make, paths):
    out = make.out("stack.tif")
    options = gdal.BuildVRTOptions(separate=True)
    gdal.Translate(out, gdal.BuildVRT("", paths, options=options)).FlushCache()
    return out


def test_definition(run):
    algorithm = QgsApplication.processingRegistry().algorithmById("econet:rainfallerosivity")
    assert [d.name() for d in algorithm.parameterDefinitions()] == [
        "PRECIPITATION",
        "TEMPLATE",
        "METHOD",
        "OUTPUT",
        "OUTPUT_ANNUAL",
    ]
    assert algorithm.parameterDefinition("METHOD").defaultValue() == 0
    assert algorithm.groupId() == "services"


def test_twelve_rasters_and_one_of_twelve_bands(run, make):
    paths = months(make)
    for given in (paths, [stacked(make, paths)]):
        result = run(
            "rainfallerosivity", PRECIPITATION=given, OUTPUT=make.out("r.tif"), OUTPUT_ANNUAL=make.out("p.tif")
        )
        np.testing.assert_allclose(values(result["OUTPUT"]), ZHANG_FU, rtol=1e-6)
        np.testing.assert_allclose(values(result["OUTPUT_ANNUAL"]), 747)
        assert "Zhang & Fu (2003)" in run.log and "MJ mm / (ha h a)" in run.log


def test_rain_in_degrees_on_the_cells_of_a_land_cover(run, make):
    cover = make.raster("cover", np.full((5, 6), 2, np.uint8))
    paths = months(make, cell=0.05, crs="EPSG:4326", west=122.9, north=41.6)
    result = run("rainfallerosivity", PRECIPITATION=paths, TEMPLATE=cover, OUTPUT=make.out("r.tif"))
    assert values(result["OUTPUT"]).shape == (5, 6)
    np.testing.assert_allclose(values(result["OUTPUT"]), ZHANG_FU, rtol=1e-5)
    assert run.log.count("was reprojected") == 1
    message = run.refusal("rainfallerosivity", PRECIPITATION=paths, OUTPUT=make.out("x.tif"))
    assert "is in degrees" in message


def test_annual_rain_and_a_form_of_doubtful_unit(run, make):
    annual = make.raster("annual", np.full((2, 2), 747, np.float32))
    result = run("rainfallerosivity", PRECIPITATION=[annual], METHOD=1, OUTPUT=make.out("r.tif"))
    np.testing.assert_allclose(values(result["OUTPUT"]), 0.0534 * 747**1.6548, rtol=1e-6)
    run("rainfallerosivity", PRECIPITATION=months(make), METHOD=2, OUTPUT=make.out("w.tif"))
    assert "R is below 500 on 12 cell(s)" in run.log and "ChinaXiv 201811.00038" in run.log


def test_refusals_name_what_to_mend(run, make):
    paths = months(make)
    message = run.refusal("rainfallerosivity", PRECIPITATION=paths[:5], OUTPUT=make.out("x.tif"))
    assert "5 raster(s) with 5 band(s)" in message and "needs the twelve months" in message
    paths[3] = make.raster("wrong", np.full((3, 4), -2, np.float32), cell=1000.0)
    message = run.refusal("rainfallerosivity", PRECIPITATION=paths, OUTPUT=make.out("x.tif"))
    assert "'wrong' holds -2 on 12 cell(s), and rain cannot be negative" in message
    paths[3] = make.raster("far", np.full((3, 4), 2, np.float32), cell=1000.0, west=900000)
    fine, message = run.check("rainfallerosivity", PRECIPITATION=paths, OUTPUT=make.out("x.tif"))
    assert not fine and "'far' does not overlap" in message
    assert not os.path.exists(make.out("x.tif"))


def test_cancel_leaves_nothing(run, make):
    feedback = QgsProcessingFeedback()
    feedback.cancel()
    paths = months(make)
    before = set(os.listdir(make.folder))
    assert "Cancelled" in run.refusal("rainfallerosivity", feedback, PRECIPITATION=paths, OUTPUT=make.out("x.tif"))
    assert set(os.listdir(make.folder)) == before
