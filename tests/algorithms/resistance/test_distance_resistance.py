"""Toolbox step distanceresistance: definition, runs on layers and rasters, refusals, cancel."""

import os

import numpy as np
import pytest
from qgis.core import QgsApplication, QgsProcessingFeedback, QgsRasterLayer, QgsVectorLayer

from econet.core.grid.reading import RasterSource, read_raster

# along the west edge of a map that starts at 500000, 4600000
FACTOR_LABEL = "Factor, as the table names it (such as distance_to_water)"
ROAD = "LINESTRING(500000 4500000,500000 4700000)"


def values(path):
    return read_raster(RasterSource(path)).values


@pytest.fixture
def template(make):
    return make.raster("template", np.zeros((4, 60), np.uint8), cell=50.0, nodata=0)


def test_definition(provider):
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("econet:distanceresistance")
    keys = [definition.name() for definition in algorithm.parameterDefinitions()]
    assert keys == ["INPUT", "TEMPLATE", "BREAKS_TABLE", "FACTOR", "MASK_CODES", "OUTPUT", "OUTPUT_DISTANCE"]
    assert algorithm.group() == "3 Resistance" and algorithm.displayName() == "Distance resistance"


@pytest.mark.parametrize(
    "factor, bounds, scores",
    [
        ("distance_to_motorway", (500, 1000, 1500, 2000), (5, 4, 3, 2, 1)),
        ("Distance to highway", (200, 400, 600, 800), (5, 4, 3, 2, 1)),
        ("Distance to water body", (500, 1000, 1500, 2000), (1, 2, 3, 4, 5)),
    ],
)
def test_table_1_by_a_line(run, make, template, factor, bounds, scores):
    road = make.layer("road", [(ROAD, {"ref": "G1"})])
    distance = np.arange(60) * 50.0 + 25
    expected = np.array(scores)[np.searchsorted(bounds, distance)]
    for wanted in ({}, {"OUTPUT_DISTANCE": make.out("m.tif")}):
        result = run(
            "distanceresistance", INPUT=road, TEMPLATE=template, FACTOR=factor, OUTPUT=make.out("o.tif"), **wanted
        )
        np.testing.assert_array_equal(values(result["OUTPUT"]), np.tile(expected, (4, 1)))
        assert set(result) == {"OUTPUT", *wanted}
    np.testing.assert_allclose(values(result["OUTPUT_DISTANCE"]), np.tile(distance, (4, 1)))
    assert "Resistance and its share of the map's area: 1: " in run.log


def test_the_step_takes_layers_as_well_as_files(run, make, template):
    road = QgsVectorLayer(make.layer("road", [(ROAD, {"ref": "G1"})]), "road", "ogr")
    mask = QgsRasterLayer(make.raster("mask", np.eye(4, 60, dtype=np.uint8), cell=50.0), "mask")
    for layer in (road, mask):
        result = run(
            "distanceresistance", INPUT=layer, TEMPLATE=template, FACTOR="distance_to_highway", OUTPUT=make.out("o.tif")
        )
        assert values(result["OUTPUT"])[0, 0] == 5


def test_a_raster_serves_as_mask_and_template(run, make):
    cover = np.full((5, 40), 2, np.uint8)
    cover[:, 3] = 5
    cover[:, 30] = 9
    cover = make.raster("cover", cover, cell=100.0)
    columns = np.abs(np.arange(40) - 3) * 100.0
    result = run(
        "distanceresistance",
        INPUT=cover,
        FACTOR="distance_to_water",
        MASK_CODES="5",
        OUTPUT=make.out("o.tif"),
        OUTPUT_DISTANCE=make.out("m.tif"),
    )
    np.testing.assert_allclose(values(result["OUTPUT_DISTANCE"])[2], columns)
    np.testing.assert_array_equal(
        values(result["OUTPUT"])[2], np.array([1, 2, 3, 4, 5])[np.searchsorted((500, 1000, 1500, 2000), columns)]
    )
    both = run(
        "distanceresistance", INPUT=cover, FACTOR="distance_to_water", MASK_CODES="5;9", OUTPUT=make.out("b.tif")
    )
    both_columns = np.minimum(columns, np.abs(np.arange(40) - 30) * 100.0)
    np.testing.assert_array_equal(
        values(both["OUTPUT"])[2], np.array([1, 2, 3, 4, 5])[np.searchsorted((500, 1000, 1500, 2000), both_columns)]
    )


def test_a_layer_in_degrees_and_a_table_of_ones_own(run, make, template):
    """A point on the meridian 123 degrees east, the middle of the template's zone: x = 500000."""
    point = make.layer("point", [("POINT(123 41.5504)", {"n": 1})], crs="EPSG:4326")
    table = make.csv("t", "from_m,to_m,resistance\n0,100,2\n100,,7\n")
    result = run(
        "distanceresistance",
        INPUT=point,
        TEMPLATE=template,
        BREAKS_TABLE=table,
        OUTPUT=make.out("o.tif"),
        OUTPUT_DISTANCE=make.out("m.tif"),
    )
    metres = values(result["OUTPUT_DISTANCE"])
    np.testing.assert_array_equal(values(result["OUTPUT"]), np.where(metres <= 100, 2, 7))
    np.testing.assert_allclose(np.sqrt(metres[0, 9] ** 2 - metres[0, 1] ** 2), np.sqrt(475**2 - 75**2), rtol=1e-5)
    assert "'point' was reprojected from WGS 84" in run.log


def test_self_crossing_polygons_are_mended_and_said(run, make, template):
    bow = "POLYGON((500000 4599800,500400 4600000,500400 4599800,500000 4600000,500000 4599800))"
    result = run(
        "distanceresistance",
        INPUT=make.layer("bow", [(bow, {"n": 1})]),
        TEMPLATE=template,
        FACTOR="distance_to_water",
        OUTPUT=make.out("o.tif"),
        OUTPUT_DISTANCE=make.out("m.tif"),
    )
    assert "'bow': 1 self-crossing" in run.log
    assert (values(result["OUTPUT_DISTANCE"])[1:3, [0, 7]] == 0).all() and values(result["OUTPUT_DISTANCE"])[0, 4] > 0


def test_refusals_before_the_run(run, make, template):
    road = make.layer("road", [(ROAD, {"ref": "G1"})])

    def refusal(**parameters):
        given = {"INPUT": road, "TEMPLATE": template, "FACTOR": "distance_to_water", **parameters}
        fine, message = run.check("distanceresistance", **given, OUTPUT=make.out("o.tif"))
        assert not fine
        return message

    assert "none is named: choose one of distance_to_water, distance_to_motorway, distance_to_highway" in refusal(
        FACTOR=""
    )
    assert "no rows for factor 'rail': choose one of distance_to_water" in refusal(FACTOR="rail")
    assert f"{FACTOR_LABEL}: Factor 'slope' is no distance" in refusal(FACTOR="slope")
    assert "No raster is given to take cells and CRS from" in refusal(TEMPLATE=None)
    assert "Layer 'none' is empty" in refusal(INPUT=make.layer("none", [], fields={"ref": str}))
    table = make.csv("codes", "codes,resistance\n1,2\n")
    assert "its rows name codes, and distances need intervals in metres" in refusal(BREAKS_TABLE=table, FACTOR="")
    table = make.csv("minus", "from,to,resistance\n-5,100,2\n100,,3\n")
    assert "row 2, column 'from': '-5.0' is negative" in refusal(BREAKS_TABLE=table, FACTOR="")
    table = make.csv("gap", "from,to,resistance\n0,100,2\n200,,3\n")
    assert "no row covers (100, 200]" in refusal(BREAKS_TABLE=table, FACTOR="")
    assert "'five' in 'five' is not a whole number" in refusal(MASK_CODES="five")
    degrees = make.raster("degrees", np.ones((3, 3), np.uint8), cell=0.001, crs="EPSG:4326", west=123.0, north=42.0)
    assert "'degrees' is in degrees" in refusal(TEMPLATE=degrees)
    assert "'degrees' is in degrees" in refusal(INPUT=degrees, TEMPLATE=None)
    far = make.layer("far", [("POINT(900000 4600000)", {"n": 1})])
    assert "'far' lies wholly away from 'template'" in refusal(INPUT=far)
    away = make.raster("away", np.ones((4, 60), np.uint8), cell=50.0, west=900000.0)
    assert "'away' lies wholly away from 'template'" in refusal(INPUT=away)
    rows = make.csv("rows", "name,value\na,1\n")
    assert "is a table without places" in refusal(INPUT=rows)
    assert "cannot be opened" in refusal(INPUT="nowhere.shp") or "Incorrect parameter" in refusal(INPUT="nowhere.shp")
    fine, message = run.check(
        "distanceresistance", INPUT=road, TEMPLATE=template, FACTOR="distance_to_water", OUTPUT=template
    )
    assert not fine and "would replace the input" in message


def test_refusals_of_the_run_leave_no_file(run, make, template):
    outputs = {"TEMPLATE": template, "FACTOR": "distance_to_water", "OUTPUT": make.out("o.tif")}
    far = make.layer("far", [("POINT(133 41)", {"n": 1})], crs="EPSG:4326")
    assert "'far' lies wholly away from 'template'" in run.refusal("distanceresistance", INPUT=far, **outputs)
    cover = make.raster("cover", np.full((4, 60), 2, np.uint8), cell=50.0)
    message = run.refusal("distanceresistance", INPUT=cover, MASK_CODES="5", **outputs)
    assert "No cell of raster 'cover' holds one of the codes 5; it holds 2" in message
    assert not os.path.exists(make.out("o.tif"))


def test_a_layer_out_of_reach_is_said(run, make, template):
    near = make.layer("near", [("POINT(505500 4600000)", {"n": 1})])
    result = run(
        "distanceresistance", INPUT=near, TEMPLATE=template, FACTOR="distance_to_water", OUTPUT=make.out("o.tif")
    )
    assert (values(result["OUTPUT"]) == 5).all()
    assert "Nothing of 'near' lies within 2000 m of any cell of 'template'" in run.log


def test_cancel_leaves_nothing(run, make, template):
    road, feedback = make.layer("road", [(ROAD, {"ref": "G1"})]), QgsProcessingFeedback()
    feedback.cancel()
    before = set(os.listdir(make.folder))
    message = run.refusal(
        "distanceresistance",
        feedback=feedback,
        INPUT=road,
        TEMPLATE=template,
        FACTOR="distance_to_water",
        OUTPUT=make.out("o.tif"),
    )
    assert "Cancelled" in message and set(os.listdir(make.folder)) == before
