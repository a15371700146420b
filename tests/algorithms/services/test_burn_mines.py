"""Toolbox step burnmines: definition, run, refusals."""

import os

import numpy as np
from factory import square_wkt
from osgeo import ogr
from qgis.core import QgsProcessingFeedback

from econet.core.grid.reading import RasterSource, read_raster

WEST, NORTH = 500000, 4600000


def mines(make, *rows, crs="EPSG:32651", name="mines"):
    return make.layer(
        name,
        [
            (
                square_wkt(WEST + 30 * col, NORTH - 30 * (row + 1), 30),
                {"name": f"mine {row} {col}", "state": state, "feature": feature},
            )
            for row, col, state, feature in rows
        ],
        {"name": str, "state": str, "feature": str},
        crs,
        ogr.wkbPolygon,
    )


def values(path):
    return read_raster(RasterSource(path)).values


def test_definition(run):
    from qgis.core import QgsApplication

    algorithm = QgsApplication.processingRegistry().algorithmById("econet:burnmines")
    keys = [definition.name() for definition in algorithm.parameterDefinitions()]
    assert keys[0] == "LAND_COVER" and keys[-1] == "OUTPUT"
    assert {"MINES", "STATE_FIELD", "FEATURE_FIELD", "MINE_CODES"} <= set(keys)
    assert algorithm.groupId() == "services"


def test_mines_and_restored_mines(run, make):
    cover = make.raster("cover", np.full((3, 4), 2, np.uint8))
    layer = mines(
        make,
        (0, 0, "producing", "pit"),
        (0, 1, "停产", "dump"),
        (0, 2, "restored", "pit"),
        (2, 3, "abandoned", "subsidence"),
    )
    result = run(
        "burnmines",
        LAND_COVER=cover,
        MINES=layer,
        STATE_FIELD="state",
        FEATURE_FIELD="feature",
        OUTPUT=make.out("burnt.tif"),
    )
    assert values(result["OUTPUT"]).tolist() == [[11, 12, 15, 2], [2, 2, 2, 2], [2, 2, 2, 13]]


def test_own_codes_and_no_feature_field(run, make):
    cover = make.raster("cover", np.full((1, 3), 2, np.uint8))
    layer = make.layer("holes", [(square_wkt(WEST, NORTH - 30, 30), {"zustand": "producing"})])
    result = run(
        "burnmines",
        LAND_COVER=cover,
        MINES=layer,
        STATE_FIELD="zustand",
        MINE_CODES=make.csv("codes", "feature,lucode\npit,99\n"),
        OUTPUT=make.out("burnt.tif"),
    )
    assert values(result["OUTPUT"]).tolist() == [[99, 2, 2]]


def test_mines_in_another_crs_are_reprojected_and_the_log_says_so(run, make):
    cover = make.raster("cover", np.full((40, 40), 2, np.uint8))
    layer = make.layer(
        "mines",
        [
            (
                "POLYGON((123.002 41.548, 123.008 41.548, 123.008 41.5455, 123.002 41.5455, 123.002 41.548))",
                {"state": "producing"},
            )
        ],
        crs="EPSG:4326",
    )
    result = run("burnmines", LAND_COVER=cover, MINES=layer, STATE_FIELD="state", OUTPUT=make.out("burnt.tif"))
    burnt = values(result["OUTPUT"]) == 11
    # 0.006 degrees of longitude and 0.0025 of latitude at 41.55 N: 500.6 m by 277.7 m
    assert abs(burnt.sum() * 900 - 500.6 * 277.7) < 30 * 2 * (500 + 278)
    assert "Layer 'mines' was reprojected from WGS 84" in run.log


def test_refusals_name_what_to_mend(run, make):
    cover = make.raster("cover", np.full((2, 2), 2, np.uint8))

    def refusal(layer, **more):
        return run.refusal(
            "burnmines",
            LAND_COVER=cover,
            MINES=layer,
            STATE_FIELD="state",
            FEATURE_FIELD="feature",
            OUTPUT=make.out("x.tif"),
            **more,
        )

    message = refusal(mines(make, (0, 0, "sleeping", "pit"), name="a"))
    assert "'a', field 'state', feature 1: 'sleeping' is not a state that is known" in message
    message = refusal(mines(make, (0, 0, "producing", "lake"), name="b"))
    assert "field 'feature', feature 1: 'lake' is not a feature that is known" in message
    good = mines(make, (0, 0, "producing", "dump"), name="c")
    message = refusal(good, MINE_CODES=make.csv("codes", "feature,land_cover\npit,11\n"))
    assert "'codes.csv' has no row for feature 'dump'" in message
    message = refusal(good, MINE_CODES=make.csv("codes", "feature,land_cover\npit,eleven\n"))
    assert "'codes.csv', row 2, column 'land_cover': 'eleven' is not a whole number" in message
    assert "Layer 'd' is empty" in refusal(mines(make, name="d"))
    assert "None of the 1 mine(s)" in refusal(mines(make, (70, 70, "producing", "pit"), name="e"))
    assert not os.path.exists(make.out("x.tif"))


def test_cancel_leaves_nothing(run, make):
    cover = make.raster("cover", np.full((2, 2), 2, np.uint8))
    layer = mines(make, (0, 0, "producing", "pit"))
    feedback = QgsProcessingFeedback()
    feedback.cancel()
    before = set(os.listdir(make.folder))
    message = run.refusal(
        "burnmines", feedback=feedback, LAND_COVER=cover, MINES=layer, STATE_FIELD="state", OUTPUT=make.out("x.tif")
    )
    assert "Cancelled" in message
    assert set(os.listdir(make.folder)) - before <= {"mines.gpkg-shm", "mines.gpkg-wal"}


def test_mines_in_a_map_of_another_product_keep_clear_of_its_classes(run, make):
    cover = make.raster("cover", np.array([[11, 12, 41, 82]], np.uint8))
    layer = mines(make, (0, 2, "producing", "pit"), (0, 3, "restored", "dump"))
    given = {"LAND_COVER": cover, "MINES": layer, "STATE_FIELD": "state", "FEATURE_FIELD": "feature"}
    result = run("burnmines", **given, LAND_COVER_PRODUCT=6, OUTPUT=make.out("burnt.tif"))
    assert values(result["OUTPUT"]).tolist() == [[11, 12, 911, 915]]
    message = run.refusal("burnmines", **given, OUTPUT=make.out("x.tif"))
    assert "already has code 11 on 1 cell(s)" in message and "choose the land-cover product" in message
    assert not os.path.exists(make.out("x.tif"))
