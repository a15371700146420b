"""Toolbox step landscapeconnectivity: run, its choices, refusals, cancel."""

import os

import numpy as np
import pytest
from qgis.core import QgsProcessingFeedback


def square(x, y, side=1000.0):
    x, y = 500000 + x, 4600000 + y
    return f"POLYGON(({x} {y},{x + side} {y},{x + side} {y + side},{x} {y + side},{x} {y}))"


@pytest.fixture
def patches(make):
    """The three patches of method's worked example: gaps 1000, 1500 and, past the middle one, 5000 m."""
    rows = [(0, 10.0, "super-large"), (2000, 5.0, "super-large"), (4500, 20.0, "super-large"), (9000, 1.0, "medium")]
    return make.layer("patches", [(square(x, 0), {"patch_id": i + 1, "area_km2": a, "size_class": c, "note": f"n{i}"})
                                  for i, (x, a, c) in enumerate(rows)])


def test_run(run, make, patches):
    result = run("landscapeconnectivity", PATCHES=patches, AREA_OF_LANDSCAPE=100, OUTPUT=make.out("out.gpkg"),
                 OUTPUT_LINKS=make.out("links.gpkg"), OUTPUT_REPORT=make.out("report.html"))
    rows = run.rows(result["OUTPUT"])
    assert [name for name in rows[0] if name not in ("fid", "geometry")] == [
        "patch_id", "area_km2", "size_class", "note", "dpc", "dpc_intra", "dpc_flux", "dpc_connector", "diic",
        "degree", "betweenness", "component"]
    assert [r["patch_id"] for r in rows] == [1, 2, 3] and rows[2]["note"] == "n2"
    # gaps 1000 and 1500 m, and 3500 m past the second: the stepping stone makes it 2500
    p = {1000: 0.5 ** 0.4, 1500: 0.5 ** 0.6, 2500: 0.5, 3500: 0.5 ** 1.4}
    whole = 525 + 2 * (50 * p[1000] + 100 * p[1500] + 200 * p[2500])
    assert result["EC"] == pytest.approx(whole ** 0.5) and result["PC"] == pytest.approx(whole / 1e4)
    assert rows[1]["dpc"] == pytest.approx(100 * (whole - 500 - 400 * p[3500]) / whole)
    assert rows[1]["dpc_connector"] == pytest.approx(100 * 400 * (p[2500] - p[3500]) / whole)
    assert [(r["degree"], r["betweenness"], r["component"]) for r in rows] == [(1, 0, 1), (2, 1, 1), (1, 0, 1)]
    assert result["N_COMPONENTS"] == 1 and result["IIC"] == pytest.approx(
        (525 + 2 * (50 / 2 + 100 / 2 + 200 / 3)) / 1e4)
    links = run.rows(result["OUTPUT_LINKS"])
    assert [(r["patch_a"], r["patch_b"], r["distance_m"]) for r in links] == [
        (1, 2, 1000), (1, 3, 3500), (2, 3, 1500)]
    assert links[0]["probability"] == pytest.approx(p[1000])
    with open(result["OUTPUT_REPORT"], encoding="utf-8") as stream:
        assert "stepping stones" in stream.read()


def test_no_landscape_no_pc(run, make, patches):
    result = run("landscapeconnectivity", PATCHES=patches, SIZE_CLASSES=[0, 2], OUTPUT=make.out("out.gpkg"))
    assert "PC" not in result and "IIC" not in result and result["EC"] > 0
    assert len(run.rows(result["OUTPUT"])) == 4 and "no area of the landscape is given" in run.log


def test_bare_polygons_and_least_cost(run, make):
    bare = make.layer("bare", [(square(0, 0), {"name": "a"}), (square(3000, 0), {"name": "b"})])
    resistance = make.raster("resistance", np.full((20, 50), 3, np.float32), cell=100.0, north=4601500.0)
    result = run("landscapeconnectivity", PATCHES=bare, DISTANCE=2, RESISTANCE=resistance,
                 OUTPUT=make.out("out.gpkg"), OUTPUT_LINKS=make.out("links.gpkg"))
    assert run.rows(result["OUTPUT_LINKS"])[0]["distance_m"] == pytest.approx(3 * 2100)
    assert [r["patch_id"] for r in run.rows(result["OUTPUT"])] == [1, 2]
    result = run("landscapeconnectivity", PATCHES=bare, DISTANCE=1, OUTPUT=make.out("c.gpkg"),
                 OUTPUT_LINKS=make.out("l.gpkg"))
    assert run.rows(result["OUTPUT_LINKS"])[0]["distance_m"] == pytest.approx(3000)


def test_refusals(run, make, patches):
    for parameters, message in (
            ({"WEIGHT_FIELD": "note"}, "field 'note', feature 1: 'n0' is not a number"),
            ({"SIZE_CLASSES": [3]}, "no patch of size class small"),
            ({"DISTANCE": 2}, "choose one (RESISTANCE)"),
            ({"DISPERSAL_DISTANCE": 0}, "(DISPERSAL_DISTANCE) is 0"),
            ({"DISPERSAL_PROBABILITY": 1}, "(DISPERSAL_PROBABILITY) is 1"),
            ({"PATCHES": make.layer("none", [], {"patch_id": int})}, "'none' is empty"),
            ({"PATCHES": make.layer("degrees", [("POLYGON((0 0,1 0,1 1,0 0))", {"a": 1})], crs="EPSG:4326")},
             "'degrees' is in degrees")):
        found = run.refusal("landscapeconnectivity",
                            **{"PATCHES": patches, "OUTPUT": make.out("x.gpkg"), **parameters})
        assert message in found
    assert not os.path.exists(make.out("x.gpkg"))


def test_cancel_leaves_nothing(run, make, patches):
    feedback = QgsProcessingFeedback()
    feedback.cancel()
    before = set(os.listdir(make.folder))
    message = run.refusal("landscapeconnectivity", feedback=feedback, PATCHES=patches, OUTPUT=make.out("x.gpkg"))
    assert "Cancelled" in message and set(os.listdir(make.folder)) == before


@pytest.mark.parametrize("choice, message", [
    ({"DISPERSAL_DISTANCE": 0}, "(DISPERSAL_DISTANCE) is 0"), ({"DISPERSAL_PROBABILITY": 0}, "(DISPERSAL_PROBABILITY) is 0"),
    ({"DISPERSAL_PROBABILITY": 1}, "(DISPERSAL_PROBABILITY) is 1"), ({"DISTANCE": 2}, "need a resistance surface"),
    ({"WEIGHT_FIELD": "wealth"}, "'patches' has no field 'wealth' (the weight of a patch)")])
def test_wrong_choices_are_refused_by_the_dialog(run, make, patches, choice, message):
    fine, said = run.check("landscapeconnectivity", PATCHES=patches, **choice, OUTPUT=make.out("x.gpkg"))
    assert not fine and message in said
    assert run.check("landscapeconnectivity", PATCHES=patches, OUTPUT=make.out("x.gpkg")) == (True, "")


def test_patches_in_degrees_are_refused_by_the_dialog(run, make):
    degrees = make.layer("degrees", [("POLYGON((123 41,123.1 41,123.1 41.1,123 41))", {"n": 1})], crs="EPSG:4326")
    fine, message = run.check("landscapeconnectivity", PATCHES=degrees, OUTPUT=make.out("x.gpkg"))
    assert not fine and "'degrees' is in degrees" in message and "CM 123E" in message
