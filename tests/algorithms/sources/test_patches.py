"""Toolbox step patches: run, refusals, cancel."""

import os

import numpy as np
import pytest
from qgis.core import QgsProcessingFeedback


@pytest.fixture
def classes(make):
    values = np.ones((6, 8), np.uint8)
    values[0:3, 0:3] = 5
    values[3, 3] = 4
    values[5, 6:8] = 4
    values[0, 7] = 0
    return make.raster("classes", values, cell=1000.0, nodata=0)


def test_run(run, make, classes):
    importance = make.raster("importance", np.arange(48, dtype=np.float32).reshape(6, 8) / 48, cell=1000.0)
    result = run("patches", CLASSES=classes, IMPORTANCE=importance, OUTPUT=make.out("patches.gpkg"))
    rows = run.rows(result["OUTPUT"])
    assert result["N_PATCHES"] == 2
    assert [name for name in rows[0] if name not in ("fid", "geometry")] == [
        "patch_id",
        "area_km2",
        "size_class",
        "importance_mean",
    ]
    assert [(r["patch_id"], r["area_km2"], r["size_class"]) for r in rows] == [
        (1, 10.0, "super-large"),
        (2, 2.0, "medium"),
    ]
    assert rows[1]["importance_mean"] == pytest.approx(46.5 / 48)
    assert rows[0]["geometry"].area() == pytest.approx(10e6)
    assert "super-large: 1 patch(es), 10.000 km2" in run.log


def test_four_neighbours_and_other_bands(run, make, classes):
    result = run(
        "patches",
        CLASSES=classes,
        DIAGONALS=False,
        AREA_BANDS="2, 5, 9",
        PATCH_CLASSES="5;4",
        OUTPUT=make.out("patches.gpkg"),
    )
    assert [r["size_class"] for r in run.rows(result["OUTPUT"])] == ["large", "medium", "small"]


def test_options_and_report(run, make):
    values = np.ones((12, 12), np.uint8)
    values[1:6, 1:6] = 5
    values[3, 3] = 2
    values[3, 6:10] = 5
    values[9:11, 9:11] = 4
    classes = make.raster("classes", values, cell=1000.0, nodata=0)
    report = make.out("patches.html")
    result = run(
        "patches", CLASSES=classes, MIN_AREA=5, HOLES=1, SLIVERS=2, OUTPUT=make.out("p.gpkg"), OUTPUT_REPORT=report
    )
    rows = run.rows(result["OUTPUT"])
    assert [(r["area_km2"], r["geometry"].area()) for r in rows] == [(25.0, 25e6)]
    assert (result["N_PATCHES"], result["TOTAL_AREA"]) == (1, 25.0)
    assert "1 hole(s) of at most 1 km2 were filled, 1.000 km2" in run.log
    assert "narrower than 2 cells were cut off, 4.000 km2" in run.log
    assert "1 of 2 patches are smaller than 5 km2 and were dropped, 4.000 km2" in run.log
    with open(report, encoding="utf-8") as stream:
        text = stream.read()
    assert "1 below the least area were dropped" in text and "Fushun" in text and "<img" in text
    assert "less than the least area of 99 km2; lower it" in run.refusal(
        "patches", CLASSES=classes, MIN_AREA=99, OUTPUT=make.out("x.gpkg"), OUTPUT_REPORT=make.out("x.html")
    )
    assert not os.path.exists(make.out("x.html"))
    degrees = make.raster("degrees", values, cell=0.01, crs="EPSG:4326", west=123.0, north=42.0)
    fine, message = run.check("patches", CLASSES=degrees, OUTPUT=make.out("x.gpkg"))
    assert not fine and "'degrees' is in degrees" in message


def test_refusals(run, make, classes):
    for parameters, message in (
        ({"AREA_BANDS": "7, 4, 1"}, "Limits of small, medium and large patches (km2): '7, 4, 1'"),
        ({"PATCH_CLASSES": "best"}, "Classes that make patches: 'best' is not a list of class numbers"),
        ({"OUTPUT": make.out("p.shp")}, "p.gpkg"),
    ):
        fine, found = run.check("patches", CLASSES=classes, **{"OUTPUT": make.out("x.gpkg"), **parameters})
        assert not fine and message in found
    message = run.refusal("patches", CLASSES=classes, PATCH_CLASSES="3", OUTPUT=make.out("x.gpkg"))
    assert "has class 3; its classes are 1, 4, 5" in message
    measured = make.raster("measured", np.array([[0.5, 0.7]], np.float32))
    assert "'measured' should hold class codes, and holds 0.5" in run.refusal(
        "patches", CLASSES=measured, OUTPUT=make.out("x.gpkg")
    )
    assert not os.path.exists(make.out("x.gpkg"))


def test_cancel_leaves_nothing(run, make, classes):
    feedback = QgsProcessingFeedback()
    feedback.cancel()
    before = set(os.listdir(make.folder))
    assert "Cancelled" in run.refusal("patches", feedback=feedback, CLASSES=classes, OUTPUT=make.out("x.gpkg"))
    assert set(os.listdir(make.folder)) == before
