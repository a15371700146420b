"""Toolbox step soilerodibility: definition, runs, refusals."""

import os

import numpy as np
import pytest
from qgis.core import QgsApplication, QgsProcessingFeedback

from econet.core.grid.reading import RasterSource, read_raster


def values(path):
    return read_raster(RasterSource(path)).values


def maps(make, times=1.0, carbon=1.5):
    shares = {"SAND": 30 * times, "SILT": 50 * times, "CLAY": 20 * times, "ORGANIC_CARBON": carbon}
    return {key: make.raster(key.lower(), np.full((3, 4), value, np.float32)) for key, value in shares.items()}


def test_definition(run):
    algorithm = QgsApplication.processingRegistry().algorithmById("econet:soilerodibility")
    for key in ("TEXTURE_UNIT", "CARBON_UNIT"):
        assert algorithm.parameterDefinition(key).options() == ["%", "g/kg", "dg/kg", "fraction"]
    assert algorithm.groupId() == "services"


@pytest.mark.parametrize(
    "correction, expected",
    [(0, 0.039085), (1, -0.01383 + 0.51575 * 0.0390857), (2, (-0.01383 + 0.51575 * 0.29678) * 0.1317)],
)
def test_published_number_and_corrections(run, make, correction, expected):
    result = run("soilerodibility", **maps(make), CORRECTION=correction, OUTPUT=make.out("k.tif"))
    np.testing.assert_allclose(values(result["OUTPUT"]), expected, atol=1e-6)
    assert "Williams 1995" in run.log


def test_units_of_soilgrids(run, make):
    result = run("soilerodibility", **maps(make, 10, 150), TEXTURE_UNIT=1, CARBON_UNIT=2, OUTPUT=make.out("k.tif"))
    np.testing.assert_allclose(values(result["OUTPUT"]), 0.039085, atol=1e-6)


def test_refusals_name_what_to_mend(run, make):
    message = run.refusal("soilerodibility", **maps(make, 10), OUTPUT=make.out("x.tif"))
    assert "'sand' holds 300 % on 12 cell(s)" in message and "choose the unit" in message
    message = run.refusal(
        "soilerodibility",
        **{
            **maps(make),
            "CLAY": make.raster("clay2", np.zeros((3, 4), np.float32)),
            "SILT": make.raster("silt2", np.zeros((3, 4), np.float32)),
            "SAND": make.raster("sand2", np.full((3, 4), 100, np.float32)),
        },
        OUTPUT=make.out("x.tif"),
    )
    assert "Silt and clay are both 0 on 12 cell(s)" in message
    assert not os.path.exists(make.out("x.tif"))


def test_cancel_leaves_nothing(run, make):
    feedback = QgsProcessingFeedback()
    feedback.cancel()
    given = maps(make)
    before = set(os.listdir(make.folder))
    assert "Cancelled" in run.refusal("soilerodibility", feedback, **given, OUTPUT=make.out("x.tif"))
    assert set(os.listdir(make.folder)) == before
