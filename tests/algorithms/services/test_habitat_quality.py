"""Toolbox step habitatquality: definition, runs, refusals."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from factory import square_wkt
from qgis.core import QgsApplication, QgsProcessingFeedback

from econet.core.grid.reading import RasterSource, read_raster

INVEST = Path(__file__).resolve().parents[2] / "data" / "invest_synth"
THREATS = "threat,weight,max_distance_m,decay,land_cover_codes\ntown,1,90,linear,8\n"
SENSITIVITY = "land_cover,habitat,town\n2,1,1\n8,0,0\n"


def values(path):
    return read_raster(RasterSource(path)).values


@pytest.fixture
def inputs(tmp_path):
    """A copy, since QGIS writes statistics beside the rasters that it loads."""
    return Path(shutil.copytree(INVEST / "inputs", tmp_path / "inputs"))


def test_definition(run):
    algorithm = QgsApplication.processingRegistry().algorithmById("econet:habitatquality")
    for key, entries in (
        ("PRESET", ["Recommended", "As published", "As InVEST 3.20"]),
        ("DISTANCE_RULE", ["as PRESET", "nearest", "nearest x intensity", "sum"]),
        ("EXPONENT", ["as PRESET", "k^z", "k^2 as printed"]),
    ):
        definition = algorithm.parameterDefinition(key)
        assert definition.options() == entries and definition.defaultValue() == 0
    assert algorithm.parameterDefinition("HALF_SATURATION").defaultValue() is None
    outputs = {definition.name() for definition in algorithm.destinationParameterDefinitions()}
    assert outputs == {"OUTPUT_QUALITY", "OUTPUT_DEGRADATION", "OUTPUT_RARITY", "OUTPUT_THREATS", "OUTPUT_THREAT_MAPS"}
    products = algorithm.parameterDefinition("LAND_COVER_PRODUCT")
    assert products.options()[0] == "CLCD" and products.defaultValue() == 0


def test_equals_invest_from_its_own_tables(run, make, inputs):
    result = run(
        "habitatquality",
        LAND_COVER=str(inputs / "lulc.tif"),
        THREAT_TABLE=str(inputs / "threats.csv"),
        SENSITIVITY_TABLE=str(inputs / "sensitivity.csv"),
        HALF_SATURATION=0.2,
        PRESET=2,
        OUTPUT_QUALITY=make.out("q.tif"),
        OUTPUT_DEGRADATION=make.out("d.tif"),
    )
    for key, name in (("OUTPUT_QUALITY", "hq_quality_c"), ("OUTPUT_DEGRADATION", "hq_deg_sum_c")):
        expected = read_raster(RasterSource(str(INVEST / "expected" / f"{name}.tif"))).values
        np.testing.assert_allclose(values(result[key]), expected, rtol=1e-5, atol=0)
    assert result["HALF_SATURATION_USED"] == 0.2
    assert (
        "preset 'as InVEST 3.20': distance rule 'nearest' [preset], half-saturation term 'k^z' [preset], "
        "half-saturation constant 0.2 [by hand]"
    ) in run.log


def test_threat_layers_serve_the_rows_in_order(run, make, inputs):
    text = (inputs / "threats.csv").read_text()
    for name in ("mine", "crop"):
        text = text.replace(f"threat_{name}.tif", "")
    for name in ("urban", "bare"):
        text = text.replace(f"threat_{name}.tif", str(inputs / f"threat_{name}.tif"))
    result = run(
        "habitatquality",
        LAND_COVER=str(inputs / "lulc.tif"),
        THREAT_TABLE=make.csv("threats", text),
        THREAT_LAYERS=[str(inputs / "threat_mine.tif"), str(inputs / "threat_crop.tif")],
        SENSITIVITY_TABLE=str(inputs / "sensitivity.csv"),
        OUTPUT_DEGRADATION=make.out("d.tif"),
    )
    expected = read_raster(RasterSource(str(INVEST / "expected" / "hq_deg_sum_c.tif"))).values
    np.testing.assert_allclose(values(result["OUTPUT_DEGRADATION"]), expected, rtol=1e-5, atol=0)
    assert result["HALF_SATURATION_USED"] == pytest.approx(expected.max() / 2)


def test_a_polygon_layer_beyond_the_map_is_a_threat(run, make):
    cover = make.raster("cover", np.full((1, 3), 2, np.uint8))
    town = make.layer("town", [(square_wkt(500000 + 121, 4600000 - 29, 28), {"name": "x"})])
    result = run(
        "habitatquality",
        LAND_COVER=cover,
        THREAT_LAYERS=[town],
        THREAT_TABLE=make.csv("threats", "threat,weight,max_distance_m,decay\ntown,1,120,linear\n"),
        SENSITIVITY_TABLE=make.csv("s", SENSITIVITY),
        OUTPUT_DEGRADATION=make.out("d.tif"),
    )
    np.testing.assert_allclose(values(result["OUTPUT_DEGRADATION"]), [[0, 0.25, 0.5]], atol=1e-6)


@pytest.mark.parametrize(
    "choices, expected",
    [
        ({}, (1 / 3, 2.5)),
        ({"PRESET": 1}, (1 / 3, 2)),
        ({"PRESET": 2}, (0.05, 2.5)),
        ({"EXPONENT": 2}, (1 / 3, 2)),
        ({"PRESET": 1, "EXPONENT": 1}, (1 / 3, 2.5)),
        ({"PRESET": 1, "HALF_SATURATION": 0.3}, (0.3, 2)),
    ],
)
def test_presets_and_choices(run, make, choices, expected):
    cover = make.raster("cover", np.array([[8, 2, 2, 2]], np.uint8))
    result = run(
        "habitatquality",
        LAND_COVER=cover,
        THREAT_TABLE=make.csv("t", THREATS),
        SENSITIVITY_TABLE=make.csv("s", SENSITIVITY),
        OUTPUT_QUALITY=make.out("q.tif"),
        **choices,
    )
    k, power = expected
    harm = np.array([2 / 3, 1 / 3, 0]) ** 2.5
    np.testing.assert_allclose(values(result["OUTPUT_QUALITY"])[0, 1:], 1 - harm / (harm + k**power), rtol=1e-5)
    assert result["HALF_SATURATION_USED"] == pytest.approx(k)


def test_shipped_tables_and_accessibility_in_another_grid(run, make):
    cover = make.raster(
        "cover", np.array([[1, 2, 3, 4], [5, 6, 7, 8], [9, 11, 12, 13], [14, 15, 2, 255]], np.uint8), nodata=255
    )
    access = make.raster("access", np.zeros((2, 2), np.float32), cell=60.0)
    result = run(
        "habitatquality",
        LAND_COVER=cover,
        ACCESS=access,
        OUTPUT_QUALITY=make.out("q.tif"),
        OUTPUT_DEGRADATION=make.out("d.tif"),
    )
    np.testing.assert_allclose(
        values(result["OUTPUT_QUALITY"]),
        np.array([[0.2, 1, 0.8, 0.7], [0.9, 0, 0, 0], [1, 0, 0, 0], [0, 0.4, 1, np.nan]]),
        rtol=1e-6,
    )
    assert np.nanmax(values(result["OUTPUT_DEGRADATION"])) == 0


def test_refusals_name_what_to_mend(run, make):
    cover = make.raster("cover", np.array([[8, 2, 2, 5]], np.uint8))
    threats, sensitivity = make.csv("t", THREATS), make.csv("s", SENSITIVITY)

    def refusal(**changed):
        return run.refusal(
            "habitatquality",
            **{
                "LAND_COVER": cover,
                "THREAT_TABLE": threats,
                "SENSITIVITY_TABLE": sensitivity,
                "OUTPUT_QUALITY": make.out("x.tif"),
                "OUTPUT_DEGRADATION": make.out("y.tif"),
                **changed,
            },
        )

    message = refusal()
    assert "'cover'" in message and "5 (1 pixels)" in message and "'s.csv'" in message
    assert "'s.csv' has no column 'pit'" in refusal(THREAT_TABLE=make.csv("u", THREATS.replace("town", "pit")))
    assert "'max_distance_m': 'far' is not a number" in refusal(
        THREAT_TABLE=make.csv("u", THREATS.replace("90", "far"))
    )
    degrees = make.raster("degrees", np.full((2, 2), 2, np.uint8), cell=0.001, crs="EPSG:4326", west=123, north=41)
    message = refusal(LAND_COVER=degrees)
    assert "'degrees' is in degrees" in message and "EPSG:4550" in message
    message = refusal(THREAT_LAYERS=[cover])
    assert "0 threat(s) without 'land_cover_codes' and 'layer', and 1 threat layer(s) are given" in message
    assert not os.path.exists(make.out("x.tif")) and not os.path.exists(make.out("y.tif"))


def test_costs_rarity_and_reserves(run, make):
    cover = make.raster("cover", np.array([[8, 2, 2, 2]], np.uint8))
    before = make.raster("before", np.array([[2, 2, 2, 2]], np.uint8))
    reserve = make.layer("reserve", [(square_wkt(500000 + 60, 4600000 - 30, 30), {"beta": 0.5})])
    result = run(
        "habitatquality",
        LAND_COVER=cover,
        BASELINE_LAND_COVER=before,
        ACCESS_AREAS=reserve,
        ACCESS_FIELD="beta",
        THREAT_TABLE=make.csv("t", THREATS + "road,1,90,linear,7\n"),
        SENSITIVITY_TABLE=make.csv("s", "land_cover,habitat,town,road\n2,1,1,1\n8,0,0,0\n"),
        HALF_SATURATION=0.2,
        OUTPUT_QUALITY=make.out("q.tif"),
        OUTPUT_DEGRADATION=make.out("d.tif"),
        OUTPUT_RARITY=make.out("r.tif"),
        OUTPUT_THREATS=make.out("threats.gpkg"),
        OUTPUT_THREAT_MAPS=make.out("maps"),
    )
    degradation = np.array([0, 2 / 3, 1 / 3 * 0.5, 0]) / 2
    np.testing.assert_allclose(values(result["OUTPUT_DEGRADATION"])[0], degradation, atol=1e-7)
    np.testing.assert_allclose(values(result["OUTPUT_RARITY"]), [[0, 1 - 3 / 7, 1 - 3 / 7, 1 - 3 / 7]], rtol=1e-6)
    rows = {row["threat"]: row for row in run.rows(result["OUTPUT_THREATS"])}
    lost = (degradation**2.5 / (degradation**2.5 + 0.2**2.5)).sum() * 900 / 1e6
    assert rows["town"]["quality_lost_km2"] == pytest.approx(lost, rel=1e-5)
    assert rows["town"]["loss_share"] == pytest.approx(1) and rows["road"]["loss_share"] == 0
    assert rows["all threats"]["quality_lost_km2"] == pytest.approx(lost, rel=1e-5)
    assert sorted(os.listdir(make.out("maps"))) == ["road.tif", "town.tif"]
    assert values(make.out("maps/town.tif")).sum() * 900 / 1e6 == pytest.approx(lost, rel=1e-5)


def test_shipped_tables_for_another_product(run, make):
    cover = make.raster("cover", np.array([[82, 41, 911, 11]], np.uint16))
    result = run(
        "habitatquality",
        LAND_COVER=cover,
        LAND_COVER_PRODUCT=6,
        OUTPUT_QUALITY=make.out("q.tif"),
        OUTPUT_DEGRADATION=make.out("d.tif"),
    )
    assert values(result["OUTPUT_QUALITY"])[0, 2] == 0 < values(result["OUTPUT_QUALITY"])[0, 1]
    message = run.refusal(
        "habitatquality", LAND_COVER=cover, OUTPUT_QUALITY=make.out("q2.tif"), OUTPUT_DEGRADATION=make.out("d2.tif")
    )
    assert "holds code 41 (1 pixels)" in message


def test_what_contradicts_itself_is_refused_before_the_run(run, make):
    cover = make.raster("cover", np.full((2, 2), 2, np.uint8))
    reserve = make.layer("reserve", [(square_wkt(500000, 4600000 - 30, 30), {"access": 0.5})])
    places = {"OUTPUT_QUALITY": make.out("x.tif"), "OUTPUT_DEGRADATION": make.out("y.tif")}
    fine, message = run.check("habitatquality", LAND_COVER=cover, ACCESS=cover, ACCESS_AREAS=reserve, **places)
    assert not fine and "keep one of the two" in message
    fine, message = run.check("habitatquality", LAND_COVER=cover, OUTPUT_RARITY=make.out("r.tif"), **places)
    assert not fine and "choose a baseline land cover" in message


def test_tables_are_refused_before_the_run(run, make):
    fine, message = run.check(
        "habitatquality",
        LAND_COVER=make.raster("cover", np.full((2, 2), 2, np.uint8)),
        THREAT_TABLE=make.csv("u", THREATS.replace("linear", "cubic")),
        OUTPUT_QUALITY=make.out("x.tif"),
        OUTPUT_DEGRADATION=make.out("y.tif"),
    )
    assert not fine and "'cubic' is not one of linear, exponential" in message


def test_cancel_leaves_nothing(run, make):
    feedback = QgsProcessingFeedback()
    feedback.cancel()
    cover = make.raster("cover", np.full((5, 5), 2, np.uint8))
    before = set(os.listdir(make.folder))
    message = run.refusal("habitatquality", feedback=feedback, LAND_COVER=cover, OUTPUT_QUALITY=make.out("x.tif"))
    assert "Cancelled" in message
    assert set(os.listdir(make.folder)) == before
