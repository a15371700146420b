"""Toolbox step waterconservation: definition, runs, refusals."""

import math
import os

import numpy as np
import pytest
from qgis.core import QgsApplication, QgsProcessingFeedback

from econet.core.grid.reading import RasterSource, read_raster

TABLE = "land_cover,velocity\n2,498\n"


def values(path):
    return read_raster(RasterSource(path)).values


@pytest.fixture
def inputs(make):
    """A plane of 20 % that falls to the east."""
    shape = (3, 5)
    dem = np.tile(-6.0 * np.arange(5), (3, 1)).astype(np.float32)
    rasters = {
        "WATER_YIELD": np.full(shape, 400, np.float32),
        "DEM": dem,
        "SOIL_CONDUCTIVITY": np.full(shape, 15, np.float32),
        "LAND_COVER": np.full(shape, 2, np.uint8),
        "SOIL_DEPTH": np.full(shape, 80, np.float32),
    }
    return {
        **{key: make.raster(key.lower(), array) for key, array in rasters.items()},
        "VELOCITY_TABLE": make.csv("v", TABLE),
        "CONDUCTIVITY_UNIT": 1,
        "DEPTH_UNIT": 1,
        "OUTPUT": make.out("w.tif"),
    }


def test_definition(run):
    algorithm = QgsApplication.processingRegistry().algorithmById("econet:waterconservation")
    keys = [d.name() for d in algorithm.parameterDefinitions()]
    assert {"WATER_YIELD", "DEM", "SOIL_CONDUCTIVITY", "VELOCITY_TABLE", "LAND_COVER", "OUTPUT"} <= set(keys)
    assert algorithm.groupId() == "services"


def test_a_plane_by_hand(run, make, inputs):
    result = run("waterconservation", **inputs, OUTPUT_INDEX=make.out("i.tif"))
    index = np.array([math.log10(n * 900 / (0.8 * 20)) for n in range(1, 6)])
    np.testing.assert_allclose(values(result["OUTPUT_INDEX"]), np.tile(index, (3, 1)), rtol=1e-4)
    expected = 400 * 0.5 * 0.5 * np.minimum(1, 0.3 * index)
    np.testing.assert_allclose(values(result["OUTPUT"]), np.tile(expected, (3, 1)), rtol=1e-4)


def test_without_a_map_of_soil_depth(run, inputs):
    expected = values(run("waterconservation", **inputs)["OUTPUT"])
    del inputs["SOIL_DEPTH"]
    found = values(run("waterconservation", **inputs, SOIL_DEPTH_VALUE=800)["OUTPUT"])
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert "800 mm are taken everywhere" in run.log


def test_shipped_velocities_for_another_product(run, make, inputs):
    del inputs["VELOCITY_TABLE"]
    ours = values(run("waterconservation", **inputs)["OUTPUT"])
    inputs["LAND_COVER"] = make.raster("nlcd", np.full((3, 5), 41, np.uint8))
    np.testing.assert_array_equal(values(run("waterconservation", **inputs, LAND_COVER_PRODUCT=6)["OUTPUT"]), ours)


def test_refusals_name_what_to_mend(run, make, inputs):
    fine, message = run.check(
        "waterconservation", **{**inputs, "VELOCITY_TABLE": make.csv("bad", "land_cover,v\n2,3\n")}
    )
    assert not fine and "'bad.csv' has no column 'velocity'" in message
    message = run.refusal(
        "waterconservation", **{**inputs, "SOIL_CONDUCTIVITY": make.raster("ksat2", np.full((3, 5), -1, np.float32))}
    )
    assert "'ksat2' holds -1 on 15 cell(s), and cannot be negative" in message
    assert not os.path.exists(make.out("w.tif"))


def test_cancel_leaves_nothing(run, make, inputs):
    feedback = QgsProcessingFeedback()
    feedback.cancel()
    before = set(os.listdir(make.folder))
    assert "Cancelled" in run.refusal("waterconservation", feedback, **inputs)
    assert set(os.listdir(make.folder)) == before
