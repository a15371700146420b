"""Toolbox step factorresistance: definition, runs, refusals, cancel."""

import os

import numpy as np
import pytest
from qgis.core import QgsApplication, QgsProcessingFeedback

from econet.core.grid.reading import RasterSource, read_raster


def values(path):
    return read_raster(RasterSource(path)).values


def test_definition(provider):
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("econet:factorresistance")
    keys = [definition.name() for definition in algorithm.parameterDefinitions()]
    assert keys == ["INPUT", "BREAKS_TABLE", "FACTOR", "SLOPE_FROM_DEM", "DATUM", "LAND_COVER_PRODUCT", "OUTPUT"]
    assert algorithm.group() == "3 Resistance" and algorithm.displayName() == "Factor resistance"


def test_table_1_is_the_default(run, make):
    depth = np.array([[-326, -325, -200, -125, -13, 0, 125, 126, 500, 501]], np.int16)
    result = run("factorresistance", INPUT=make.raster("dem", depth), FACTOR="DEM", OUTPUT=make.out("o.tif"))
    np.testing.assert_array_equal(values(result["OUTPUT"])[0], [5, 3, 3, 2, 1, 1, 1, 2, 4, 5])
    assert "1: 30.00 %; 2: 20.00 %; 3: 20.00 %; 4: 10.00 %; 5: 20.00 %" in run.log
    result = run(
        "factorresistance",
        INPUT=make.raster("dem2", depth + 100),
        FACTOR="elevation",
        DATUM=100,
        OUTPUT=make.out("o2.tif"),
    )
    np.testing.assert_array_equal(values(result["OUTPUT"])[0], [5, 3, 3, 2, 1, 1, 1, 2, 4, 5])


def test_a_planners_own_factor(run, make):
    noise = np.array([[40, 55, 55.001, 70], [71, -9999, 10, 90]], np.float32)
    table = make.csv("noise", "\ufefffactor;from;to;resistance\n噪声;;55;1\n噪声;55;70;2,5\n噪声;70;;5\nslope;;10;1\n")
    for name in ("噪声", " 噪声 "):
        result = run(
            "factorresistance",
            INPUT=make.raster("noise_map", noise, nodata=-9999),
            BREAKS_TABLE=table,
            FACTOR=name,
            OUTPUT=make.out("noise.tif"),
        )
        np.testing.assert_array_equal(values(result["OUTPUT"]), [[1, 1, 2.5, 2.5], [5, np.nan, 1, 5]])
    assert "none (no value in 'noise_map'): 12.50 %" in run.log
    codes = make.csv("codes", "codes,resistance\n1;2,1\n3,4\n")
    result = run(
        "factorresistance",
        INPUT=make.raster("soil", np.array([[1, 2, 3]], np.uint8)),
        BREAKS_TABLE=codes,
        OUTPUT=make.out("o.tif"),
    )
    np.testing.assert_array_equal(values(result["OUTPUT"]), [[1, 1, 4]])


@pytest.mark.parametrize("degrees, score", [(9.99, 1), (10.01, 2), (39.99, 4), (40.01, 5)])
def test_slope_from_a_dem(run, make, degrees, score):
    dem = np.tile(np.arange(40) * 30 * np.tan(np.radians(degrees)), (300, 1))
    result = run(
        "factorresistance", INPUT=make.raster("dem", dem), FACTOR="slope", SLOPE_FROM_DEM=True, OUTPUT=make.out("s.tif")
    )
    assert (values(result["OUTPUT"]) == score).all()


def test_land_cover_of_another_product(run, make):
    cover = make.raster("worldcover", np.array([[10, 80, 30, 40, 50]], np.uint8))
    result = run("factorresistance", INPUT=cover, FACTOR="land cover", LAND_COVER_PRODUCT=3, OUTPUT=make.out("c.tif"))
    np.testing.assert_array_equal(values(result["OUTPUT"]), [[1, 2, 3, 4, 5]])
    assert "'factors.csv (shipped)', factor 'land_cover': no row scores the code(s) 10 (1 cells), 30" in run.refusal(
        "factorresistance", INPUT=cover, FACTOR="land cover", OUTPUT=make.out("d.tif")
    )
    assert not os.path.exists(make.out("d.tif"))


def test_refusals_before_the_run(run, make):
    dem = make.raster("dem", np.ones((3, 3), np.float32))

    def refusal(**parameters):
        fine, message = run.check("factorresistance", **{"INPUT": dem, **parameters}, OUTPUT=make.out("o.tif"))
        assert not fine
        return message

    assert "holds several factors, and none is named: choose one of slope, elevation, land_cover" in refusal()
    assert "no rows for factor 'noise': choose one of slope" in refusal(FACTOR="noise")
    assert "use 'Mine resistance'" in refusal(FACTOR="mine")
    gap = make.csv("gap", "from,to,resistance\n,10,1\n20,,2\n")
    assert "'gap.csv', factor 'factor': no row covers (10, 20]" in refusal(BREAKS_TABLE=gap)
    overlap = make.csv("overlap", "from,to,resistance\n,10,1\n5,,2\n")
    assert "rows 2 and 3 overlap in (5, 10]" in refusal(BREAKS_TABLE=overlap)
    assert "is asked for, and the factor is 'ndvi'" in refusal(FACTOR="ndvi", SLOPE_FROM_DEM=True)
    assert "Elevation that counts as 0 (m): It is 76 m, and the factor is 'ndvi'" in refusal(FACTOR="ndvi", DATUM=76)
    assert "Elevation that counts as 0 (m): It is 76 m, and the factor is 'slope'" in refusal(
        FACTOR="slope", DATUM=76, SLOPE_FROM_DEM=True
    )
    degrees = make.raster("degrees", np.ones((3, 3), np.uint8), cell=0.001, crs="EPSG:4326", west=123.0, north=42.0)
    assert "'degrees' is in degrees" in refusal(INPUT=degrees, FACTOR="slope")


def test_refusals_of_values_leave_no_file(run, make):
    table = make.csv("t", "from,to,resistance\n0,10,1\n10,20,2\n")
    message = run.refusal(
        "factorresistance",
        INPUT=make.raster("map", np.array([[5, 15, 25, 26]], np.float32)),
        BREAKS_TABLE=table,
        OUTPUT=make.out("o.tif"),
    )
    assert "no row covers 25, which layer 'map' holds (2 cells lie outside the rows)" in message
    fractions = run.refusal(
        "factorresistance",
        INPUT=make.raster("map2", np.array([[1.5]], np.float32)),
        BREAKS_TABLE=make.csv("c", "codes,resistance\n1,1\n"),
        OUTPUT=make.out("o.tif"),
    )
    assert "'map2' should hold class codes, and holds 1.5" in fractions
    empty = run.refusal(
        "factorresistance",
        INPUT=make.raster("none", np.full((2, 2), np.nan, np.float32)),
        FACTOR="ndvi",
        OUTPUT=make.out("o.tif"),
    )
    assert "'none' holds no value at all" in empty
    assert not os.path.exists(make.out("o.tif"))


def test_cancel_leaves_nothing(run, make):
    feedback, dem = QgsProcessingFeedback(), make.raster("dem", np.ones((30, 30), np.float32))
    feedback.cancel()
    before = set(os.listdir(make.folder))
    message = run.refusal("factorresistance", feedback=feedback, INPUT=dem, FACTOR="slope", OUTPUT=make.out("o.tif"))
    assert "Cancelled" in message and set(os.listdir(make.folder)) == before
