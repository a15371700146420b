"""Toolbox step breakpoints: definition, runs, refusals, cancel."""

import os

import pytest
from osgeo import ogr
from qgis.core import QgsProcessingFeedback

X, Y = 500000.0, 4600000.0


def line(*points):
    return "LINESTRING(" + ",".join(f"{X + x} {Y + y}" for x, y in points) + ")"


@pytest.fixture
def layers(make):
    corridors = make.layer(
        "corridors",
        [
            (line((0, -300), (0, 300)), {"corridor_id": 1, "gravity": 10.0, "class": "general"}),
            (line((60, -300), (60, 300)), {"corridor_id": 2, "gravity": 80.0, "class": "important"}),
            (line((900, -300), (900, 300)), {"corridor_id": 3, "gravity": 90.0, "class": "general"}),
        ],
    )
    roads = make.layer(
        "roads",
        [
            (line((-500, 0), (2000, 0)), {"name": "Ring", "highway": "motorway"}),
            (line((2000, 40), (-500, 40)), {"name": "Ring", "highway": "motorway"}),
            (line((-500, 200), (2000, 200)), {"name": "", "highway": "footway"}),
        ],
    )
    return {"CORRIDORS": corridors, "ROADS": roads, "ROAD_CLASS_FIELD": "highway", "ROAD_NAME_FIELD": "name"}


def test_definition(provider):
    algorithm = provider.algorithm("breakpoints")
    assert [d.name() for d in algorithm.parameterDefinitions()] == [
        "CORRIDORS",
        "ROADS",
        "ROAD_CLASS_FIELD",
        "ROAD_CLASSES",
        "ROAD_NAME_FIELD",
        "TOLERANCE",
        "MEASURE_TABLE",
        "OUTPUT",
    ]
    assert {d.name() for d in algorithm.outputDefinitions()} == {"OUTPUT", "N_BREAKPOINTS", "N_IMPORTANT"}
    assert algorithm.parameterDefinition("TOLERANCE").defaultValue() == 90


def test_run(run, make, layers):
    result = run("breakpoints", **layers, ROAD_CLASSES="motorway, trunk", OUTPUT=make.out("b.gpkg"))
    assert (result["N_BREAKPOINTS"], result["N_IMPORTANT"]) == (2, 1)
    first, second = run.rows(result["OUTPUT"])
    assert [f for f in first if f not in ("fid", "geometry")] == [
        "breakpoint_id",
        "road",
        "road_class",
        "corridors",
        "n_corridors",
        "class",
        "gravity_sum",
        "priority",
        "measure",
    ]
    point = first["geometry"].asPoint()
    assert (point.x() - X, point.y() - Y) == pytest.approx((30, 20), abs=31)
    assert (first["corridors"], first["n_corridors"], first["class"], first["gravity_sum"]) == (
        "1,2",
        2,
        "important",
        90,
    )
    assert (second["corridors"], second["class"], second["gravity_sum"]) == ("3", "general", 90)
    assert [r["priority"] for r in (first, second)] == [1, 2] and first["road"] == "Ring"
    assert "holds no road of class trunk" in run.log


def test_all_classes_tolerance_and_measures(run, make, layers):
    result = run(
        "breakpoints",
        **layers,
        TOLERANCE=1,
        OUTPUT=make.out("b.gpkg"),
        MEASURE_TABLE=make.csv("measures", "word,measure\nfoot,leave it\n,look\n"),
    )
    rows = run.rows(result["OUTPUT"])
    assert result["N_BREAKPOINTS"] == 9 and {r["measure"] for r in rows} == {"leave it", "look"}
    assert sum(not r["road"] for r in rows) == 3


def test_plain_corridors_and_geographic_polygon_roads(run, make):
    corridors = make.layer("corridors", [(line((0, -300), (0, 300)), {"label": "a"})])
    block = ogr.CreateGeometryFromWkt(line((-500, 0), (500, 0))).Buffer(20, 2)
    from econet.core.crs import Crs

    block.Transform(Crs.of("EPSG:32651").to("EPSG:4326"))
    roads = make.layer("roads", [(block.ExportToWkt(), {"a": 1})], crs="EPSG:4326")
    result = run("breakpoints", CORRIDORS=corridors, ROADS=roads, OUTPUT=make.out("b.gpkg"))
    [row] = run.rows(result["OUTPUT"])
    point = row["geometry"].asPoint()
    assert (point.x() - X, point.y() - Y) == pytest.approx((0, 0), abs=0.1)
    assert row["corridors"] == "1" and not row["class"] and not row["gravity_sum"] and result["N_IMPORTANT"] == 0
    assert "'roads' was reprojected" in run.log and "run 'gravitymodel' first" in run.log


def test_refusals_name_what_to_mend(run, make, layers):
    message = run.refusal("breakpoints", **layers, ROAD_CLASSES="rail", OUTPUT=make.out("x.gpkg"))
    assert "'roads', field 'highway' holds none of the road classes rail" in message and "footway, motorway" in message
    message = run.refusal("breakpoints", **{**layers, "ROAD_NAME_FIELD": "label"}, OUTPUT=make.out("x.gpkg"))
    assert "'roads' has no field 'label'" in message
    empty = make.layer("empty", [], fields={"corridor_id": int}, kind=ogr.wkbLineString)
    message = run.refusal("breakpoints", **{**layers, "CORRIDORS": empty}, OUTPUT=make.out("x.gpkg"))
    assert "'empty' is empty" in message
    degrees = make.layer("degrees", [("LINESTRING(123 41,123.1 41)", {"corridor_id": 1})], crs="EPSG:4326")
    message = run.refusal("breakpoints", **{**layers, "CORRIDORS": degrees}, OUTPUT=make.out("x.gpkg"))
    assert "'degrees' is in degrees" in message
    assert not os.path.exists(make.out("x.gpkg"))


def test_cancel_leaves_nothing(run, make, layers):
    feedback = QgsProcessingFeedback()
    feedback.cancel()
    message = run.refusal("breakpoints", feedback=feedback, **layers, OUTPUT=make.out("x.gpkg"))
    assert "Cancelled" in message and not [n for n in os.listdir(make.folder) if "x.gpkg" in n]


def test_refused_by_the_dialog_before_the_work(run, make, layers):
    degrees = make.layer("degrees", [("LINESTRING(123 41,123.1 41)", {"corridor_id": 1})], crs="EPSG:4326")
    fine, message = run.check("breakpoints", **{**layers, "CORRIDORS": degrees}, OUTPUT=make.out("x.gpkg"))
    assert (
        not fine
        and "'degrees' is in degrees" in message
        and "such as CGCS2000 / 3-degree Gauss-Kruger CM 123E" in message
    )
    fine, message = run.check(
        "breakpoints", **layers, MEASURE_TABLE=make.csv("bad", "word,advice\na,b\n"), OUTPUT=make.out("x.gpkg")
    )
    assert not fine and "'bad.csv' has no column 'measure'" in message
    assert run.check("breakpoints", **layers, OUTPUT=make.out("x.gpkg")) == (True, "")
