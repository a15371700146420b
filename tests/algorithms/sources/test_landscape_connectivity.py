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
    return make.layer(
        "patches",
        [
            (square(x, 0), {"patch_id": i + 1, "area_km2": a, "size_class": c, "note": f"n{i}"})
            for i, (x, a, c) in enumerate(rows)
        ],
    )


def test_run(run, make, patches):
    result = run(
        "landscapeconnectivity",
        PATCHES=patches,
        AREA_OF_LANDSCAPE=100,
        OUTPUT=make.out("out.gpkg"),
        OUTPUT_LINKS=make.out("links.gpkg"),
        OUTPUT_REPORT=make.out("report.html"),
    )
    rows = run.rows(result["OUTPUT"])
    assert [name for name in rows[0] if name not in ("fid", "geometry")] == [
        "patch_id",
        "area_km2",
        "size_class",
        "note",
        "dpc",
        "dpc_intra",
        "dpc_flux",
        "dpc_connector",
        "diic",
        "diic_intra",
        "diic_flux",
        "diic_connector",
        "degree",
        "betweenness",
        "component",
    ]
    assert [r["patch_id"] for r in rows] == [1, 2, 3] and rows[2]["note"] == "n2"
    # gaps 1000 and 1500 m, and 3500 m past the second: the stepping stone makes it 2500
    p = {1000: 0.5**0.4, 1500: 0.5**0.6, 2500: 0.5, 3500: 0.5**1.4}
    whole = 525 + 2 * (50 * p[1000] + 100 * p[1500] + 200 * p[2500])
    assert result["EC"] == pytest.approx(whole**0.5) and result["PC"] == pytest.approx(whole / 1e4)
    assert rows[1]["dpc"] == pytest.approx(100 * (whole - 500 - 400 * p[3500]) / whole)
    assert rows[1]["dpc_connector"] == pytest.approx(100 * 400 * (p[2500] - p[3500]) / whole)
    assert [(r["degree"], r["betweenness"], r["component"]) for r in rows] == [(1, 0, 1), (2, 1, 1), (1, 0, 1)]
    assert result["N_COMPONENTS"] == 1 and result["IIC"] == pytest.approx(
        (525 + 2 * (50 / 2 + 100 / 2 + 200 / 3)) / 1e4
    )
    assert result["N_LINKS"] == 2 and result["EC_IIC"] == pytest.approx(100 * result["IIC"] ** 0.5)
    assert "NEGLECTED" not in result
    # of IIC, patch 2 is a stepping stone for 1 and 3, which no link joins
    iic = 525 + 2 * (50 / 2 + 100 / 2 + 200 / 3)
    assert [rows[1][f"diic_{part}"] for part in ("intra", "flux", "connector")] == pytest.approx(
        [100 * 25 / iic, 100 * 150 / iic, 100 * 400 / 3 / iic]
    )
    links = run.rows(result["OUTPUT_LINKS"])
    assert [(r["patch_a"], r["patch_b"], r["distance_m"]) for r in links] == [(1, 2, 1000), (1, 3, 3500), (2, 3, 1500)]
    assert links[0]["probability"] == pytest.approx(p[1000])
    cut = 525 + 2 * (50 * p[1000] + 100 * p[1000] * p[3500] + 200 * p[3500])
    assert [r["rank"] for r in links] == [2, 3, 1] and links[1]["dpc_link"] == 0
    assert links[2]["dpc_link"] == pytest.approx(100 * (whole - cut) / whole)
    with open(result["OUTPUT_REPORT"], encoding="utf-8") as stream:
        html = stream.read()
    assert "stepping stones" in html
    for label in (
        "Longest link (m; resistance x m for least cost), empty: all pairs",
        "Candidate patches, to see what each would add",
        "Candidate links, lines from patch to patch",
    ):
        assert f"<td>{label}</td><td>none</td>" in html, label


def test_no_landscape_no_pc(run, make, patches):
    result = run("landscapeconnectivity", PATCHES=patches, SIZE_CLASSES=[0, 2], OUTPUT=make.out("out.gpkg"))
    assert "PC" not in result and "IIC" not in result and result["EC"] > 0
    assert len(run.rows(result["OUTPUT"])) == 4 and "no area of the landscape is given" in run.log


def line(*points):
    return f"LINESTRING({','.join(f'{500000 + x} {4600000 + y}' for x, y in points)})"


def test_links_within_a_distance_and_candidates(run, make, patches):
    """Gaps 1000 and 1500 m; a planned patch of 4 km2 between them and the far one, and a better link."""
    plan = make.layer(
        "plan", [(square(6000, 0), {"area_km2": 4.0, "Name": "A"}), (square(2500, 0), {"area_km2": 4.0, "Name": "B"})]
    )
    ways = make.layer("ways", [(line((1000, 500), (2000, 500)), {"cost": 400.0, "rank": 9})])
    result = run(
        "landscapeconnectivity",
        PATCHES=patches,
        MAX_LINK_DISTANCE=1200,
        CANDIDATES=plan,
        CANDIDATE_LINKS=ways,
        CANDIDATE_LINK_FIELD="cost",
        OUTPUT=make.out("out.gpkg"),
        OUTPUT_LINKS=make.out("links.gpkg"),
        OUTPUT_CANDIDATES=make.out("gains.gpkg"),
        OUTPUT_CANDIDATE_LINKS=make.out("way_gains.gpkg"),
        OUTPUT_REPORT=make.out("report.html"),
    )
    assert [(r["patch_a"], r["patch_b"]) for r in run.rows(result["OUTPUT_LINKS"])] == [(1, 2)]
    p = {d: 0.5 ** (d / 2500) for d in (400, 500, 1000, 1500, 2500)}
    whole = 525 + 2 * 50 * p[1000]
    assert result["EC"] == pytest.approx(whole**0.5) and result["N_COMPONENTS"] == 2 and result["N_LINKS"] == 1
    # squares in a row: the gaps of their boxes are their distances, so the bound is what all links would give
    short = 2 * (100 * p[1500] + 200 * p[2500])
    assert result["NEGLECTED"] == pytest.approx(100 * short / whole)
    rows = run.rows(result["OUTPUT_CANDIDATES"])
    assert [name for name in rows[0] if name not in ("fid", "geometry")] == [
        "area_km2",
        "Name",
        "candidate_id",
        "weight",
        "n_links",
        "gain_pc",
        "gain_intra",
        "gain_flux",
        "gain_connector",
        "gain_ec",
        "rank",
    ]
    # A touches nothing but patch 3, 500 m away; half of B lies on patch 2
    assert [(r["Name"], r["weight"], r["n_links"], r["rank"]) for r in rows] == [("A", 4, 1, 2), ("B", 2, 2, 1)]
    assert rows[0]["gain_pc"] == pytest.approx(100 * (16 + 2 * 80 * p[500]) / whole)
    assert rows[0]["gain_ec"] == pytest.approx((whole + 16 + 160 * p[500]) ** 0.5 - whole**0.5)
    way = run.rows(result["OUTPUT_CANDIDATE_LINKS"])[0]
    assert (way["patch_a"], way["patch_b"], way["distance_m"], way["present_m"], way["rank"]) == (1, 2, 400, 1000, 1)
    assert way["gain_pc"] == pytest.approx(100 * 100 * (p[400] - p[1000]) / whole) and way["cost"] == 400
    assert "1 of the 3 pairs of patches are linked directly; links longer than 1200" in run.log
    with open(result["OUTPUT_REPORT"], encoding="utf-8") as stream:
        page = stream.read()
    assert "Candidate patches" in page and "Candidate links" in page and "neglected (%), at most" in page
    assert "feature 2, patch 2 by 0.5 km2" in page.split("<h2>")[0]


def test_candidates_of_several_kinds(run, make, patches):
    """Another CRS, multipart lines; outputs of candidates left out."""
    from osgeo import ogr

    from econet.core.geometry.layers import Layer

    shape = Layer("plan", "EPSG:32651", [ogr.CreateGeometryFromWkt(square(6000, 0))], [{}], []).to_crs("EPSG:4326")
    plan = make.layer("plan", [(shape.geometries[0].ExportToWkt(), {"n": 1})], crs="EPSG:4326")
    ways = make.layer("ways", [("MULTI" + line((1000, 500), (4500, 500)).replace("(", "((") + ")", {"n": 1})])
    result = run(
        "landscapeconnectivity",
        PATCHES=patches,
        CANDIDATES=plan,
        CANDIDATE_LINKS=ways,
        OUTPUT=make.out("out.gpkg"),
        OUTPUT_CANDIDATES=make.out("gains.gpkg"),
    )
    row = run.rows(result["OUTPUT_CANDIDATES"])[0]
    assert row["weight"] == pytest.approx(1, rel=1e-3) and row["n_links"] == 3
    assert "OUTPUT_CANDIDATE_LINKS" not in result and "gain nothing" in run.log


def test_bare_polygons_and_least_cost(run, make):
    bare = make.layer("bare", [(square(0, 0), {"name": "a"}), (square(3000, 0), {"name": "b"})])
    resistance = make.raster("resistance", np.full((20, 50), 3, np.float32), cell=100.0, north=4601500.0)
    result = run(
        "landscapeconnectivity",
        PATCHES=bare,
        DISTANCE=2,
        RESISTANCE=resistance,
        OUTPUT=make.out("out.gpkg"),
        OUTPUT_LINKS=make.out("links.gpkg"),
    )
    assert run.rows(result["OUTPUT_LINKS"])[0]["distance_m"] == pytest.approx(3 * 2100)
    assert [r["patch_id"] for r in run.rows(result["OUTPUT"])] == [1, 2]
    result = run(
        "landscapeconnectivity", PATCHES=bare, DISTANCE=1, OUTPUT=make.out("c.gpkg"), OUTPUT_LINKS=make.out("l.gpkg")
    )
    assert run.rows(result["OUTPUT_LINKS"])[0]["distance_m"] == pytest.approx(3000)


def test_refusals(run, make, patches):
    for parameters, message in (
        ({"WEIGHT_FIELD": "note"}, "field 'note', feature 1: 'n0' is not a number"),
        ({"SIZE_CLASSES": [3]}, "no patch of size class small"),
        (
            {"DISTANCE": 2},
            "Resistance, for least-cost distances: least-cost distances need a resistance surface; choose one",
        ),
        ({"DISPERSAL_DISTANCE": 0}, "a dispersal distance of 0 is not above 0"),
        ({"DISPERSAL_PROBABILITY": 1}, "a probability of 1 is not between 0 and 1"),
        ({"PATCHES": make.layer("none", [], {"patch_id": int})}, "'none' is empty"),
        (
            {"PATCHES": make.layer("degrees", [("POLYGON((0 0,1 0,1 1,0 0))", {"a": 1})], crs="EPSG:4326")},
            "'degrees' is in degrees",
        ),
    ):
        found = run.refusal("landscapeconnectivity", **{"PATCHES": patches, "OUTPUT": make.out("x.gpkg"), **parameters})
        assert message in found
    assert not os.path.exists(make.out("x.gpkg"))


def test_cancel_leaves_nothing(run, make, patches):
    feedback = QgsProcessingFeedback()
    feedback.cancel()
    before = set(os.listdir(make.folder))
    message = run.refusal("landscapeconnectivity", feedback=feedback, PATCHES=patches, OUTPUT=make.out("x.gpkg"))
    assert "Cancelled" in message and set(os.listdir(make.folder)) == before


@pytest.mark.parametrize(
    "choice, message",
    [
        ({"DISPERSAL_DISTANCE": 0}, "a dispersal distance of 0 is not above 0"),
        ({"DISPERSAL_PROBABILITY": 0}, "a probability of 0 is not between 0 and 1"),
        ({"DISPERSAL_PROBABILITY": 1}, "a probability of 1 is not between 0 and 1"),
        ({"DISTANCE": 2}, "need a resistance surface"),
        ({"MAX_LINK_DISTANCE": -5}, "all pairs: -5 is not 0 or more"),
        ({"AREA_OF_LANDSCAPE": 0}, "Area of the landscape (km2), for PC and IIC: 0 km2 is not above 0"),
        (
            {"OUTPUT_CANDIDATES": "TEMPORARY_OUTPUT"},
            "with their gain: an output of candidate patches needs a layer of them",
        ),
        (
            {"OUTPUT_CANDIDATE_LINKS": "TEMPORARY_OUTPUT"},
            "with their gain: an output of candidate links needs a layer of them",
        ),
        ({"WEIGHT_FIELD": "wealth"}, "'patches' has no field 'wealth' (the weight of a patch)"),
    ],
)
def test_wrong_choices_are_refused_by_the_dialog(run, make, patches, choice, message):
    fine, said = run.check("landscapeconnectivity", PATCHES=patches, **choice, OUTPUT=make.out("x.gpkg"))
    assert not fine and message in said
    assert run.check("landscapeconnectivity", PATCHES=patches, OUTPUT=make.out("x.gpkg")) == (True, "")


def test_patches_in_degrees_are_refused_by_the_dialog(run, make):
    degrees = make.layer("degrees", [("POLYGON((123 41,123.1 41,123.1 41.1,123 41))", {"n": 1})], crs="EPSG:4326")
    fine, message = run.check("landscapeconnectivity", PATCHES=degrees, OUTPUT=make.out("x.gpkg"))
    assert not fine and "'degrees' is in degrees" in message and "CM 123E" in message


def test_patches_away_from_the_resistance_are_refused_by_the_dialog(run, make, patches):
    near = make.raster("near", np.ones((40, 90), np.float32), cell=100.0, north=4603000.0, west=499000.0)
    away = make.raster("away", np.ones((40, 90), np.float32), cell=100.0, north=4603000.0, west=599000.0)
    plan = make.layer("plan", [(square(60000, 0), {"n": 1})])
    for choice, message in (
        ({"RESISTANCE": away}, "'patches' lies wholly away from 'away'"),
        ({"RESISTANCE": near, "CANDIDATES": plan}, "'plan' lies wholly away from 'near'"),
    ):
        fine, said = run.check(
            "landscapeconnectivity", PATCHES=patches, DISTANCE=2, **choice, OUTPUT=make.out("x.gpkg")
        )
        assert not fine and message in said, said
        # another distance takes no resistance
        assert run.check("landscapeconnectivity", PATCHES=patches, **choice, OUTPUT=make.out("x.gpkg"))[0]
    assert run.check(
        "landscapeconnectivity", PATCHES=patches, DISTANCE=2, RESISTANCE=near, OUTPUT=make.out("x.gpkg")
    ) == (True, "")


def test_candidates_are_looked_at_by_the_dialog(run, make, patches):
    empty = make.layer("empty", [], {"n": int})
    plan = make.layer("plan", [(square(6000, 0), {"n": 1})])
    ways = make.layer("ways", [(line((1000, 500), (4500, 500)), {"n": 1})])
    for choice, message in (
        ({"CANDIDATES": empty}, "'empty' is empty"),
        ({"CANDIDATES": plan, "WEIGHT_FIELD": "patch_id"}, "'plan' has no field 'patch_id'"),
        ({"CANDIDATE_LINKS": ways, "CANDIDATE_LINK_FIELD": "cost"}, "'ways' has no field 'cost'"),
    ):
        fine, said = run.check("landscapeconnectivity", PATCHES=patches, **choice, OUTPUT=make.out("x.gpkg"))
        assert not fine and message in said, said
    assert run.check(
        "landscapeconnectivity", PATCHES=patches, CANDIDATES=plan, CANDIDATE_LINKS=ways, OUTPUT=make.out("x.gpkg")
    ) == (True, "")
