"""Toolbox step naturalbreaks: run, refusals, cancel."""

import os

import numpy as np
from qgis.core import QgsProcessingFeedback

from econet.core.grid.reading import RasterSource, read_raster


def test_classes_and_breaks(run, make):
    values = np.array([[1, 2, 10], [11, 50, -9]], np.float32)
    result = run(
        "naturalbreaks", INPUT=make.raster("rain", values, nodata=-9), CLASS_COUNT=3, OUTPUT=make.out("classes.tif")
    )
    grid = read_raster(RasterSource(result["OUTPUT"]))
    assert grid.values.tolist() == [[1, 1, 2], [2, 3, 0]] and grid.nodata == 0 and grid.values.dtype == np.uint8
    assert result["BREAKS"] == "2.0, 11.0, 50.0"
    mean = values[values > 0].mean()
    assert np.isclose(result["GVF"], 1 - 1 / ((values[values > 0] - mean) ** 2).sum())


def test_report(run, make):
    values = np.array([[1, 2, 10], [11, 50, np.nan]], np.float32)
    for crs, place, has_areas in (
        ("EPSG:32651", {}, True),
        ("EPSG:4326", {"cell": 0.01, "west": 120.0, "north": 42.0}, False),
    ):
        path = make.raster("rain" + crs[-1], values, crs=crs, **place)
        result = run(
            "naturalbreaks", INPUT=path, CLASS_COUNT=3, OUTPUT=make.out("c.tif"), OUTPUT_REPORT=make.out("r.html")
        )
        with open(result["OUTPUT_REPORT"], encoding="utf-8") as stream:
            page = stream.read()
        assert '<td class="n">40</td>' in page and "Histogram of value of rain" in page
        assert ("area (km2)" in page) == has_areas


def test_degrees_are_fine_here(run, make):
    path = make.raster(
        "degrees", np.arange(6.0, dtype=np.float32).reshape(2, 3), crs="EPSG:4326", cell=0.01, west=120.0, north=42.0
    )
    assert run("naturalbreaks", INPUT=path, CLASS_COUNT=2, OUTPUT=make.out("c.tif"))["BREAKS"] == "2.0, 5.0"


def test_refusals(run, make):
    few = make.raster("few", np.array([[1, 2, 2]], np.uint8))
    message = run.refusal("naturalbreaks", INPUT=few, CLASS_COUNT=5, OUTPUT=make.out("x.tif"))
    assert "'few' has 2 distinct value(s), and 5 classes" in message
    empty = make.raster("empty", np.zeros((2, 2), np.uint8), nodata=0)
    message = run.refusal("naturalbreaks", INPUT=empty, CLASS_COUNT=5, OUTPUT=make.out("x.tif"))
    assert "'empty' holds no value at all" in message
    assert not os.path.exists(make.out("x.tif"))


def test_cancel_leaves_nothing(run, make):
    feedback = QgsProcessingFeedback()
    feedback.cancel()
    path = make.raster("rain", np.arange(9.0).reshape(3, 3).astype(np.float32))
    before = set(os.listdir(make.folder))
    assert "Cancelled" in run.refusal("naturalbreaks", feedback=feedback, INPUT=path, OUTPUT=make.out("x.tif"))
    assert set(os.listdir(make.folder)) == before
