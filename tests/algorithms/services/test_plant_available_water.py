"""Toolbox step plantavailablewater: definition, runs, refusals."""

import os

import numpy as np
from qgis.core import QgsApplication, QgsProcessingFeedback

from econet.core.grid.reading import RasterSource, read_raster


def values(path):
    return read_raster(RasterSource(path)).values


def maps(make, **more):
    shares = {"SAND": 30, "SILT": 50, "CLAY": 20, "ORGANIC_CARBON": 1.5, **more}
    return {key: make.raster(key.lower(), np.full((3, 4), value, np.float32)) for key, value in shares.items()}


def test_definition(run):
    algorithm = QgsApplication.processingRegistry().algorithmById("econet:plantavailablewater")
    assert [d.name() for d in algorithm.parameterDefinitions()] == [
        "SAND",
        "SILT",
        "CLAY",
        "ORGANIC_CARBON",
        "TEMPLATE",
        "TEXTURE_UNIT",
        "CARBON_UNIT",
        "CARBON_KIND",
        "OUTPUT",
    ]


def test_published_number_on_the_cells_of_a_template(run, make):
    cover = make.raster("cover", np.full((5, 6), 2, np.uint8), cell=15.0)
    result = run("plantavailablewater", **maps(make), TEMPLATE=cover, OUTPUT=make.out("w.tif"))
    assert values(result["OUTPUT"]).shape == (5, 6)
    np.testing.assert_allclose(values(result["OUTPUT"]), 0.14538, atol=1e-5)


def test_organic_matter(run, make):
    result = run(
        "plantavailablewater", **maps(make, ORGANIC_CARBON=1.5 * 1.724), CARBON_KIND=1, OUTPUT=make.out("w.tif")
    )
    np.testing.assert_allclose(values(result["OUTPUT"]), 0.14538, atol=1e-5)


def test_refusals_name_what_to_mend(run, make):
    message = run.refusal("plantavailablewater", **maps(make, SAND=0.3, SILT=0.5, CLAY=0.2), OUTPUT=make.out("x.tif"))
    assert "add to 1 % in the middle where 100 % is expected" in message
    assert not os.path.exists(make.out("x.tif"))


def test_cancel_leaves_nothing(run, make):
    feedback = QgsProcessingFeedback()
    feedback.cancel()
    given = maps(make)
    before = set(os.listdir(make.folder))
    assert "Cancelled" in run.refusal("plantavailablewater", feedback, **given, OUTPUT=make.out("x.tif"))
    assert set(os.listdir(make.folder)) == before
