"""Toolbox step wateryield: definition, runs, refusals."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from factory import square_wkt
from qgis.core import QgsApplication, QgsProcessingFeedback

from econet.core.grid.reading import RasterSource, read_raster

INVEST = Path(__file__).resolve().parents[2] / "data" / "invest_synth"
RASTERS = {
    "LAND_COVER": "lulc",
    "PRECIPITATION": "precip",
    "EVAPOTRANSPIRATION": "eto",
    "SOIL_DEPTH": "soil_depth",
    "PLANT_AVAILABLE_WATER": "pawc",
}
TABLE = "land_cover,kc,root_depth_mm,vegetated\n1,0.9,5000,1\n"


def values(path):
    return read_raster(RasterSource(path)).values


@pytest.fixture
def small(make):
    """One cell-row of method's worked example: P 700, ET0 900, Kc 0.9, AWC 150 mm."""

    def rasters(**changed):
        maps = {"PRECIPITATION": 700, "EVAPOTRANSPIRATION": 900, "SOIL_DEPTH": 1000, "PLANT_AVAILABLE_WATER": 0.15}
        maps.update(changed)
        made = {key: make.raster(key.lower(), np.full((2, 3), value, np.float32)) for key, value in maps.items()}
        return {
            "LAND_COVER": make.raster("cover", np.ones((2, 3), np.uint8)),
            "BIOPHYSICAL_TABLE": make.csv("t", TABLE),
            "SEASONALITY": 5,
            "OUTPUT_YIELD": make.out("y.tif"),
            **made,
        }

    return rasters


def test_definition(run):
    algorithm = QgsApplication.processingRegistry().algorithmById("econet:wateryield")
    definition = algorithm.parameterDefinition("BUDYKO")
    assert definition.options()[0] == "as PRESET" and definition.defaultValue() == 0 and len(definition.options()) == 3
    outputs = {definition.name() for definition in algorithm.destinationParameterDefinitions()}
    assert outputs == {"OUTPUT_YIELD", "OUTPUT_EVAPOTRANSPIRATION", "OUTPUT_WATERSHEDS"}


def test_equals_invest_with_its_own_table(run, make, tmp_path):
    # a copy, since QGIS writes statistics beside the rasters that it loads
    inputs = Path(shutil.copytree(INVEST / "inputs", tmp_path / "inputs"))
    rasters = {key: str(inputs / f"{name}.tif") for key, name in RASTERS.items()}
    result = run(
        "wateryield",
        **rasters,
        BIOPHYSICAL_TABLE=str(inputs / "biophysical.csv"),
        SEASONALITY=12,
        PRESET=2,
        WATERSHEDS=str(inputs / "watershed.gpkg"),
        OUTPUT_YIELD=make.out("y.tif"),
        OUTPUT_EVAPOTRANSPIRATION=make.out("e.tif"),
        OUTPUT_WATERSHEDS=make.out("w.gpkg"),
    )
    for key, name in (("OUTPUT_YIELD", "awy_wyield"), ("OUTPUT_EVAPOTRANSPIRATION", "awy_aet")):
        expected = read_raster(RasterSource(str(INVEST / "expected" / f"{name}.tif"))).values
        np.testing.assert_allclose(values(result[key]), expected, rtol=1e-5, atol=0)
    (row,) = run.rows(result["OUTPUT_WATERSHEDS"])
    assert row["ws_id"] == 1
    assert row["yield_mm"] == pytest.approx(272.83846, rel=1e-6)  # InVEST's awy_watershed_results.csv
    assert row["yield_m3"] == pytest.approx(2263031.325, rel=1e-6)
    assert row["aet_mm"] == pytest.approx(546.949816, rel=1e-6)


@pytest.mark.parametrize(
    "choices, expected",
    [({}, 211.264), ({"PRESET": 1}, 194.890), ({"BUDYKO": 2}, 194.890), ({"PRESET": 1, "BUDYKO": 1}, 211.264)],
)
def test_presets_and_curves(run, small, choices, expected):
    result = run("wateryield", **small(), **choices)
    np.testing.assert_allclose(values(result["OUTPUT_YIELD"]), expected, atol=5e-4)


def test_masking_and_volumes_are_chosen_alone_and_named(run, make, small):
    shed = make.layer("shed", [(square_wkt(500000, 4600000 - 60, 180, 60), {"code": 7})])  # half of it off the map
    found = []
    for choices in ({}, {"MASKING": 2}, {"VOLUMES": 2}, {"PRESET": 2}, {"PRESET": 2, "MASKING": 1, "VOLUMES": 1}):
        maps = small(PRECIPITATION=700)
        rain = np.full((2, 3), 700, np.float32)
        rain[0, 0] = 0
        maps["PRECIPITATION"] = make.raster("rain", rain)
        result = run("wateryield", **maps, **choices, WATERSHEDS=shed, OUTPUT_WATERSHEDS=make.out("w.gpkg"))
        (row,) = run.rows(result["OUTPUT_WATERSHEDS"])
        found.append(
            (
                bool(np.isnan(values(result["OUTPUT_YIELD"])[0, 0])),
                round(row["yield_m3"] / (row["yield_mm"] / 1000 * 900), 3),
            )
        )
    # cells of 900 m2 that the volume stands for: 6, or 5 with a value; the polygon is as large as 12
    assert found == [(False, 6), (True, 5), (False, 12), (True, 12), (False, 6)]
    assert (
        "preset 'as InVEST 3.20': Budyko curve 'Fu, as InVEST 3.x' [preset], masking 'values everywhere' [by hand]"
        in run.log
        and "volumes 'mean x area of the cells' [by hand]" in run.log
    )


def test_depth_in_centimetres_and_a_watershed(run, make, small):
    shed = make.layer("shed", [(square_wkt(500000, 4600000 - 60, 30, 60), {"yield_mm": "old", "code": 7})])
    result = run(
        "wateryield", **small(SOIL_DEPTH=100), DEPTH_UNIT=1, WATERSHEDS=shed, OUTPUT_WATERSHEDS=make.out("w.gpkg")
    )
    np.testing.assert_allclose(values(result["OUTPUT_YIELD"]), 211.264, atol=5e-4)
    (row,) = run.rows(result["OUTPUT_WATERSHEDS"])
    assert row["code"] == 7 and row["yield_mm"] == pytest.approx(211.264, abs=5e-4)
    assert row["yield_m3"] == pytest.approx(0.211264 * 1800, rel=1e-5)
    assert row["area_km2"] == pytest.approx(0.0018) and row["covered_km2"] == pytest.approx(0.0018)


def test_refusals_name_what_to_mend(run, make, small):
    message = run.refusal("wateryield", **small(PLANT_AVAILABLE_WATER=15))
    assert "holds 15 on 6 cell(s), and a share must be 0 to 1: divide per cent by 100" in message
    message = run.refusal("wateryield", **small(PRECIPITATION=-1))
    assert "'precipitation' holds -1" in message
    parameters = small()
    parameters["BIOPHYSICAL_TABLE"] = make.csv("bad", TABLE.replace("kc", "ks"))
    fine, message = run.check("wateryield", **parameters)
    assert not fine and "Table 'bad.csv' has no column 'kc'" in message
    parameters = small()
    parameters["SOIL_DEPTH"] = make.raster("far", np.ones((2, 2), np.float32), west=900000)
    fine, message = run.check("wateryield", **parameters)
    assert not fine and "'far' does not overlap 'cover'" in message
    assert not os.path.exists(make.out("y.tif"))


def test_cancel_leaves_nothing(run, make, small):
    feedback = QgsProcessingFeedback()
    feedback.cancel()
    parameters = small()
    before = set(os.listdir(make.folder))
    assert "Cancelled" in run.refusal("wateryield", feedback=feedback, **parameters)
    assert set(os.listdir(make.folder)) == before
