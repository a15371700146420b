"""Toolbox step sedimentretention: definition, runs, refusals."""

import math
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from qgis.core import QgsApplication, QgsProcessingFeedback

from econet.core.grid.reading import RasterSource, read_raster

INVEST = Path(__file__).resolve().parents[2] / "data" / "invest_synth"
TABLE = "land_cover,usle_c,usle_p\n1,0.01,1\n2,0.3,0.6\n"


def values(path):
    grid = read_raster(RasterSource(path))
    return grid.floats(np.float64)


def box(west, south, east, north):
    return f"POLYGON(({west} {south},{east} {south},{east} {north},{west} {north},{west} {south}))"


@pytest.fixture
def small(make):
    """A valley of 15 x 20 cells that falls to the east, with a pit in it."""

    def inputs(**changed):
        r, c = np.mgrid[:15, :20]
        z = 100.0 + np.abs(r - 7) * 3 - c
        z[6:9, 8:11] -= 30
        maps = {"DEM": z, "EROSIVITY": np.full(z.shape, 3000.0), "ERODIBILITY": np.full(z.shape, 0.03)}
        maps.update(changed)
        made = {
            key: make.raster(key.lower(), np.asarray(array, np.float32), nodata=-9999) for key, array in maps.items()
        }
        return {
            "LAND_COVER": make.raster("cover", np.where(c < 10, 1, 2).astype(np.uint8)),
            "BIOPHYSICAL_TABLE": make.csv("t", TABLE),
            "ACCUMULATION_THRESHOLD": 20,
            "OUTPUT_RETENTION": make.out("r.tif"),
            **made,
        }

    return inputs


def test_definition(run):
    algorithm = QgsApplication.processingRegistry().algorithmById("econet:sedimentretention")
    outputs = [definition.name() for definition in algorithm.destinationParameterDefinitions()]
    assert outputs == [
        "OUTPUT_RETENTION",
        "OUTPUT_SOIL_LOSS",
        "OUTPUT_EXPORT",
        "OUTPUT_SDR",
        "OUTPUT_AVOIDED_EROSION",
        "OUTPUT_AVOIDED_EXPORT",
        "OUTPUT_STREAMS",
        "OUTPUT_FACTORS",
    ]
    for key in ("ROUTING", "LS_METHOD", "IC_LENGTH", "UNIT"):
        assert algorithm.parameterDefinition(key).options()[0] == "as PRESET"
    mandatory = [
        definition.name()
        for definition in algorithm.parameterDefinitions()
        if not definition.flags() & definition.Flag.FlagOptional
        and definition.defaultValue() is None
        and not definition.isDestination()
    ]
    assert mandatory == ["DEM", "LAND_COVER", "EROSIVITY", "ERODIBILITY"]


@pytest.mark.parametrize("routing, name", [(1, "D8"), (2, "MFD"), (0, "MFD")])
def test_equals_invest_with_its_own_table(run, make, tmp_path, routing, name):
    # a copy, since QGIS writes statistics beside the rasters that it loads
    inputs = Path(shutil.copytree(INVEST / "inputs", tmp_path / "inputs"))
    outputs = {
        "OUTPUT_SOIL_LOSS": "usle",
        "OUTPUT_EXPORT": "sed_export",
        "OUTPUT_SDR": "sdr_factor",
        "OUTPUT_AVOIDED_EROSION": "avoided_erosion",
        "OUTPUT_AVOIDED_EXPORT": "avoided_export",
        "OUTPUT_STREAMS": "stream",
    }
    result = run(
        "sedimentretention",
        DEM=str(inputs / "dem.tif"),
        LAND_COVER=str(inputs / "lulc.tif"),
        EROSIVITY=str(inputs / "erosivity.tif"),
        ERODIBILITY=str(inputs / "erodibility.tif"),
        BIOPHYSICAL_TABLE=str(inputs / "biophysical.csv"),
        ACCUMULATION_THRESHOLD=60,
        PRESET=2,
        ROUTING=routing,
        OUTPUT_RETENTION=make.out("r.tif"),
        OUTPUT_FACTORS=make.out("factors"),
        **{key: make.out(f"{key}.tif") for key in outputs},
    )
    maps = {expected: values(result[key]) for key, expected in outputs.items()}
    maps.update(
        {
            expected: values(os.path.join(result["OUTPUT_FACTORS"], f"{ours}.tif"))
            for ours, expected in (("bare_soil_loss", "rkls"), ("ls", "ls"), ("accumulation", "flow_accumulation"))
        }
    )
    for expected, ours in maps.items():
        theirs = values(str(INVEST / "expected" / f"sdr_{name}_{expected}.tif"))
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=0, err_msg=expected)
    index = values(os.path.join(result["OUTPUT_FACTORS"], "connectivity.tif"))
    np.testing.assert_allclose(index, values(str(INVEST / "expected" / f"sdr_{name}_ic.tif")), atol=1e-5)
    on_land = np.where(maps["stream"] == 1, np.nan, maps["sdr_factor"])
    np.testing.assert_allclose(values(result["OUTPUT_RETENTION"]), maps["avoided_erosion"] * on_land / 0.8, rtol=1e-5)
    assert "as InVEST" in run.log and f"{name} routing" in run.log


def test_sums_balance_and_unit(run, make, small):
    result = run(
        "sedimentretention", **small(), PRESET=1, OUTPUT_SOIL_LOSS=make.out("l.tif"), OUTPUT_EXPORT=make.out("e.tif")
    )
    assert np.isfinite(values(result["OUTPUT_RETENTION"])).all()
    assert values(result["OUTPUT_SOIL_LOSS"]).sum() == pytest.approx(result["SOIL_LOSS"], rel=1e-5)  # t per pixel
    assert values(result["OUTPUT_EXPORT"]).sum() == pytest.approx(result["EXPORT"], rel=1e-5)
    assert result["EXPORT"] + result["DEPOSITION"] + result["LEAVES_MAP"] == pytest.approx(
        result["SOIL_LOSS"], rel=1e-6
    )
    hectare = run("sedimentretention", **small(), PRESET=1, UNIT=1, OUTPUT_SOIL_LOSS=make.out("h.tif"))
    assert values(hectare["OUTPUT_SOIL_LOSS"]).sum() * 0.09 == pytest.approx(result["SOIL_LOSS"], rel=1e-5)
    assert {"OUTPUT_SDR", "OUTPUT_STREAMS"}.isdisjoint(result)
    assert (
        "conventions of preset 'as published': MFD routing [preset]" in run.log and "t/ha a year [by hand]" in run.log
    )


def test_pits_under_mines_drain_inside(run, make, small):
    pit = box(500000 + 8 * 30, 4600000 - 9 * 30, 500000 + 11 * 30, 4600000 - 6 * 30)
    mine = make.layer("mines", [(pit, {"id": 1})])
    lake = run("sedimentretention", **small(), OUTPUT_SDR=make.out("s.tif"))
    assert (values(lake["OUTPUT_SDR"]) > 0).all()
    pit = run("sedimentretention", **small(), MINES=mine, OUTPUT_SDR=make.out("p.tif"))
    ratio = values(pit["OUTPUT_SDR"])
    assert np.isfinite(ratio).all() and (ratio[6:9, 8:11] == 0).all() and ratio[7, 19] > 0
    assert pit["EXPORT"] < lake["EXPORT"]
    assert "drain inside" in run.log


def test_drainage_lines_and_cover_from_ndvi(run, make, small):
    y = 4600000 - 3.5 * 30
    river = make.layer("river", [(f"LINESTRING(500105 {y},500405 {y})", {"id": 1})])
    ndvi = make.raster("ndvi", np.full((15, 20), 0.5, np.float32))
    table = make.csv("p", "land_cover,usle_p\n1,1\n2,1\n")
    result = run(
        "sedimentretention",
        **{**small(), "BIOPHYSICAL_TABLE": table, "ACCUMULATION_THRESHOLD": 0},
        DRAINAGE=[river],
        COVER_FACTOR=ndvi,
        COVER_FACTOR_HOLDS=1,
        OUTPUT_STREAMS=make.out("s.tif"),
        OUTPUT_SOIL_LOSS=make.out("l.tif"),
        OUTPUT_AVOIDED_EROSION=make.out("a.tif"),
    )
    streams = np.argwhere(values(result["OUTPUT_STREAMS"]) == 1)
    assert set(streams[:, 0]) == {3} and streams[:, 1].min() == 3 and streams[:, 1].max() == 13
    loss, avoided = values(result["OUTPUT_SOIL_LOSS"]), values(result["OUTPUT_AVOIDED_EROSION"])
    np.testing.assert_allclose(loss, (loss + avoided) * math.exp(-2), rtol=1e-5)


def test_the_shipped_table_serves(run, small):
    parameters = small()
    del parameters["BIOPHYSICAL_TABLE"]
    assert run("sedimentretention", **parameters)["SOIL_LOSS"] > 0


def test_refusals_name_what_to_mend(run, make, small):
    assert "'erosivity' holds -5 on 300 cell(s)" in run.refusal(
        "sedimentretention", **small(EROSIVITY=np.full((15, 20), -5))
    )
    parameters = small()
    cases = [
        ({"BIOPHYSICAL_TABLE": make.csv("bad", TABLE.replace("0.3", "3"))}, "'usle_c'"),
        ({"BIOPHYSICAL_TABLE": make.csv("none", "land_cover,usle_p\n1,1\n2,1\n")}, "no column 'usle_c'"),
        ({"ACCUMULATION_THRESHOLD": 0}, "no drainage layer is given"),
        ({"KB": 0}, "k_b is 0"),
        ({"SDR_MAX": 0}, "SDR_max is 0"),
        ({"COVER_FACTOR_HOLDS": 1}, "What the cover raster holds: no cover raster is given"),
        ({"LS_CAP": 0}, "Cap in the LS factor (empty: as PRESET): 0 caps everything"),
        ({"DEM": make.raster("far", np.ones((2, 2), np.float32), west=900000)}, "'far' does not overlap 'cover'"),
    ]
    for changed, expected in cases:
        fine, message = run.check("sedimentretention", **{**parameters, **changed})
        assert not fine and expected in message, (changed, message)
    message = run.refusal("sedimentretention", **{**parameters, "PRESET": 2, "ACCUMULATION_THRESHOLD": 1000})
    assert "lower the accumulation threshold" in message
    assert not os.path.exists(make.out("r.tif"))


def test_cancel_leaves_nothing(run, make, small):
    feedback = QgsProcessingFeedback()
    feedback.cancel()
    parameters = small()
    before = set(os.listdir(make.folder))
    assert "Cancelled" in run.refusal("sedimentretention", feedback=feedback, **parameters)
    assert set(os.listdir(make.folder)) == before
