"""Toolbox step selectsources: run, conditions, refusals, cancel."""

import os

import pytest
from qgis.core import QgsProcessingFeedback


def square(x, y, side):
    x, y = 500000 + x * 1000, 4600000 + y * 1000
    return f"POLYGON(({x} {y},{x + side * 1000} {y},{x + side * 1000} {y + side * 1000},{x} {y + side * 1000},{x} {y}))"


@pytest.fixture
def patches(make):
    rows = [(0, 3, "super-large", 30.0), (10, 4, "super-large", 5.0), (20, 2, "large", 50.0)]
    return make.layer(
        "patches",
        [
            (
                square(x, 0, side),
                {
                    "patch_id": i + 1,
                    "area_km2": float(side**2),
                    "size_class": size,
                    "importance_mean": 0.5,
                    "dpc": dpc,
                    "dpc_intra": 1.0,
                    "dpc_flux": 2.0,
                    "dpc_connector": dpc - 3,
                },
            )
            for i, (x, side, size, dpc) in enumerate(rows)
        ],
    )


def test_run(run, make, patches):
    result = run("selectsources", PATCHES=patches, OUTPUT=make.out("sources.gpkg"))
    rows = run.rows(result["OUTPUT"])
    assert result["N_SOURCES"] == 2
    assert [name for name in rows[0] if name not in ("fid", "geometry")] == [
        "source_id",
        "patch_id",
        "area_km2",
        "importance_mean",
        "dpc",
        "dpc_intra",
        "dpc_flux",
        "dpc_connector",
    ]
    assert [(r["source_id"], r["patch_id"], r["area_km2"], r["dpc"]) for r in rows] == [(1, 2, 16, 5), (2, 1, 9, 30)]


def test_conditions(run, make, patches):
    result = run("selectsources", PATCHES=patches, SIZE_CLASSES=[0, 1], MIN_DPC=10, TOP=1, OUTPUT=make.out("a.gpkg"))
    assert [r["patch_id"] for r in run.rows(result["OUTPUT"])] == [3]
    reserve = make.layer("reserve", [(square(40, 0, 1), {"a": 1})])
    plan = make.layer("plan", [(square(-1, -1, 2), {"a": 1})])
    result = run("selectsources", PATCHES=patches, INCLUDE=reserve, EXCLUDE=plan, OUTPUT=make.out("b.gpkg"))
    rows = run.rows(result["OUTPUT"])
    assert [r["area_km2"] for r in rows] == pytest.approx([16, 8, 1])
    assert rows[2]["patch_id"] is None or not rows[2]["patch_id"]


def test_merging_share_and_report(run, make):
    patches = make.layer(
        "patches",
        [
            (square(x, 0, side), {"patch_id": i + 1, "size_class": size, "importance_mean": 0.25 * (i + 1)})
            for i, (x, side, size) in enumerate(
                [(0, 2, "large"), (2.3, 2, "large"), (20, 3, "super-large"), (30, 0.5, "small")]
            )
        ],
    )
    report = make.out("sources.html")
    result = run(
        "selectsources",
        PATCHES=patches,
        MERGE_DISTANCE=300,
        MIN_EC_SHARE=100,
        OUTPUT=make.out("s.gpkg"),
        OUTPUT_REPORT=report,
    )
    rows = run.rows(result["OUTPUT"])
    assert [name for name in rows[0] if name not in ("fid", "geometry")][-1] == "merged"
    assert [(r["source_id"], r["patch_id"], r["area_km2"], r["merged"] or "") for r in rows] == [
        (1, 3, 9, ""),
        (2, 1, pytest.approx(8), "1,2"),
    ]
    assert rows[1]["importance_mean"] == pytest.approx(0.375) and rows[1]["geometry"].area() == pytest.approx(8e6)
    assert sum(r["dpc"] for r in rows) > 100
    with open(report, encoding="utf-8") as stream:
        text = stream.read()
    assert "merged with each other: patches 1,2" in text and "its size class is small" in text
    assert "keep 100 % of the equivalent connectivity" in text
    assert "2 of 2 patch(es) by dPC keep 100.00 %" in run.log
    only = run("selectsources", PATCHES=patches, MERGE_DISTANCE=300, MERGE_AREA=1, OUTPUT=make.out("t.gpkg"))
    assert only["N_SOURCES"] == 1


def test_ids_that_are_texts_and_fields_in_another_case(run, make):
    patches = make.layer(
        "补丁",
        [
            (square(x, 0, 3), {"PATCH_ID": name, "Size_Class": "super-large"})
            for x, name in ((0, "A1"), (3.1, "A2"), (30, "7"))
        ],
    )
    result = run("selectsources", PATCHES=patches, MERGE_DISTANCE=200, OUTPUT=make.out("s.gpkg"))
    rows = run.rows(result["OUTPUT"])
    assert [(r["patch_id"] or None, r["merged"] or "", r["area_km2"]) for r in rows] == [
        (None, "A1,A2", pytest.approx(18)),
        (7, "", 9),
    ]
    assert "field 'patch_id': A1 is no whole number" in run.log
    run("selectsources", PATCHES=patches, MERGE_DISTANCE=50, OUTPUT=make.out("t.gpkg"))
    assert "No patches that may be merged lie within 50 m of each other." in run.log


def test_new_numbers_out_of_range_are_refused_by_the_dialog(run, make, patches):
    for given, key in (
        ({"MIN_EC_SHARE": 120}, "(% of EC; empty: all): 120 is no share"),
        ({"MERGE_AREA": 2}, "Merge only patches smaller than this (km2; empty: all): an area below"),
        ({"DISPERSAL_DISTANCE": 0}, "a dispersal distance of 0 is not above 0"),
        ({"AREA_BANDS": "3, 2, 1"}, "Limits of small, medium and large merged patches (km2): '3, 2, 1'"),
    ):
        fine, message = run.check("selectsources", PATCHES=patches, OUTPUT=make.out("x.gpkg"), **given)
        assert not fine and key in message
    degrees = make.layer(
        "degrees", [("POLYGON((123 42,123.1 42,123.1 42.1,123 42.1,123 42))", {"patch_id": 1})], crs="EPSG:4326"
    )
    fine, message = run.check("selectsources", PATCHES=degrees, OUTPUT=make.out("x.gpkg"))
    assert not fine and "'degrees' is in degrees" in message


def test_refusals(run, make, patches):
    message = run.refusal("selectsources", PATCHES=patches, MIN_AREA=99, OUTPUT=make.out("x.gpkg"))
    assert "No patch of 'patches' meets all conditions" in message and "lower the least area or dPC" in message
    bare = make.layer("bare", [(square(0, 0, 1), {"a": 1})])
    message = run.refusal("selectsources", PATCHES=bare, MIN_DPC=1, OUTPUT=make.out("x.gpkg"))
    assert "'bare' has no field 'dpc'" in message and "Landscape connectivity" in message
    assert not os.path.exists(make.out("x.gpkg"))


def test_cancel_leaves_nothing(run, make, patches):
    feedback = QgsProcessingFeedback()
    feedback.cancel()
    before = set(os.listdir(make.folder))
    message = run.refusal("selectsources", feedback=feedback, PATCHES=patches, OUTPUT=make.out("x.gpkg"))
    assert "Cancelled" in message and set(os.listdir(make.folder)) == before


def test_no_size_class_is_refused(run, make, patches):
    message = run.refusal("selectsources", PATCHES=patches, SIZE_CLASSES=[], OUTPUT=make.out("sources.gpkg"))
    assert message == (
        "Size classes: No size class is chosen: choose at least one of super-large, large, medium, small."
    )
