"""Toolbox step mineresistance: definition, run, refusals, cancel."""

import os

import numpy as np
import pytest
from econet.core.raster import RasterSource, read
from qgis.core import QgsApplication, QgsProcessingFeedback

# 500 m square, 1 km west of column 10 of a map of 100 m cells
PIT = "POLYGON((499500 4599500,500000 4599500,500000 4600000,499500 4600000,499500 4599500))"
FAR_PIT = "POLYGON((503700 4599500,504000 4599500,504000 4600000,503700 4600000,503700 4599500))"


def values(path):
    return read(RasterSource(path)).values


@pytest.fixture
def maps(make):
    template = make.raster("template", np.zeros((5, 40), np.uint8), cell=100.0)
    mines = make.layer("mines", [(PIT, dict(name="West pit", mineral="coal", method="open pit", state="abandoned")),
                                 (FAR_PIT, dict(name="East pit", mineral="metal", method="underground", state="abandoned"))])
    return template, mines


def test_definition(provider):
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("econet:mineresistance")
    keys = [definition.name() for definition in algorithm.parameterDefinitions()]
    assert {"MINES", "NAME_FIELD", "MINERAL_FIELD", "METHOD_FIELD", "STATE_FIELD", "RING_TABLE", "TEMPLATE", "OVERLAP",
            "OUTPUT"} <= set(keys)
    assert algorithm.group() == "3 Resistance"
    assert algorithm.parameterDefinition("OVERLAP").options() == ["maximum", "nearest mine", "sum, at most 5"]


@pytest.mark.parametrize("overlap", [0, 1, 2])
def test_rings_of_table_2(run, make, maps, overlap):
    template, mines = maps
    result = run("mineresistance", MINES=mines, TEMPLATE=template, OVERLAP=overlap, OUTPUT=make.out("r.tif"))
    west = np.arange(40) * 100 + 50.0
    east = np.maximum(0, 3700 - west)
    from_west = np.select([west <= 1000, west <= 2000], [5, 3], 1)
    from_east = np.select([east <= 500, east <= 1000], [5, 3], 1)
    highest = np.maximum(from_west, from_east)
    nearest = np.select([west < east, west > east], [from_west, from_east], highest)  # 1850 m from both: the highest
    expected = [highest, nearest, np.minimum(5, from_west + from_east - 1)][overlap]
    np.testing.assert_array_equal(values(result["OUTPUT"])[2], expected)


def test_mines_in_another_crs_and_in_chinese(run, make, maps):
    template, mines = maps
    expected = values(run("mineresistance", MINES=mines, TEMPLATE=template, OUTPUT=make.out("a.tif"))["OUTPUT"])
    from econet.core import vector
    there = vector.read(mines).to_crs("EPSG:4326")
    words = {"coal": "煤矿", "metal": "金属", "open pit": "露天开采", "underground": "井工", "abandoned": "废弃"}
    features = [(geometry.ExportToWkt(), {f"k_{key}": words.get(value, value) for key, value in attributes.items() if key != "fid"})
                for geometry, attributes in zip(there.geometries, there.attributes)]
    other = make.layer("kuang", features, crs="EPSG:4326")
    result = run("mineresistance", MINES=other, TEMPLATE=template, NAME_FIELD="k_name", MINERAL_FIELD="k_mineral",
                 METHOD_FIELD="k_method", STATE_FIELD="k_state", OUTPUT=make.out("b.tif"))
    np.testing.assert_array_equal(values(result["OUTPUT"]), expected)
    assert "'kuang' was reprojected" in run.log


@pytest.mark.parametrize("change, message", [
    ({"mineral": "cheese"}, "'mines', field 'mineral', feature 1: 'cheese' is not a mineral"),
    ({"method": "tunnel"}, "field 'method', feature 1: 'tunnel' is not a method"),
    ({"state": "asleep"}, "field 'state', feature 1: 'asleep' is not a state"),
])
def test_unknown_words_are_refused(run, make, maps, change, message):
    template, _ = maps
    attributes = {"name": "West pit", "mineral": "coal", "method": "open pit", "state": "abandoned", **change}
    mines = make.layer("mines", [(PIT, attributes)])
    assert message in run.refusal("mineresistance", MINES=mines, TEMPLATE=template, OUTPUT=make.out("x.tif"))
    assert not os.path.exists(make.out("x.tif"))


def test_a_wrong_ring_table_is_known_before_the_run(run, make, maps):
    template, mines = maps
    rings = make.csv("rings", "mineral,method,state,from_m,to_m,resistance\ncoal,open pit,abandoned,0,near,5\n")
    fine, message = run.check("mineresistance", MINES=mines, TEMPLATE=template, RING_TABLE=rings, OUTPUT=make.out("x.tif"))
    assert not fine and "'rings.csv', row 2, column 'to_m': 'near' is not a number" in message
    degrees = make.raster("degrees", np.zeros((3, 3), np.uint8), cell=0.01, crs="EPSG:4326", west=124.0, north=42.0)
    fine, message = run.check("mineresistance", MINES=mines, TEMPLATE=degrees, OUTPUT=make.out("x.tif"))
    assert not fine and "'degrees' is in degrees" in message


def test_cancel_leaves_nothing(run, make, maps):
    template, mines = maps
    feedback = QgsProcessingFeedback()
    feedback.cancel()
    before = set(os.listdir(make.folder))
    message = run.refusal("mineresistance", feedback=feedback, MINES=mines, TEMPLATE=template, OUTPUT=make.out("x.tif"))
    assert "Cancelled" in message and set(os.listdir(make.folder)) == before


def test_mines_of_another_city_are_refused(run, make, maps):
    template, _ = maps
    moved = PIT.replace("4599500", "4699500").replace("4600000", "4700000")
    mines = make.layer("elsewhere", [(moved, dict(mineral="coal", method="open pit", state="abandoned"))])
    message = run.refusal("mineresistance", MINES=mines, TEMPLATE=template, OUTPUT=make.out("x.tif"))
    assert "'elsewhere' lies wholly away from 'template'" in message and "4699500 to 500000, 4700000" in message
    assert not os.path.exists(make.out("x.tif"))


def test_mine_fields_in_upper_case_are_the_usual_ones(run, make, maps):
    template, mines = maps
    shouted = make.layer("shouted", [(PIT, dict(NAME="West pit", MINERAL="coal", METHOD="open pit", STATE="abandoned")),
                                     (FAR_PIT, dict(NAME="East pit", MINERAL="metal", METHOD="underground", STATE="abandoned"))])
    plain = run("mineresistance", MINES=mines, TEMPLATE=template, OUTPUT=make.out("a.tif"))
    found = run("mineresistance", MINES=shouted, TEMPLATE=template, OUTPUT=make.out("b.tif"))
    np.testing.assert_array_equal(values(found["OUTPUT"]), values(plain["OUTPUT"]))
